"""The ledger: a row for each segment that says what became of it, recorded or not.

Values only; how the rows are written is in `saving`, how they are read in `segment_rows`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LedgerState(StrEnum):
    """How a segment stands in the ledger; follows from its recordings alone.

    Attributes:
        EXPECTED: it has recordings, and the media of at least one is still awaited.
        RECORDED: the media of every recording is complete.
        SKIPPED: it has no recording, rightly; the reason is the decision's.
        FAILED: a recording's media is missing or was interrupted.
    """

    EXPECTED = "expected"
    RECORDED = "recorded"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A segment in the ledger.

    Attributes:
        number: the segment's place in the order of all.
        segment: its id.
        conversation: of it.
        kind: of the call.
        started: when.
        ended: when; None while open.
        interrupted: the recorder died before it saw the end.
        outcome: of the latest decision.
        reason: of that decision.
        state: how it stands.
        why: what the state follows from, a word.
        recordings: how many it has or had.
        config_revision: pinned for it.
    """

    number: int
    segment: str
    conversation: str
    kind: str
    started: datetime
    ended: datetime | None
    interrupted: bool
    outcome: str
    reason: str
    state: LedgerState
    why: str
    recordings: int
    config_revision: str
