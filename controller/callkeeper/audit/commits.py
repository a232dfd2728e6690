"""The side file: what was committed when, each line's hash chained to the line before.

Facts of the format: one compact JSON object a line, LF. Two kinds of line.

    commit  {"v":1,"file":…,"offset":…,"row":…,"bytes":…,"rows":…,"at":…,"marks":{…},"sha256":…,"chain":…}
            these bytes of this file were on disk when the line was written. `row` counts the file's rows before it,
            `marks` holds the highest sequence of each sender among its rows, `at` is the store's clock,
            `"recovered":true` says that recovery found the rows, not an append
    state   {"v":1,"state":{"<file>":[bytes,rows],…},"at":…,"store":…,"total":{…},"marks":{…},"from":…,"chain":…}
            everything needed to go on from here: the mark of every sender, how much was committed in all (`commits`,
            `rows`, `bytes`, `since`: the first day), and how far each file is committed that was written since the side
            file began and may be written again. It opens every side file, precedes (synced) the first write to a file,
            and comes again every STATE_EVERY commits or STATE_EVERY_BYTES of lines, so that opening a store reads a
            tail and not a day. `store` names the store, at random. `"rebuilt":true` says that the lines before it were
            lost, `"restored":"<instant>"` that the store was restored from a backup of that instant

`chain` is always the last member: SHA-256 of the 32 bytes of the chain before and the line's text up to `,"chain":`.
A state line carries the chain before it (`from`), so it can be checked on its own; the first of a side file carries the
last chain of the side file before, so all side files in order of name are one chain. It begins with 32 zero bytes.

The side file is written after the segment is synced and is not itself synced with every commit: it may lag behind the
segment after a loss of power, and is then completed from it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from callkeeper.audit.compact_json import compact_encoder

GENESIS = bytes(32)

STATE_EVERY = 4096
"""Commits between state lines: opening reads at most so many lines of the side file."""

STATE_EVERY_BYTES = 1024 * 1024
"""Bytes of lines between state lines, or eight times the last state line where that is more: lines that name many
senders are long, and opening a store should not have to read more than a few MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One write that was synced.

    Attributes:
        file: name of the file with rows.
        offset: where the committed bytes begin.
        row: rows of the file before them, the header line not counted.
        size: bytes committed.
        rows: rows committed.
        at: the store's clock, `YYYY-MM-DD HH:MM:SS`.
        marks: the highest sequence of each sender among the rows.
        sha256: of the committed bytes, hexadecimal.
        recovered: found by recovery, not appended.
    """

    file: str
    offset: int
    row: int
    size: int
    rows: int
    at: str
    marks: Mapping[str, int]
    sha256: str
    recovered: bool = False

    def line(self, chain: bytes, marks: str | None = None) -> tuple[bytes, bytes]:
        """The line, LF included, and the chain after it, given the chain before.

        Args:
            chain: before it.
            marks: `marks_text` of the marks, where that is there already.
        """
        recovered = ',"recovered":true' if self.recovered else ""
        marks = marks or _encode(dict(self.marks))
        # Names and instants are of our own making, and need no escapes.
        body = (
            f'{{"v":1,"file":"{self.file}","offset":{self.offset},"row":{self.row},"bytes":{self.size},'
            f'"rows":{self.rows},"at":"{self.at}","marks":{marks}{recovered},'
            f'"sha256":"{self.sha256}"'
        )
        return _chained(body.encode(), chain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Everything a store has committed.

    Attributes:
        commits: how many.
        rows: in them.
        size: their bytes; header lines are in no commit.
        since: the earliest day a file of which was written; empty for none.
    """

    commits: int = 0
    rows: int = 0
    size: int = 0
    since: str = ""

    def plus(self, rows: int, size: int, day: str) -> "Total":
        """After one more commit."""
        since = min(day, self.since) if self.since else day
        return Total(commits=self.commits + 1, rows=self.rows + rows, size=self.size + size, since=since)

    def to_json(self) -> dict[str, int | str]:
        """As a state line has it."""
        return {"commits": self.commits, "rows": self.rows, "bytes": self.size, "since": self.since}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything needed to go on from here.

    Attributes:
        files: committed bytes and rows of each file written since the side file began.
        marks: the highest sequence of every sender.
        at: the store's clock, `YYYY-MM-DD HH:MM:SS`.
        rebuilt: what stood before this line was lost.
        store: names the store, 16 hexadecimal digits.
        total: everything committed up to here.
        restored: the instant of the backup that the store was restored from; empty but for the line that says so.
    """

    files: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    marks: Mapping[str, int] = field(default_factory=dict)
    at: str = ""
    rebuilt: bool = False
    store: str = ""
    total: Total = field(default_factory=Total)
    restored: str = ""

    def line(self, chain: bytes) -> tuple[bytes, bytes]:
        """The line, LF included, and the chain after it, given the chain before."""
        content = {
            "v": 1,
            "state": {name: list(extent) for name, extent in self.files.items()},
            "at": self.at,
            "store": self.store,
            "total": self.total.to_json(),
            "marks": dict(self.marks),
            **({"rebuilt": True} if self.rebuilt else {}),
            **({"restored": self.restored} if self.restored else {}),
            "from": chain.hex(),
        }
        return _chained(_encode(content)[:-1].encode(), chain)


_encode = compact_encoder(ascii_only=True)
_CHAIN = b',"chain":"'
_CHAIN_TAIL_LENGTH = len(_CHAIN) + 64 + len('"}\n')


def marks_text(marks: Mapping[str, int]) -> str:
    """Marks of events as a line has them: an event's sender holds nothing that JSON escapes (`event.SENDER`)."""
    return "{" + ",".join([f'"{sender}":{sequence}' for sender, sequence in marks.items()]) + "}"


def _chained(body: bytes, chain: bytes) -> tuple[bytes, bytes]:
    after = hashlib.sha256(chain + body).digest()
    return body + _CHAIN + after.hex().encode() + b'"}\n', after


def read_line(line: bytes, chain: bytes | None) -> tuple[Commit | State, bytes]:
    """Read one line, LF included, and check its chain.

    Args:
        line: the bytes.
        chain: the chain before it; None to take a state line's own word for it.

    Returns:
        The line's content and the chain after it.

    Raises:
        ValueError: the line is torn, altered, or not one of ours.
    """
    body = line[:-_CHAIN_TAIL_LENGTH]
    try:
        content = json.loads(line)
        if content["v"] != 1:
            raise ValueError(f"version {content['v']!r} of the side file is not known")
        read: Commit | State = _read_state(content) if "state" in content else _read_commit(content)
        before = bytes.fromhex(content["from"]) if isinstance(read, State) else chain
        if before is None or (chain is not None and before != chain):
            raise ValueError("the line does not follow the one before")
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no line of a side file: {error!r}") from error
    after = hashlib.sha256(before + body).digest()
    if line[-_CHAIN_TAIL_LENGTH:] != _CHAIN + after.hex().encode() + b'"}\n':
        raise ValueError("the line's chain does not fit its content")
    return read, after


def _read_state(content: Mapping[str, object]) -> State:
    return State(
        files={str(name): (int(size), int(rows)) for name, (size, rows) in content["state"].items()},  # type: ignore[attr-defined]
        marks=_read_marks(content["marks"]),
        at=str(content["at"]),
        rebuilt=bool(content.get("rebuilt", False)),
        store=str(content["store"]),
        total=_read_total(content["total"]),
        restored=str(content.get("restored", "")),
    )


def _read_total(content: Any) -> Total:
    return Total(
        commits=int(content["commits"]),
        rows=int(content["rows"]),
        size=int(content["bytes"]),
        since=str(content["since"]),
    )


def _read_commit(content: Mapping[str, object]) -> Commit:
    numbers = [content[name] for name in ("offset", "row", "bytes", "rows")]
    offset, first, size, rows = (int(number) for number in numbers)  # type: ignore[call-overload]
    return Commit(
        file=str(content["file"]),
        offset=offset,
        row=first,
        size=size,
        rows=rows,
        at=str(content["at"]),
        marks=_read_marks(content["marks"]),
        sha256=str(content["sha256"]),
        recovered=bool(content.get("recovered", False)),
    )


def _read_marks(content: object) -> dict[str, int]:
    if not isinstance(content, dict):
        raise TypeError("marks are no object")
    return {str(sender): int(sequence) for sender, sequence in content.items()}
