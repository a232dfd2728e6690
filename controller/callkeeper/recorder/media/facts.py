"""Duration and whether it can be played, read from a finished file."""

from dataclasses import dataclass
from pathlib import Path

from tinytag import TinyTag, TinyTagException

from callkeeper.recorder.media.mp4 import has_index
from callkeeper.recorder.media.recognition import Format
from callkeeper.recorder.media.wav import HEADER_BYTES, wav_facts
from callkeeper.recorder.store.recording import Media


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a file says of itself.

    Attributes:
        duration: in microseconds; None where it does not say, or cannot be played.
        repairs: what to write where, so that players understand it (WAV headers); mostly empty.
    """

    duration: int | None
    repairs: tuple[tuple[int, bytes], ...] = ()


def read_facts(path: Path, format_: Format) -> Facts:
    """Read them; what a damaged file says is not believed and not fatal.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    if format_ is Format.WAV:
        with path.open("rb") as file:
            found = wav_facts(file.read(HEADER_BYTES), size)
        return Facts(duration=None) if found is None else Facts(duration=found.duration, repairs=found.repairs)
    if format_ is Format.MP4:
        with path.open("rb") as file:
            if not has_index(file, size):
                return Facts(duration=None)
        return Facts(duration=_by_tags(path, format_) or 0)
    return Facts(duration=_by_tags(path, format_))


def playable(media: Media) -> bool:
    """Whether players can play it: all but an MP4 whose index never came, which has no duration."""
    return media.duration is not None or media.content_type != Format.MP4.content_type


def _by_tags(path: Path, format_: Format) -> int | None:
    try:
        with path.open("rb") as file:
            # The library goes by the name, which here is one of ours and may end in anything.
            seconds = TinyTag.get(f"media.{format_.extension}", file_obj=file, tags=False).duration
    except OSError:
        raise
    except (TinyTagException, ValueError, ArithmeticError, LookupError, TypeError, EOFError, MemoryError):
        # A hostile or cut file can make a parser stumble anywhere; it has no duration then.
        return None
    return None if seconds is None or not 0 <= seconds < 10**9 else round(seconds * 1_000_000)
