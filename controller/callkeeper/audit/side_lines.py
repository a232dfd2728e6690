"""Side files read for verification: every line's chain checked, and of a commit only what its bytes are held against.

Read with as little work a line as can be: a line that names sixty-four senders has 1,400 bytes, of which the hash
vouches for all and a dozen fields matter. What the quick way cannot read goes the slow way (`commits.read_line`).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from callkeeper.audit.commits import Commit, State, read_line

_HEAD = re.compile(
    rb'\{"v":1,"file":"([^"\\]+)","offset":(\d+),"row":(\d+),"bytes":(\d+),"rows":(\d+),"at":"([^"\\]*)","marks":\{'
)
_CHAIN = b',"chain":"'
_TAIL_LENGTH = len(_CHAIN) + 64 + len('"}\n')
_SHA256 = slice(-_TAIL_LENGTH - 65, -_TAIL_LENGTH - 1)
_BEFORE_SHA256 = slice(-_TAIL_LENGTH - 65 - len(b',"sha256":"'), -_TAIL_LENGTH - 65)
_RECOVERED = b'},"recovered":true,"sha256":"'


@dataclass(slots=True)
class Proof:
    """A commit line, as far as verification needs it.

    Attributes:
        file: with rows.
        offset: of its bytes.
        row: rows of the file before them.
        size: bytes.
        rows: rows.
        at: when.
        sha256: of the bytes.
        recovered: found by recovery.
        fits: the line follows the one before.
    """

    file: str
    offset: int
    row: int
    size: int
    rows: int
    at: str
    sha256: str
    recovered: bool
    fits: bool


@dataclass(slots=True)
class StateLine:
    """A state line, and whether it follows the one before."""

    state: State
    fits: bool
    before: bytes


@dataclass(slots=True)
class BadLine:
    """A line that says nothing that can be used.

    Attributes:
        whole: it was written to its end; else it may be what a crash left of one.
    """

    whole: bool


@dataclass(slots=True)
class SideLine:
    """A line of a side file.

    Attributes:
        offset: where it begins.
        size: its bytes.
        content: what it says.
        chain: after it, as it says itself.
    """

    offset: int
    size: int
    content: Proof | StateLine | BadLine
    chain: bytes


def side_lines(path: Path, chain: bytes | None, limit: int) -> Iterator[SideLine]:
    """The lines of a side file.

    After a line that does not fit, its own word is taken for the chain, so that one altered line is one finding.

    Args:
        path: the file.
        chain: before its first line; None to take the first line's own word.
        limit: how much of the file is looked at: it may be growing.

    Raises:
        OSError: it cannot be read.
    """
    offset = 0
    with path.open("rb", buffering=1024 * 1024) as file:
        for line in file:
            if offset >= limit:
                return
            read = _read(line, chain)
            content, chain = read
            yield SideLine(offset, len(line), content, chain)
            offset += len(line)


def _read(line: bytes, chain: bytes | None) -> tuple[Proof | StateLine | BadLine, bytes]:
    before = chain or bytes(32)
    head = _HEAD.match(line)
    if head is None or line[_BEFORE_SHA256] != b',"sha256":"':
        return _read_slowly(line, chain)
    after = sha256(before + line[:-_TAIL_LENGTH]).hexdigest().encode()
    fits = line[-_TAIL_LENGTH:] == _CHAIN + after + b'"}\n'
    if not fits:
        return _read_slowly(line, chain)
    file, offset, row, size, rows, at = head.groups()
    recovered = line[: -_TAIL_LENGTH - 65].endswith(_RECOVERED)
    proof = Proof(
        file.decode(), int(offset), int(row), int(size), int(rows), at.decode(), line[_SHA256].decode(), recovered, fits
    )
    return proof, bytes.fromhex(after.decode())


def _read_slowly(line: bytes, chain: bytes | None) -> tuple[Proof | StateLine | BadLine, bytes]:
    """State lines, and lines that do not fit: what they say is still worth looking at."""
    before = chain or bytes(32)
    own_word = _own_word(line)
    if own_word is None:
        # A line that was not written to its end never holds the bytes after its last brace.
        return BadLine(whole=line.endswith(b"\n") or line[:-1].endswith(b'"}')), before
    told, claimed_before = own_word
    if claimed_before is not None:
        try:
            read, after = read_line(line, None)
        except ValueError:
            return BadLine(whole=True), told
        if isinstance(read, State):
            return StateLine(read, chain is None or claimed_before == chain, claimed_before), after
    try:
        fitting, after = read_line(line, before)
    except ValueError:
        commit = _loosely(line)
        return (BadLine(whole=True) if commit is None else _proof(commit, fits=False)), told
    assert isinstance(fitting, Commit)
    return _proof(fitting, fits=True), after


def _own_word(line: bytes) -> tuple[bytes, bytes | None] | None:
    """The chain after a line as it says itself, and the chain before where it says that too; None: not even that."""
    try:
        content = json.loads(line)
        after = bytes.fromhex(content["chain"])
        before = bytes.fromhex(content["from"]) if "state" in content else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if len(after) != len(bytes(32)) or not line.endswith(b"\n"):
        return None
    return after, before


def _loosely(line: bytes) -> Commit | None:
    """A commit line whose chain does not fit: what it says of its bytes can still be tried."""
    try:
        content = json.loads(line)
        commit = Commit(
            file=str(content["file"]),
            offset=int(content["offset"]),
            row=int(content["row"]),
            size=int(content["bytes"]),
            rows=int(content["rows"]),
            at=str(content["at"]),
            marks={},
            sha256=str(content["sha256"]),
            recovered=content.get("recovered") is True,
        )
    except (ValueError, KeyError, TypeError):
        return None
    return commit


def _proof(commit: Commit, *, fits: bool) -> Proof:
    return Proof(
        commit.file,
        commit.offset,
        commit.row,
        commit.size,
        commit.rows,
        commit.at,
        commit.sha256,
        commit.recovered,
        fits,
    )
