"""An upload: media of one recording on its way, and how far it has come.

Values only. Which uploads there are is known to `open_uploads`, what is done with them to `uploads`.
"""

from dataclasses import dataclass
from datetime import datetime

from callkeeper.recorder.media.part import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an upload stands.

    Attributes:
        offset: bytes that have arrived.
        complete: nothing more is awaited.
    """

    offset: int
    complete: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Upload:
    """Media on its way.

    Attributes:
        recording: its id.
        key: of the recording.
        opened: when the recording was.
        lane: where its bytes are written.
        part: what has arrived.
        touched: when bytes came last.
        accepted: bytes given to the lane.
        sender: who sends, any object; another one's bytes are not taken.
        finishing: it is being completed.
    """

    recording: str
    key: int
    opened: datetime
    lane: int
    part: Part
    touched: datetime
    accepted: int = 0
    sender: object = None
    finishing: bool = False
