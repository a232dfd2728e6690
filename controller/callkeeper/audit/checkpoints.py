"""Checkpoints: signed lines that name everything committed up to an instant, and the keys that sign them.

    callkeeper-checkpoint v1 store=… number=7 at=… from=… to=… commits=… rows=… bytes=… chain=… previous=… key=… sig=…
    callkeeper-key v1 store=… number=8 at=… public=<base64> reason=first|rotated|lost previous=… key=<signer> sig=…

Facts of the format:
    - `checkpoints` holds them in order, one a line, numbered from 1; `previous` is SHA-256 of the line before (without
      its end), 64 zeros for the first. Whoever holds one line holds all lines before it, keys included
    - `chain` is the chain of the side files after the last commit, `commits`, `rows` and `bytes` count what it covers,
      `from` is the first day written to, `to` the newest row's Date
    - a key line names a new public key and is signed by the key before it: `reason=rotated`. The first key of a store
      signs for itself; so does one whose predecessor is lost (`reason=lost`), which verification tells
    - a line kept elsewhere (in git, in a ticket) proves what no file of the store can: that the store was not replaced

Not here: writing them (`notary`), holding a store against them (`verify_checkpoints`).
"""

import base64
from dataclasses import dataclass
from pathlib import Path

from callkeeper.audit.errors import CheckpointError
from callkeeper.audit.layout import CHECKPOINTS
from callkeeper.audit.signed_line import SignedLine, read_signed
from callkeeper.audit.signing import PUBLIC_BYTES

FIRST_PREVIOUS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A tree head.

    Attributes:
        store: names the store, 16 hexadecimal digits.
        number: of the line in the store's file.
        at: when it was made, RFC 3339.
        start: the first day that rows were written for, `2026-10-01`.
        end: the newest row's Date, RFC 3339.
        commits: covered.
        rows: covered.
        size: bytes covered.
        chain: after the last commit covered, hexadecimal.
        previous: SHA-256 of the line before.
        line: the line itself.
    """

    store: str
    number: int
    at: str
    start: str
    end: str
    commits: int
    rows: int
    size: int
    chain: str
    previous: str
    line: SignedLine

    @property
    def text(self) -> str:
        """The one line to be kept elsewhere."""
        return self.line.text


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """The word that a key is in use from here on.

    Attributes:
        store: names the store.
        number: of the line in the store's file.
        at: when it was made, RFC 3339.
        public: the new public key, 32 bytes.
        reason: `first`, `rotated`, `lost`.
        previous: SHA-256 of the line before.
        line: the line itself, signed by the key before, or by itself.
    """

    store: str
    number: int
    at: str
    public: bytes
    reason: str
    previous: str
    line: SignedLine


def read_checkpoint(text: str) -> Checkpoint:
    """Read one line, wherever it was kept; its signature is not checked.

    Raises:
        CheckpointError: it is no checkpoint.
    """
    record = read_record(text)
    if not isinstance(record, Checkpoint):
        raise CheckpointError(f"this line tells of a key, it is no checkpoint: {text[:60]!r}")
    return record


def read_record(text: str) -> Checkpoint | KeyRecord:
    """Read a line of the file of checkpoints; its signature is not checked.

    Raises:
        CheckpointError: it is none.
    """
    line = read_signed(text)
    fields = line.fields
    try:
        match line.kind:
            case "checkpoint":
                return Checkpoint(
                    store=fields["store"],
                    number=int(fields["number"]),
                    at=fields["at"],
                    start=fields["from"],
                    end=fields["to"],
                    commits=int(fields["commits"]),
                    rows=int(fields["rows"]),
                    size=int(fields["bytes"]),
                    chain=bytes.fromhex(fields["chain"]).hex(),
                    previous=fields["previous"],
                    line=line,
                )
            case "key":
                public = base64.b64decode(fields["public"], validate=True)
                if len(public) != PUBLIC_BYTES:
                    raise CheckpointError(f"the public key of line {fields['number']} is not 32 bytes long")
                return KeyRecord(
                    store=fields["store"],
                    number=int(fields["number"]),
                    at=fields["at"],
                    public=public,
                    reason=fields["reason"],
                    previous=fields["previous"],
                    line=line,
                )
            case other:
                raise CheckpointError(f"a line of kind {other!r} is no checkpoint")
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"no checkpoint: {error}: {text[:80]!r}") from error


def list_checkpoints(folder: Path) -> tuple[Checkpoint, ...]:
    """The checkpoints of a store, oldest first, as far as they can be read; nothing is checked.

    Raises:
        OSError: the file cannot be read.
    """
    found = []
    for text in checkpoint_lines(folder):
        try:
            record = read_record(text)
        except CheckpointError:
            continue
        if isinstance(record, Checkpoint):
            found.append(record)
    return tuple(found)


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint of a store; None when it has none yet.

    Raises:
        OSError: the file cannot be read.
    """
    for text in reversed(checkpoint_lines(folder)):
        try:
            return read_checkpoint(text)
        except CheckpointError:
            continue
    return None


def checkpoint_lines(folder: Path) -> list[str]:
    """The lines of the file of checkpoints.

    A last one that was not written to its end is left out; one whose end was altered never is.

    Raises:
        OSError: the file cannot be read.
    """
    lines, rest = _lines_and_rest(folder)
    return [*lines, rest] if rest and _is_whole(rest) else lines


def torn_checkpoint(folder: Path) -> tuple[int, int] | None:
    """Where a last line that was not written to its end begins, and its bytes; None where there is none such.

    Raises:
        OSError: the file cannot be read.
    """
    lines, rest = _lines_and_rest(folder)
    if not rest or _is_whole(rest):
        return None
    # Any byte is one character here.
    return sum(len(line) + 1 for line in lines), len(rest)


def _lines_and_rest(folder: Path) -> tuple[list[str], str]:
    try:
        *lines, rest = (folder / CHECKPOINTS).read_bytes().decode("ascii", "replace").split("\n")
    except FileNotFoundError:
        return [], ""
    return lines, rest


def _is_whole(rest: str) -> bool:
    """A line but for its end, which was altered; else it was never written to it."""
    try:
        read_signed(rest[:-1])
    except CheckpointError:
        return False
    return True
