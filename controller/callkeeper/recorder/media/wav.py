"""WAV files whose header does not say how long they are: reading them, and what to write so that it does.

A source that streams does not know the length when it writes the header, and one that dies never comes back to write
it. The sizes follow from the file's.

Facts:
    - RIFF: `RIFF`, size of all that follows, `WAVE`, then chunks of a name, a size and so many bytes, padded to even.
    - `fmt ` comes before `data`; what stands behind `data` (`LIST`, `bext`) is kept.
    - Sizes have 32 bits: a longer file says the largest there is, and players go by the end of the file.
"""

from dataclasses import dataclass

HEADER_BYTES = 4096
"""How far from the beginning the audio may start: headers have 44 bytes, with broadcast metadata under 2,000."""

_LARGEST = 0xFFFFFFFF
_FORMAT_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WavFacts:
    """What a header says, put right by the size of the file.

    Attributes:
        channels: how many.
        bytes_per_second: of all channels together.
        audio_at: where the audio begins, in bytes.
        audio_bytes: how much there is.
        repairs: what to write where, so that the header says so; empty where it does.
    """

    channels: int
    bytes_per_second: int
    audio_at: int
    audio_bytes: int
    repairs: tuple[tuple[int, bytes], ...]

    @property
    def duration(self) -> int:
        """In microseconds."""
        return self.audio_bytes * 1_000_000 // self.bytes_per_second


def wav_facts(head: bytes, size: int) -> WavFacts | None:
    """The facts of a WAV file of this size that begins with these bytes; None where its header is not whole.

    Args:
        head: the first `HEADER_BYTES`, or all where the file is shorter.
        size: of the file, in bytes.
    """
    place, channels, rate = 12, 0, 0
    while place + 8 <= len(head):
        name, stated = head[place : place + 4], int.from_bytes(head[place + 4 : place + 8], "little")
        content = place + 8
        if name == b"fmt " and stated >= _FORMAT_BYTES and content + _FORMAT_BYTES <= len(head):
            channels = int.from_bytes(head[content + 2 : content + 4], "little")
            rate = int.from_bytes(head[content + 8 : content + 12], "little")
        if name == b"data":
            if channels == 0 or rate == 0:
                return None
            return _facts(head, size, place, stated, channels, rate)
        place = content + stated + stated % 2
    return None


def _facts(head: bytes, size: int, place: int, stated: int, channels: int, rate: int) -> WavFacts:
    content = place + 8
    there = size - content
    # Zero is what a stream's header says before its end is known; all else that is shorter has chunks behind it.
    right = stated <= there and not (stated == 0 and there > 0)
    audio = stated if right else there
    riff = min(size - 8, _LARGEST).to_bytes(4, "little")
    repairs = []
    if head[4:8] != riff:
        repairs.append((4, riff))
    if not right and (data := min(audio, _LARGEST).to_bytes(4, "little")) != head[place + 4 : content]:
        repairs.append((place + 4, data))
    return WavFacts(
        channels=channels, bytes_per_second=rate, audio_at=content, audio_bytes=audio, repairs=tuple(repairs)
    )
