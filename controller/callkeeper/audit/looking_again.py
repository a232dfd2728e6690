"""Looking at a store's files while retention may delete a day of them."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

ATTEMPTS = 3
"""A file that was listed may be gone when it is opened; the next attempt sees what is there by then."""

T = TypeVar("T")


def looked_at(look: Callable[[], T]) -> T:
    """What `look` finds; from the beginning where a file has gone meanwhile.

    Raises:
        FileNotFoundError: at the last attempt as well.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(FileNotFoundError):
            return look()
    return look()
