import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.making import NOON, Clock, event, seconds

from callkeeper.audit import row_numbers
from callkeeper.audit.merge import Stretch
from callkeeper.audit.row_numbers import rows_of
from callkeeper.audit.scan import count_rows
from callkeeper.audit.store import AuditStore

PATH = "audit-2026-11-23.csv"


def fill(folder: Path, sizes: list[int]) -> Path:
    """Commits of these sizes, some with a late row between."""

    async def run() -> None:
        number = 0
        async with AuditStore.open(folder, now=Clock(seconds(9000))) as store:
            for size in sizes:
                await store.append([event(number + each, at=seconds(number)) for each in range(1, size + 1)])
                number += size
                if size % 3 == 0:
                    await store.append([event(number, sender="late", at=NOON)])

    asyncio.run(run())
    return folder / PATH


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=40), data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_side_file_says_what_counting_says(sizes, data):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = fill(Path(folder), sizes)
        content = path.read_bytes()
        borders = [index + 1 for index, byte in enumerate(content) if byte == ord("\n")]
        patch.setattr(row_numbers, "BLOCK_BYTES", 700)
        # One row at most is counted, so that nearly every answer is looked up.
        patch.setattr(row_numbers, "COUNTED_BYTES", 0)
        for _ in range(10):
            start, end = sorted((data.draw(st.sampled_from(borders)), data.draw(st.sampled_from(borders))))
            stretch = Stretch(path=path, start=start, end=end)
            assert rows_of(stretch) == count_rows(path, start, end)


def test_borders_of_commits_are_looked_up_and_nothing_is_read(tmp_path, monkeypatch):
    path = fill(tmp_path, [2, 2, 2])
    size = path.stat().st_size
    monkeypatch.setattr(row_numbers, "COUNTED_BYTES", 0)
    read = []
    monkeypatch.setattr(row_numbers, "count_rows", lambda _path, start, end: read.append(end - start) or 0)
    assert rows_of(Stretch(path=path, start=49, end=size)) == 6
    assert read == [0, 0]


@pytest.mark.parametrize("harm", ["gone", "empty", "torn", "foreign"])
def test_without_its_word_rows_are_counted(tmp_path, harm, monkeypatch):
    path = fill(tmp_path, [5, 4, 2])
    side = tmp_path / "audit-2026-11-23.commits"
    match harm:
        case "gone":
            side.unlink()
        case "empty":
            side.write_bytes(b"")
        case "torn":
            side.write_bytes(side.read_bytes()[:300])
        case _:
            side.write_bytes(b"\0\xff" * 5000)
    monkeypatch.setattr(row_numbers, "COUNTED_BYTES", 0)
    assert rows_of(Stretch(path=path, start=49, end=path.stat().st_size)) == 11
