"""An export to a file or a pipe as fast as the machine copies: stored bytes go from file to file inside the kernel."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace

from callkeeper.audit.merge import Stretch
from callkeeper.audit.scan import read_stretch

STEP_BYTES = 8 * 1024 * 1024
"""What one call copies at most: some milliseconds, so that a progress bar moves and Ctrl-C is heard."""

PLAIN = ".csv"
"""What the kernel can copy; anything else has to be read through."""


def send(pieces: Iterable[bytes | Stretch], descriptor: int, advance: Callable[[int], None]) -> int:
    """Write all of it, and return how many bytes that were.

    Args:
        pieces: of an export.
        descriptor: open for writing, blocking.
        advance: told of every step how many bytes it was.

    Raises:
        OSError: something cannot be read or written.
    """
    written = 0

    def count(size: int) -> None:
        nonlocal written
        written += size
        advance(size)

    for piece in pieces:
        rest = _copied(piece, descriptor, count) if isinstance(piece, Stretch) else piece
        for chunk in read_stretch(rest.path, rest.start, rest.end) if isinstance(rest, Stretch) else (rest,):
            _write(descriptor, chunk)
            count(len(chunk))
    return written


def _copied(stretch: Stretch, descriptor: int, count: Callable[[int], None]) -> Stretch | bytes:
    """Copy inside the kernel as far as that goes; what is left."""
    if stretch.path.suffix != PLAIN or not hasattr(os, "sendfile"):
        return stretch
    position = stretch.start
    try:
        opened = stretch.path.open("rb", buffering=0)
    except FileNotFoundError:
        return stretch  # compressed meanwhile, or before
    with opened as file:
        while position < stretch.end:
            try:
                sent = os.sendfile(descriptor, file.fileno(), position, min(STEP_BYTES, stretch.end - position))
            except BrokenPipeError:
                raise
            except OSError:
                # Not to this kind of target, a terminal for one: the plain way says what is wrong, if anything is.
                break
            if not sent:
                break
            position += sent
            count(sent)
    return b"" if position == stretch.end else replace(stretch, start=position)


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
