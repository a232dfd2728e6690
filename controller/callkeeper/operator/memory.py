"""Gives memory back that a pass over everything took.

Its rows, bodies and answers are gone, and the allocator keeps their pages for the next such pass: days away, mostly.
"""

import ctypes
import gc

SEARCH_EVERY = 20_000
"""Objects made between two looks for garbage in cycles: the listing makes a hundred thousand that stay, and the default
of 700 looks through them again and again."""


def look_less_often() -> None:
    """Look for garbage less often; before modules are imported, which takes a fifth less time then."""
    gc.set_threshold(SEARCH_EVERY, 10, 10)


def prepare() -> None:
    """Set apart what was imported."""
    look_less_often()
    gc.collect()
    gc.freeze()


def set_apart() -> None:
    """Set apart what there is by now, most of which stays: it is not looked through again."""
    gc.freeze()


def give_back() -> None:
    """Look through everything once for garbage, set apart what stays, and return what is free to the system."""
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)
