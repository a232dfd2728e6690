"""Where a store stands: what recovery finds, the journal goes on from, and a checkpoint says.

Values only; who reads or writes files is elsewhere.
"""

from dataclasses import dataclass, field

from callkeeper.audit.commits import GENESIS, State, Total
from callkeeper.audit.layout import SegmentName


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The tree head: names everything committed up to here.

    Attributes:
        store: names the store, 16 hexadecimal digits.
        chain: after the last line of the newest side file.
        total: everything committed.
        newest: Date of the newest row, `YYYY-MM-DD HH:MM:SS`.
    """

    store: str
    chain: bytes
    total: Total
    newest: str


@dataclass(slots=True, kw_only=True)
class Position:
    """Where a store stands.

    Attributes:
        store: names the store; empty before its first side file.
        chain: after the last line of the newest side file.
        marks: the highest sequence of every sender on disk.
        files: committed bytes and rows of the files that were written since that side file began and may grow.
        total: everything committed.
        commits_day: the day that side file is named for; None before the first row.
        segment: the part of the day's segment that is written; None before the first row.
        newest: Date of the last row of the newest day's segment, or the first second of its day; empty before that.
        commits_since_state: commit lines since the last state line.
        bytes_since_state: their bytes.
    """

    store: str = ""
    chain: bytes = GENESIS
    marks: dict[str, int] = field(default_factory=dict)
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    total: Total = field(default_factory=Total)
    commits_day: str | None = None
    segment: SegmentName | None = None
    newest: bytes = b""
    commits_since_state: int = 0
    bytes_since_state: int = 0

    @property
    def head(self) -> Head:
        """What a checkpoint of now says."""
        return Head(store=self.store, chain=self.chain, total=self.total, newest=self.newest.decode())

    def size(self, name: SegmentName) -> int:
        """Committed bytes of a file; 0 when it was not written since the side file began."""
        return self.files.get(str(name), (0, 0))[0]

    def state(self, at: str, *, rebuilt: bool = False, restored: str = "") -> State:
        """The state line of now."""
        return State(
            files=self.files,
            marks=self.marks,
            at=at,
            rebuilt=rebuilt,
            store=self.store,
            total=self.total,
            restored=restored,
        )
