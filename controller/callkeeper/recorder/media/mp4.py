"""Whether an MP4 has its index, which tells players where what is.

Facts:
    - A file is a row of boxes: size (4 bytes), name (4 bytes), content; size 1 has 8 more bytes of size, 0 reaches to
      the end (ISO/IEC 14496-12, section 4.2). The index is the box `moov`, written last by most recorders.
    - In a fragmented file `moov` comes first and each fragment (`moof`) brings its own index; its length stands nowhere
      in one place.
"""

from collections.abc import Iterator
from typing import BinaryIO

MOST_BOXES = 1_000_000
"""Boxes looked at: fragments of a tenth of a second for a day."""

_HEADER = 8
_LONG_HEADER = 16


def has_index(file: BinaryIO, size: int) -> bool:
    """Whether a whole `moov` box is there."""
    return any(name == b"moov" and end <= size for name, end in _boxes(file, size))


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    place = 0
    for _ in range(MOST_BOXES):
        if place + _HEADER > size:
            return
        file.seek(place)
        header = file.read(_LONG_HEADER)
        stated, name = int.from_bytes(header[:4], "big"), header[4:8]
        if stated == 1:
            stated = int.from_bytes(header[8:16], "big")
        elif stated == 0:
            stated = size - place
        if stated < _HEADER:
            return
        place += stated
        yield name, place
