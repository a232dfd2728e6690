"""Small real media, made here byte by byte."""

import io
import struct
import wave


def wav(seconds: float = 1.0, *, rate: int = 8_000, channels: int = 1, streamed: bool = False) -> bytes:
    """16 bit PCM; streamed: a header that does not know the length."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        frames = int(seconds * rate)
        writer.writeframes(b"".join(struct.pack("<h", n * 37 % 20_000) * channels for n in range(frames)))
    made = bytearray(file.getvalue())
    if streamed:
        made[4:8] = made[40:44] = b"\xff\xff\xff\xff"
    return bytes(made)


def ogg_opus(seconds: int = 1) -> bytes:
    """Opus of silence: a page with the head, one with the comments, then one page a second of 20 ms packets."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", 0)
    pages = [_page(head, [len(head)], 0, 0, first=True), _page(tags, [len(tags)], 1, 0)]
    for second in range(seconds):
        packets = [b"\xf8\xff\xfe"] * 50
        pages.append(_page(b"".join(packets), [3] * 50, 2 + second, 48_000 * (second + 1), last=second == seconds - 1))
    return b"".join(pages)


def mp3(frames: int = 40, *, tag: bytes = b"") -> bytes:
    """MPEG 1 layer III, 64 kbit/s, 44.1 kHz, mono, of silence: 26.1 ms a frame."""
    frame = b"\xff\xfb\x50\xc4" + bytes(144 * 64_000 // 44_100 - 4)
    return tag + frame * frames


def id3(size: int = 100) -> bytes:
    """An ID3v2 tag of so many bytes behind its header."""
    return b"ID3\x04\x00\x00" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + bytes(size)


def mp4(seconds: int = 2, *, index: bool = True, content: int = 5_000) -> bytes:
    """The boxes of a file with media data first and the index last, as recorders write it."""
    header = struct.pack(">IIIIIIHH", 0, 0, 0, 1_000, seconds * 1_000, 0x00010000, 0x0100, 0) + bytes(8 + 36 + 24 + 4)
    moov = _box(b"moov", _box(b"mvhd", header))
    file = _box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isommp41") + _box(b"mdat", bytes(content))
    return file + (moov if index else b"")


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _page(
    content: bytes, lengths: list[int], number: int, granule: int, *, first: bool = False, last: bool = False
) -> bytes:
    flags = (2 if first else 0) | (4 if last else 0)
    header = b"OggS" + struct.pack("<BBqIII", 0, flags, granule, 7, number, 0) + bytes([len(lengths), *lengths])
    checked = header + content
    return checked[:22] + struct.pack("<I", _crc(checked)) + checked[26:]


def _crc(data: bytes) -> int:
    """Ogg's own checksum (RFC 3533, section 6): polynomial 0x04c11db7, not reflected."""
    found = 0
    for byte in data:
        found ^= byte << 24
        for _ in range(8):
            found = (found << 1) ^ (0x104C11DB7 if found & 0x80000000 else 0)
    return found & 0xFFFFFFFF
