"""An export as it is asked for, in words: a range, which rows, which form. One reading for HTTP and command line."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from callkeeper.audit.actions import Action, Area
from callkeeper.audit.errors import SelectionError
from callkeeper.audit.row import MAX_APP_NAME, MAX_EMAIL
from callkeeper.audit.select import Selection
from callkeeper.audit.taxonomy import AREA
from callkeeper.audit.time_words import parse_range

MAX_ASKED = 256
"""Parameters of one request: every action once, and the rest."""

_SAFE = {"true": True, "false": False}
_ONCE = ("from", "to", "email", "app", "spreadsheetSafe")
_MANY = ("action", "area")

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedExport:
    """What is wanted.

    Attributes:
        start: the first instant, included.
        end: the first instant not included.
        selection: which rows.
        spreadsheet_safe: fields that look like formulas get an apostrophe in front.
    """

    start: datetime
    end: datetime
    selection: Selection
    spreadsheet_safe: bool = False


def read_asked(parameters: Iterable[tuple[str, str]], now: datetime) -> AskedExport:
    """Read the parameters of an export.

    Args:
        parameters: names and values: from, to, email, action (repeatable), area (repeatable), app, spreadsheetSafe.
        now: what `now` is, aware.

    Raises:
        RangeError: the range cannot be read or is reversed.
        SelectionError: another parameter cannot be read, is unknown, or stands twice.
    """
    once: dict[str, str] = {}
    many: dict[str, list[str]] = {name: [] for name in _MANY}
    for number, (name, value) in enumerate(parameters):
        if number >= MAX_ASKED:
            raise SelectionError(f"more than {MAX_ASKED} parameters")
        if name in many:
            many[name].append(value)
        elif name not in _ONCE:
            # A misspelt filter that is passed over would give everything.
            raise SelectionError(f"there is no parameter `{name[:40]}`; there are {', '.join((*_ONCE, *_MANY))}")
        elif name in once:
            raise SelectionError(f"`{name}` stands twice")
        else:
            once[name] = value
    if missing := [name for name in ("from", "to") if name not in once]:
        raise SelectionError(f"`{missing[0]}` is missing; give from and to, such as from=2026-10&to=2026-10")
    start, end = parse_range(once["from"], once["to"], now)
    if once.get("spreadsheetSafe", "false") not in _SAFE:
        raise SelectionError("`spreadsheetSafe` is true or false")
    return AskedExport(
        start=start,
        end=end,
        selection=select(once.get("email"), many["action"], many["area"], once.get("app")),
        spreadsheet_safe=_SAFE[once.get("spreadsheetSafe", "false")],
    )


def select(
    email: str | None = None, actions: Iterable[str] = (), areas: Iterable[str] = (), app: str | None = None
) -> Selection:
    """The rows that are wanted; of actions and areas, each in any case, those named in both.

    Raises:
        SelectionError: there is no such action or area, or no action is in both.
    """
    if email is not None and not 1 <= len(email) <= MAX_EMAIL:
        raise SelectionError(f"`email` is not 1 to {MAX_EMAIL} characters")
    if app is not None and len(app) > MAX_APP_NAME:
        raise SelectionError(f"`app` is more than {MAX_APP_NAME} characters")
    named = {_word(Action, name) for name in actions}
    of_areas = {_word(Area, name) for name in areas}
    wanted = [
        action for action in Action if (not named or action in named) and (not of_areas or AREA[action] in of_areas)
    ]
    if not wanted:
        first = min(named)
        raise SelectionError(f"{first} is in the area {AREA[first].value!r}; no action named is in the areas named")
    return Selection(email=email, actions=tuple(wanted) if named or of_areas else (), app=app)


def _word(words: type[E], text: str) -> E:
    known = {word.value.casefold(): word for word in words}
    found = known.get(text.casefold())
    if found is None:
        near = difflib.get_close_matches(text[:100], [word.value for word in words], n=1)
        hint = f"did you mean {near[0]}?" if near else "`callkeeper audit actions` lists what there is"
        raise SelectionError(f"there is no {words.__name__.lower()} {text[:100]!r}; {hint}")
    return found
