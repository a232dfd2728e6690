"""Compressed files with rows: gzip any tool reads (`zcat`), in members of whole rows that are found without an index.

Facts of the format (RFC 1952):
    - a file is a sequence of members, each some 1 MiB of whole rows; the first begins with the header line
    - each member's header has an extra field `CK` of 31 bytes: the member's length, the length of its content, CRC-32
      of its compressed bytes (4 bytes each, little-endian), and the Date of its first row (19 bytes): hopping from
      header to header gives every offset and Date, a thousand members a few milliseconds
    - what is proven (commits, checkpoints, stubs) are the bytes of the content, so packing changes no proof
"""

import bisect
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from callkeeper.audit.row import DATE_LENGTH, HEADER, MAX_ROW_BYTES

MEMBER_BYTES = 1024 * 1024
"""Content of a member: small enough to unpack in a few milliseconds, big enough to pack as well as the whole."""

LEVEL = 6
"""zlib's default: further levels take twice as long for a few percent."""

_EXTRA = struct.Struct(f"<2sHIII{DATE_LENGTH}s")
_START = struct.pack("<4sIBBH", b"\x1f\x8b\x08\x04", 0, 0, 255, _EXTRA.size)
_END = struct.Struct("<II")
_HEADER_BYTES = len(_START) + _EXTRA.size
_FIELD_BYTES = _EXTRA.size - 4


class PackedError(OSError):
    """A compressed file is not one of ours, or damaged."""


@dataclass(frozen=True, slots=True)
class _Member:
    offset: int
    size: int
    start: int
    length: int
    sum: int
    date: bytes


def pack(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Compress a file with rows; the pieces are members."""
    held = b""
    for chunk in chunks:
        held += chunk
        while len(held) >= MEMBER_BYTES + MAX_ROW_BYTES:
            cut = held.rfind(b"\n", 0, MEMBER_BYTES) + 1
            yield _member(held[:cut])
            held = held[cut:]
    if held:
        yield _member(held)


def _member(content: bytes) -> bytes:
    date = _first_date(content)
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(content) + packer.flush()
    size = _HEADER_BYTES + len(body) + _END.size
    extra = _EXTRA.pack(b"CK", _FIELD_BYTES, size, len(content), zlib.crc32(body), date)
    return _START + extra + body + _END.pack(zlib.crc32(content), len(content))


def _first_date(content: bytes) -> bytes:
    begin = len(HEADER) if content.startswith(HEADER) else 0
    return content[begin : begin + DATE_LENGTH].ljust(DATE_LENGTH)


class PackedRows:
    """A compressed file, read by the offsets of its content. See `StoredRows`."""

    def __init__(self, path: Path) -> None:
        """Hop through the members.

        Raises:
            OSError: the file cannot be read.
            PackedError: it is damaged.
        """
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._held: tuple[int, bytes] = (-1, b"")
        try:
            self._members = self._find_members()
        except BaseException:
            os.close(self._descriptor)
            raise
        self._starts = [member.start for member in self._members]

    @property
    def size(self) -> int:
        """See `StoredRows`."""
        return self._members[-1].start + self._members[-1].length if self._members else 0

    def read_at(self, size: int, offset: int) -> bytes:
        """See `StoredRows`.

        Raises:
            OSError: the file cannot be read.
            PackedError: it is damaged.
        """
        pieces: list[bytes] = []
        index = max(0, bisect.bisect_right(self._starts, offset) - 1)
        while size > 0 and index < len(self._members):
            piece = self._content(index)[offset - self._starts[index] :][:size]
            pieces.append(piece)
            size -= len(piece)
            offset += len(piece)
            index += 1
        return b"".join(pieces)

    def read_into(self, buffer: bytearray, offset: int) -> int:
        """See `StoredRows`."""
        data = self.read_at(len(buffer), offset)
        buffer[: len(data)] = data
        return len(data)

    def narrow(self, date: bytes, begin: int, end: int) -> tuple[int, int]:
        """See `StoredRows`."""
        after = bisect.bisect_left(self._members, date, key=lambda member: member.date)
        low = self._starts[after - 1] if after else 0
        high = self._starts[after] if after < len(self._members) else self.size
        low, high = max(begin, low), min(end, high)
        return (low, high) if low <= high else (begin, begin) if high < begin else (end, end)

    def close(self) -> None:
        """See `StoredRows`."""
        os.close(self._descriptor)

    def _find_members(self) -> list[_Member]:
        members: list[_Member] = []
        offset = start = 0
        length = os.fstat(self._descriptor).st_size
        while offset < length:
            header = os.pread(self._descriptor, _HEADER_BYTES, offset)
            if len(header) < _HEADER_BYTES or not header.startswith(_START):
                raise PackedError(f"{self._path} is damaged at byte {offset}: no member begins there")
            name, field, size, content, checksum, date = _EXTRA.unpack_from(header, len(_START))
            if name != b"CK" or field != _FIELD_BYTES or size <= _HEADER_BYTES or offset + size > length:
                raise PackedError(f"{self._path} is damaged at byte {offset}: the member's header does not fit")
            members.append(_Member(offset, size, start, content, checksum, date))
            offset += size
            start += content
        return members

    def _content(self, index: int) -> bytes:
        if self._held[0] != index:
            member = self._members[index]
            data = os.pread(self._descriptor, member.size, member.offset)
            try:
                content = zlib.decompress(data[_HEADER_BYTES:-8], -zlib.MAX_WBITS, member.length)
            except zlib.error as error:
                raise PackedError(f"{self._path} is damaged at byte {member.offset}: {error}") from error
            sums = zlib.crc32(data[_HEADER_BYTES:-8]), _END.pack(zlib.crc32(content), len(content))
            if sums != (member.sum, data[-8:]) or len(content) != member.length:
                raise PackedError(f"{self._path} is damaged at byte {member.offset}: the content does not fit its sum")
            if _first_date(content) != member.date:
                raise PackedError(
                    f"{self._path} is damaged at byte {member.offset}: the Date there is not its first row's"
                )
            self._held = index, content
        return self._held[1]
