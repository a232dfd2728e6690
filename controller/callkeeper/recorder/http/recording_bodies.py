"""What is sent about recordings: searches, exports, notes, holds. Phone numbers stand in bodies, never in addresses."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StringConstraints

from callkeeper.audit.errors import RangeError
from callkeeper.audit.time_words import parse_instant, show
from callkeeper.policy.call import CallKind, Direction, Scope
from callkeeper.policy.numbers import normalize_number
from callkeeper.recorder import bounds
from callkeeper.recorder.http.bodies import Body, Identifier, Number, Reference
from callkeeper.recorder.http.problems import Problem
from callkeeper.recorder.store.instants import instant_of, micros
from callkeeper.recorder.store.recording import Status
from callkeeper.recorder.store.search import Place, Search

_LINE = r"^[^\x00-\x1f\x7f]*$"
_PROSE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

Instant = Annotated[str, StringConstraints(max_length=64, pattern=_LINE)]
Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=bounds.TAG_CHARACTERS, pattern=r"^[^\x00-\x20\x7f/][^\x00-\x1f\x7f/]*$"),
]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=bounds.REASON_CHARACTERS, pattern=_LINE, strip_whitespace=True)
]
Cursor = Annotated[str, StringConstraints(max_length=40, pattern=r"^[0-9]{1,17}-[0-9]{1,18}$")]
Seconds = Annotated[StrictInt | StrictFloat, Field(ge=0, le=bounds.DURATION_SECONDS)]


class FilterBody(Body):
    """Which recordings: every member narrows; absent ones do not."""

    opened_from: Instant | None = Field(
        None, alias="from", description="Opened at this time or later: RFC 3339, a day, or a word such as yesterday."
    )
    opened_to: Instant | None = Field(None, alias="to", description="Opened before it; a day means its end.")
    user: Reference | None = Field(None, description="Directory id or e-mail address of whose recording it is.")
    number: Number | None = Field(None, description="Of any party, as signalled; compared normalized, as a whole.")
    conversation: Identifier | None = None
    segment: Identifier | None = None
    direction: Direction | None = None
    scope: Scope | None = None
    kind: CallKind | None = None
    mode: Literal["AlwaysOn", "OnDemand"] | None = None
    status: Literal["open", "closed", "complete", "interrupted", "failed"] | None = None
    shortest_seconds: Seconds | None = Field(None, description="Of media at least.")
    longest_seconds: Seconds | None = Field(None, description="Of media at most.")
    tags: list[Tag] = Field([], max_length=bounds.SEARCHED_TAGS, description="It has all of them.")
    held: StrictBool | None = Field(None, description="Whether a hold on its conversation stands.")
    note: Annotated[str, StringConstraints(min_length=1, max_length=bounds.SEARCH_CHARACTERS)] | None = Field(
        None, description="A note of it contains this, without regard to case."
    )

    def search(self, now: datetime, user: str | None) -> Search:
        """The core's value.

        Args:
            now: what words of time are read against.
            user: the directory id of `user`.

        Raises:
            Problem: a time or the number cannot be read, or the range is reversed.
        """
        opened_from = _instant("from", self.opened_from, now, end=False)
        opened_to = _instant("to", self.opened_to, now, end=True)
        if opened_from is not None and opened_to is not None and opened_to <= opened_from:
            raise Problem(
                "invalid-request",
                f"the range ends ({show(opened_to)}) before anything is in it: it begins at {show(opened_from)}",
                "give the earlier end as `from`",
            )
        return Search(
            opened_from=opened_from,
            opened_to=opened_to,
            user=user,
            number=_number(self.number),
            conversation=self.conversation,
            segment=self.segment,
            direction=None if self.direction is None else self.direction.value,
            scope=None if self.scope is None else self.scope.value,
            kind=None if self.kind is None else self.kind.value,
            mode=self.mode,
            status=None if self.status is None else Status(self.status),
            shortest=_micros(self.shortest_seconds),
            longest=_micros(self.longest_seconds),
            tags=tuple(dict.fromkeys(self.tags)),
            held=self.held,
            note=self.note,
        )


class SearchBody(FilterBody):
    """A search, a page at a time."""

    limit: Annotated[StrictInt, Field(ge=1, le=bounds.PAGE)] = bounds.PAGE_DEFAULT
    cursor: Cursor | None = Field(None, description="`nextCursor` of the page before, with the same filter.")


class ExportBody(FilterBody):
    """An export of everything that fits."""

    format: Literal["csv", "json"] = "csv"
    spreadsheet_safe: StrictBool = Field(
        True,
        description="CSV: a cell that a spreadsheet would take for a formula gets an apostrophe in front. False: "
        "every cell is exactly as it is kept.",
    )


class NoteBody(Body):
    """A note."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=bounds.NOTE_CHARACTERS, pattern=_PROSE)]


class HoldBody(Body):
    """A legal hold."""

    reason: Reason = Field(description="Shown with the hold and kept in the audit log.")


class ErasureBody(Body):
    """A request to erase."""

    reason: Reason = Field(description="Kept in the audit log; say which request it is, not who made it.")


def place_of(cursor: str | None) -> Place | None:
    """Where a page begins; any cursor that fits its model is some place."""
    if cursor is None:
        return None
    opened, _, key = cursor.partition("-")
    return instant_of(int(opened)), int(key)


def cursor_of(place: Place | None) -> str | None:
    """What is given out for the next page."""
    return None if place is None else f"{micros(place[0])}-{place[1]}"


def _instant(name: str, text: str | None, now: datetime, *, end: bool) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_instant(text, now, end=end)
    except RangeError as error:
        raise Problem("invalid-request", f"{name}: {error}", f"correct `{name}`") from error


def _number(text: str | None) -> str | None:
    if text is None:
        return None
    number = normalize_number(text)
    if number is None:
        raise Problem(
            "invalid-request", "number: this is no phone number", "send digits, * and # with one leading +, or a URI"
        )
    return number


def _micros(seconds: float | None) -> int | None:
    return None if seconds is None else timedelta(seconds=seconds) // timedelta(microseconds=1)
