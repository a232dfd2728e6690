"""What a check may find, and how it is said."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How rows and files differ.

    Attributes:
        MISSING_FILE: a recording's media is not where its row says.
        ALTERED_SIZE: the file is longer or shorter than what was stored.
        ALTERED_CONTENT: it is as long, and its SHA-256 is another one.
        UNREADABLE_FILE: it is there, and cannot be read.
        COMPLETE_WITHOUT_MEDIA: the row says complete, and names no media.
        ORPHANED_FILE: a file in the media folder that no row names.
        LEFTOVER_UPLOAD: what arrived of an upload that nobody goes on with.
        MEDIA_OF_TOMBSTONE: the recording was removed for good, and its media is still there.
    """

    MISSING_FILE = "missing-file"
    ALTERED_SIZE = "altered-size"
    ALTERED_CONTENT = "altered-content"
    UNREADABLE_FILE = "unreadable-file"
    COMPLETE_WITHOUT_MEDIA = "complete-without-media"
    ORPHANED_FILE = "orphaned-file"
    LEFTOVER_UPLOAD = "leftover-upload"
    MEDIA_OF_TOMBSTONE = "media-of-tombstone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference.

    Attributes:
        kind: how rows and files differ.
        recording: id; empty where no recording can be told from the file.
        path: of the file, relative to the media folder; empty without one.
        detail: what was expected and what is there, in words.
    """

    kind: Kind
    recording: str
    path: str
    detail: str

    def __str__(self) -> str:
        what = " ".join(text for text in (self.recording, self.path) if text)
        return f"{self.kind.value}: {what}: {self.detail}"


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far something that takes long has come; whoever shows it reads it.

    Attributes:
        files: looked at.
        bytes: read, linked or written.
    """

    files: int = 0
    bytes: int = 0
