from pathlib import Path

import pytest
from tests.recorder.stage import Stage, stage


@pytest.fixture
def recorder(tmp_path: Path) -> Stage:
    return stage(tmp_path)
