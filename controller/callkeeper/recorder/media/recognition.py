"""What media is, by its content: WAV, Ogg Opus, MP3 or MP4. Names and declared types are never looked at.

Facts:
    - WAV: `RIFF`, a size, `WAVE` (Microsoft's RIFF description). Ogg Opus: a page `OggS` whose first packet begins with
      `OpusHead` (RFC 7845, section 5.1); other codecs in Ogg are refused.
    - MP4: a first box `ftyp` with a brand of the MP4 family (ISO/IEC 14496-12, section 4.3).
    - MP3 has no signature: two frames in a row that agree (ISO/IEC 11172-3), behind an ID3v2 tag if there is one. One
      frame's 11 bits of sync word would be found in any noise.
"""

from collections.abc import Sequence
from enum import Enum

MEDIA_HEAD_BYTES = 16 * 1024
"""Media that cannot be told by its first 16 KiB is refused: two MP3 frames take 5 KiB, and a tag before them fits."""


class Format(Enum):
    """A format that is taken: content type and file name extension."""

    WAV = ("audio/wav", "wav")
    OGG_OPUS = ("audio/ogg", "ogg")
    MP3 = ("audio/mpeg", "mp3")
    MP4 = ("video/mp4", "mp4")

    @property
    def content_type(self) -> str:
        """As it is answered, RFC 2046."""
        return self.value[0]

    @property
    def extension(self) -> str:
        """Of the file's name, without a dot."""
        return self.value[1]


class UnknownContent(ValueError):  # noqa: N818 - what it is, not whose fault
    """It is none of the formats that are taken."""


_MP4_BRANDS = frozenset(
    {b"isom", b"mp41", b"mp42", b"avc1", b"M4A ", b"M4V ", b"M4VP", b"dash", b"msdh", b"iso2", b"iso3", b"iso4"}
    | {b"iso5", b"iso6", b"iso7", b"iso8", b"iso9", b"cmfc", b"f4v "}
)

# Kilobit a second by index, for (version 1, layer III) and (versions 2 and 2.5, layer III).
_BIT_RATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_SAMPLE_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_LAYER_THREE = 1
_VERSION_ONE = 3
_ID3_HEADER_BYTES = 10


def recognise(head: bytes, *, complete: bool) -> Format | None:
    """The format of media that begins with these bytes.

    Args:
        head: all that has come.
        complete: nothing more comes.

    Returns:
        The format, or None where more bytes are needed to tell.

    Raises:
        UnknownContent: it is none that is taken.
    """
    # However the bytes are divided, the answer is the same.
    head = head[:MEDIA_HEAD_BYTES]
    undecided = False
    for format_, look in _LOOKS:
        found = look(head)
        if found:
            return format_
        undecided = undecided or found is None
    if not undecided or complete or len(head) >= MEDIA_HEAD_BYTES:
        raise UnknownContent("this is neither WAV, Ogg Opus, MP3 nor MP4")
    return None


def _fits(head: bytes, parts: Sequence[tuple[int, bytes]]) -> bool | None:
    """Whether these bytes stand at these places; None where what has come fits and is too short."""
    for place, wanted in parts:
        there = head[place : place + len(wanted)]
        if there != wanted[: len(there)]:
            return False
    last, wanted = parts[-1]
    return True if len(head) >= last + len(wanted) else None


def _wav(head: bytes) -> bool | None:
    return _fits(head, [(0, b"RIFF"), (8, b"WAVE")])


def _ogg_opus(head: bytes) -> bool | None:
    # The first page has one packet and so one entry in its table of segments (RFC 7845, section 3).
    return _fits(head, [(0, b"OggS\x00"), (26, b"\x01"), (28, b"OpusHead")])


def _mp4(head: bytes) -> bool | None:
    fits = _fits(head, [(4, b"ftyp")])
    if not fits:
        return fits
    size = int.from_bytes(head[:4], "big")
    if not 16 <= size <= 1024 or size % 4:  # noqa: PLR2004 - a box with at least its major brand, at most 250 brands
        return False
    if len(head) < size:
        return None
    brands = (head[place : place + 4] for place in (8, *range(16, size, 4)))
    return any(brand in _MP4_BRANDS for brand in brands)


def _mp3(head: bytes) -> bool | None:
    begin = 0
    if head[:3] == b"ID3"[: len(head[:3])]:
        if len(head) < _ID3_HEADER_BYTES:
            return None
        if any(byte & 0x80 for byte in head[6:10]):
            return False
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        footer = _ID3_HEADER_BYTES if head[5] & 0x10 else 0
        begin = _ID3_HEADER_BYTES + size + footer
    first = _frame_bytes(head, begin)
    if not first:
        return None if first is None and begin < MEDIA_HEAD_BYTES else False
    second = _frame_bytes(head, begin + first)
    if not second:
        return None if second is None else False
    # Version, layer and sampling rate stay the same from frame to frame.
    one, two = head[begin : begin + 4], head[begin + first : begin + first + 4]
    return one[1] == two[1] and one[2] & 0x0C == two[2] & 0x0C


def _frame_bytes(head: bytes, place: int) -> int | None:
    """The length of the MPEG layer III frame that begins there; 0 where none does, None where too little has come."""
    header = head[place : place + 4]
    if (len(header) > 0 and header[0] != 0xFF) or (len(header) > 1 and header[1] & 0xE0 != 0xE0):  # noqa: PLR2004 - the sync word
        return 0
    if len(header) < 4:  # noqa: PLR2004 - a frame's header has four bytes
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bit_rate, sampling = header[2] >> 4, header[2] >> 2 & 3
    if layer != _LAYER_THREE or version not in _SAMPLE_RATES or sampling > 2 or bit_rate in {0, 15}:  # noqa: PLR2004 - reserved
        return 0
    one = version == _VERSION_ONE
    bits = _BIT_RATES[0 if one else 1][bit_rate] * 1000
    return (144 if one else 72) * bits // _SAMPLE_RATES[version][sampling] + (header[2] >> 1 & 1)


_LOOKS = ((Format.WAV, _wav), (Format.OGG_OPUS, _ogg_opus), (Format.MP4, _mp4), (Format.MP3, _mp3))
