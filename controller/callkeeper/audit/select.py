"""Which rows of an export are wanted: by e-mail address, by action and by application.

Works on stored bytes: most of a log is passed over without looking at its rows one by one. A chunk is searched for the
rarest text a wanted row must hold, and only lines that hold it are read.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from callkeeper.audit.actions import Action
from callkeeper.audit.row import csv_field
from callkeeper.audit.scan import FIELD, whole_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What rows are wanted.

    Attributes:
        email: only rows of this address, compared without regard to case; None for all.
        actions: only rows of these actions; empty for all.
        app: only rows of this AppName, to the letter; None for all.
    """

    email: str | None = None
    actions: tuple[Action, ...] = ()
    app: str | None = None

    @property
    def everything(self) -> bool:
        """Nothing is left out."""
        return self.email is None and not self.actions and self.app is None

    def apply(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The wanted rows of stored bytes (without a header line), as stored; chunks need not end with a line."""
        if self.everything:
            yield from chunks
            return
        several = self._several()
        needle = self._needle()
        for chunk in whole_lines(iter(chunks)):
            if kept := b"".join(_matching(chunk, needle, several)):
                yield kept

    def _several(self) -> re.Pattern[bytes]:
        """Wanted rows that follow each other."""
        email = FIELD if self.email is None else b"".join(map(_either_case, csv_field(self.email)))
        names = b"|".join(re.escape(action.value.encode()) for action in self.actions)
        actions = b"(?:" + names + b")" if names else FIELD
        app = FIELD if self.app is None else re.escape(_stored(self.app))
        wanted = rb"[^,]{29}," + email + b"," + FIELD + b"," + app + b"," + actions + b","
        return re.compile(rb"(?:" + wanted + rb"[^\n]*+\n)+")

    def _needle(self) -> re.Pattern[bytes]:
        """Something every wanted row holds, as plain as can be."""
        if self.actions:
            return re.compile(b"|".join(b"," + re.escape(action.value.encode()) + b"," for action in self.actions))
        if self.email is not None:
            return re.compile(b"," + b"".join(map(_either_case, csv_field(self.email))) + b",")
        return re.compile(b"," + re.escape(_stored(self.app or "")) + b",")


def _matching(chunk: bytes, needle: re.Pattern[bytes], several: re.Pattern[bytes]) -> Iterator[bytes]:
    """The wanted rows; those that follow each other in one piece, which is quicker where most are wanted."""
    position = 0
    while hit := needle.search(chunk, position):
        begin = chunk.rfind(b"\n", 0, hit.start()) + 1
        found = several.match(chunk, begin)
        position = found.end() if found else chunk.index(b"\n", hit.start()) + 1
        if found:
            yield found[0]


def _stored(text: str) -> bytes:
    return csv_field(text).encode("utf-8", "surrogatepass")


def _either_case(character: str) -> bytes:
    forms = {character, character.lower(), character.upper()}
    encoded = sorted(re.escape(form.encode("utf-8", "surrogatepass")) for form in forms)
    return encoded[0] if len(encoded) == 1 else b"(?:" + b"|".join(encoded) + b")"
