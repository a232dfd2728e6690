from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callkeeper.recorder.store.sqlite import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "store")
    yield opened
    await opened.close()
