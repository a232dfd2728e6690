"""Gives memory back that a pass over everything took, and looks for garbage only when that pays.

Its rows, bodies and answers are gone, and the allocator keeps their pages for the next such pass: days away, mostly.
"""

import ctypes
import gc

LISTING_EVERY, FIRST_PASS_EVERY, SEARCH_EVERY = 1_000_000, 250_000, 20_000
"""Objects made between two looks for garbage in cycles: until everything is listed, until the first pass is over, and
from then on. Imports and the listing make several hundred thousand that stay, and hardly any that do not; to look
through them again and again, as the default of 700 does, takes a quarter of a restart."""


def start() -> None:
    """Look for garbage hardly at all; before modules are imported."""
    gc.set_threshold(LISTING_EVERY, 10, 10)


def set_apart() -> None:
    """Set apart what the listing left, so that it is not looked through while the first pass is on."""
    gc.freeze()
    gc.set_threshold(FIRST_PASS_EVERY, 10, 10)


def give_back() -> None:
    """Look through everything once for garbage, set apart what stays, and return what is free to the system."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(SEARCH_EVERY, 10, 10)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)
