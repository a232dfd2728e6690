"""Where a setting stands in the files it was read from, as a port: the recorder itself knows objects only."""

from dataclasses import dataclass
from typing import Protocol

from callkeeper.policy.config import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a file.

    Attributes:
        file: as whoever read it names it.
        line: from 1, counted from the file's start.
        column: from 1.
    """

    file: str
    line: int
    column: int


class Locator(Protocol):
    """Looks places up. Called for every step of every decision: an answer from memory is expected."""

    def locate(self, source: Source) -> Location | None:
        """The place of this object's entry, or None when it is not known here."""
        ...


class NoLocator:
    """Knows no files: a recorder programmed from elsewhere."""

    def locate(self, source: Source) -> Location | None:  # noqa: ARG002 - the port's signature
        """None."""
        return None
