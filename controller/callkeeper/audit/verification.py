"""What verifying a store found: values, and how they are told.

Not here: finding it (`verify`, `verify_checkpoints`).
"""

from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """What kind of damage."""

    ROWS_ALTERED = "rows-altered"
    """Committed bytes do not fit their hash: edited, inserted, removed, reordered."""
    ROWS_MISSING = "rows-missing"
    """Committed bytes are gone from the end of a file, or from between two commits."""
    ROWS_UNPROVEN = "rows-unproven"
    """A file holds bytes that no commit covers, where no writer can have left them."""
    FILE_MISSING = "file-missing"
    """A file is gone, and no signed line says that retention deleted it."""
    CHAIN_BROKEN = "chain-broken"
    """Lines of a side file were edited, inserted, removed or reordered."""
    CHECKPOINT_UNKNOWN = "checkpoint-unknown"
    """A checkpoint names a state that this store never had: it was replaced, rolled back, or altered before it."""
    SIGNATURE_WRONG = "signature-wrong"
    """A signed line was altered, or is signed by a key that nobody vouches for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Damage.

    Attributes:
        trouble: of what kind.
        file: where.
        offset: the first byte concerned.
        size: how many bytes; 0 where that is not known.
        first_row: number of the first row concerned, from 1 in its file; 0 where no rows are.
        rows: how many rows.
        commit: number of the commit in the store, from 1; 0 where none is.
        at: when it was committed, `YYYY-MM-DD HH:MM:SS` UTC; empty where that is not known.
        message: what does not fit, in a sentence.
    """

    trouble: Trouble
    file: str
    message: str
    offset: int = 0
    size: int = 0
    first_row: int = 0
    rows: int = 0
    commit: int = 0
    at: str = ""

    def __str__(self) -> str:
        place = f"{self.file}: "
        if self.commit:
            place += f"commit {self.commit:,}"
            place += f" of {self.at} UTC" if self.at else ""
            place += f", rows {self.first_row:,} to {self.first_row + self.rows - 1:,}" if self.rows else ""
            place += f", bytes {self.offset:,} to {self.offset + self.size:,}: " if self.size else ": "
        elif self.size:
            place += f"bytes {self.offset:,} to {self.offset + self.size:,}: "
        return place + self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """What lies after the last commit of a file that was being written: no damage.

    Attributes:
        file: its name.
        offset: the first byte after the last commit.
        size: how many bytes.
        rows: whole rows among them: on their way into the side file, or left by a crash.
        torn: bytes after those: a write that did not come to its end.
    """

    file: str
    offset: int
    size: int
    rows: int
    torn: int

    def __str__(self) -> str:
        rest = f" and {self.torn:,} bytes of a row that was not written to its end" if self.torn else ""
        return f"{self.file}: {self.rows:,} rows{rest} after the last commit (a writer at work, or a torn tail)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found.

    Attributes:
        store: names the store; empty for one without commits.
        chain: head of the chain up to which it was verified, hexadecimal.
        commits: verified.
        rows: in them.
        size: their bytes.
        deleted: files of which a signed line is left.
        start: the first day with rows; empty for none.
        problems: damage, the first bad commit first.
        tails: what lies after the last commits.
        notes: what an auditor should know, and is no damage.
        checkpoints: of the store's own, how many fit.
        against: of those kept elsewhere, how many fit.
        keys: ids of the keys that signed.
    """

    store: str = ""
    chain: str = ""
    commits: int = 0
    rows: int = 0
    size: int = 0
    deleted: int = 0
    start: str = ""
    problems: tuple[Problem, ...] = ()
    tails: tuple[Tail, ...] = ()
    notes: tuple[str, ...] = ()
    checkpoints: int = 0
    against: int = 0
    keys: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Nothing altered was found; a torn tail is nothing altered."""
        return not self.problems
