"""How many rows a stretch of a file has, without reading it: the side file says with which row each commit begins.

Only a figure for people and for the row of a download: where the side file does not know, or is gone, rows are counted.
Whether it says the truth, verification tells.
"""

import re
from pathlib import Path

from callkeeper.audit.layout import SegmentName, commits_name
from callkeeper.audit.merge import Stretch
from callkeeper.audit.scan import count_rows

COUNTED_BYTES = 4 * 1024 * 1024
"""A stretch up to this is counted: a millisecond or two, as quick as looking it up."""

BLOCK_BYTES = 64 * 1024
"""What is read of the side file at a time: some 200 lines."""

_Known = tuple[int, int, int, int]
"""Of a commit: offset, rows before it, bytes, rows."""


def rows_of(stretch: Stretch) -> int:
    """The rows of a stretch.

    Raises:
        OSError: a file cannot be read.
    """
    if stretch.size > COUNTED_BYTES:
        first, last = _rows_before(stretch.path, stretch.start), _rows_before(stretch.path, stretch.end)
        if first is not None and last is not None:
            return last - first
    return count_rows(stretch.path, stretch.start, stretch.end)


def _rows_before(path: Path, offset: int) -> int | None:
    """Rows of a day's segment before an offset where a row begins; None where the side file does not say."""
    name = SegmentName.parse(path.name)
    if name is None or name.run:
        return None
    try:
        commit = _commit_at(path.with_name(commits_name(name.day)), str(name), offset)
    except OSError:
        return None
    if commit is None:
        return None
    begin, row, size, rows = commit
    if offset >= begin + size:
        begin, row = begin + size, row + rows
    return row + count_rows(path, begin, offset) if offset - begin <= COUNTED_BYTES else None


def _commit_at(side: Path, file: str, offset: int) -> _Known | None:
    """The last commit of a file that begins at this offset or before, by bisection."""
    line = re.compile(
        rb'\{"v":1,"file":"' + re.escape(file.encode()) + rb'","offset":(\d+),"row":(\d+),"bytes":(\d+),"rows":(\d+),'
    )
    with side.open("rb", buffering=0) as source:
        low, high = 0, source.seek(0, 2)
        while high - low > BLOCK_BYTES:
            middle = (low + high) // 2
            source.seek(middle)
            match = line.search(source.read(BLOCK_BYTES))
            if match is None or int(match[1]) > offset:
                high = middle
            else:
                low = middle + match.start()
        source.seek(low)
        found = None
        # Twice a block: the line that begins just before the end is wanted as well.
        for match in line.finditer(source.read(2 * BLOCK_BYTES)):
            if int(match[1]) > offset:
                break
            found = match
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]), int(found[4]))
