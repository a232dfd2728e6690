from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.recorder.stage import Stage, stage, strike


@pytest.fixture
def recorder(tmp_path: Path) -> Stage:
    return stage(tmp_path)


@pytest.fixture(autouse=True)
def _struck() -> Iterator[None]:
    yield
    strike()
