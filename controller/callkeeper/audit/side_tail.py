"""The end of a side file: where the store stood, as far as its lines can be believed.

Read backwards from the end of the file to its last valid state line, so that opening costs the same at any size.
"""

import json
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from callkeeper.audit.commits import Commit, State, read_line
from callkeeper.audit.layout import SegmentName
from callkeeper.audit.scan import read_stretch
from callkeeper.audit.side_lines import Proof, side_lines

TAIL_BYTES = 4 * 1024 * 1024
"""How much of a side file is read from its end; holds the last state line unless the store has very many senders."""

_GROWTH = 8
_STATE = b'{"v":1,"state":'


@dataclass(slots=True)
class SideTail:
    """What the end of a side file says.

    Attributes:
        state: the last valid state line.
        chain: after the last valid line.
        commits: the newest commits, those before the state line included, for their hashes.
        since_state: the commits after the state line.
        end: where the valid lines end.
    """

    state: State
    chain: bytes
    commits: list[Commit]
    since_state: list[Commit]
    end: int


def read_side_tail(path: Path) -> SideTail | None:
    """Read a side file from its last valid state line on; None when it has none (or is not there).

    Raises:
        OSError: it cannot be read.
    """
    if not path.exists():
        return None
    size = path.stat().st_size
    length = TAIL_BYTES
    while True:
        start = max(0, size - length)
        tail = _tail_of(b"".join(read_stretch(path, start, size)), start)
        if tail is not None or not start:
            return tail
        length *= _GROWTH


def claimed_files(lost: bytes) -> dict[str, tuple[int, int]]:
    """The files that lines which do not fit speak of, and how far each was committed before, as those lines claim.

    Of use only to know where to look: nothing of it is proven.
    """
    files: dict[str, tuple[int, int]] = {}
    for line in lost.splitlines():
        try:
            content = json.loads(line)
            if "state" in content:
                claims = [(name, int(size), int(rows)) for name, (size, rows) in content["state"].items()]
            else:
                claims = [(content["file"], int(content["offset"]), int(content["row"]))]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        for name, size, rows in claims:
            if isinstance(name, str) and SegmentName.parse(name) and size >= 0 and rows >= 0:
                files.setdefault(name, (size, rows))
    return files


def committed_extents(side_files: Iterable[Path], wanted: AbstractSet[str]) -> dict[str, tuple[int, int]]:
    """How far these files with rows are committed by whole side files, in bytes and rows; absent where they are not.

    Raises:
        OSError: one cannot be read.
    """
    extents: dict[str, tuple[int, int]] = {}
    for path in side_files if wanted else ():
        for line in side_lines(path, None, path.stat().st_size):
            proof = line.content
            if isinstance(proof, Proof) and proof.fits and proof.file in wanted:
                extents[proof.file] = (proof.offset + proof.size, proof.row + proof.rows)
    return extents


def _tail_of(data: bytes, start: int) -> SideTail | None:
    lines = data.splitlines(keepends=True)
    offsets = [start]
    for line in lines:
        offsets.append(offsets[-1] + len(line))
    for begin in range(len(lines) - 1, -1, -1):
        if (found := _read_state(lines[begin])) is not None:
            break
    else:
        return None
    tail = SideTail(*found, _earlier_commits(lines[:begin]), [], offsets[begin + 1])
    for index in range(begin + 1, len(lines)):
        try:
            read, tail.chain = read_line(lines[index], tail.chain)
        except ValueError:
            break
        assert isinstance(read, Commit)
        tail.commits.append(read)
        tail.since_state.append(read)
        tail.end = offsets[index + 1]
    return tail


def _read_state(line: bytes) -> tuple[State, bytes] | None:
    """A state line and the chain after it; None for any other line."""
    if not line.startswith(_STATE):
        return None
    try:
        read, chain = read_line(line, None)
    except ValueError:
        return None
    return (read, chain) if isinstance(read, State) else None


def _earlier_commits(lines: list[bytes]) -> list[Commit]:
    """The commits before the last state line that can be read and follow each other, for their hashes."""
    commits: list[Commit] = []
    chain: bytes | None = None
    for line in lines:
        try:
            read, chain = read_line(line, chain)
        except ValueError:
            chain = None
            continue
        if isinstance(read, Commit):
            commits.append(read)
    return commits
