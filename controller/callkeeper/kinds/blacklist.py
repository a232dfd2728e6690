"""`Blacklist`: numbers that are never recorded. All of them for one recorder are in force together."""

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.number_entry import NumberPattern
from callkeeper.kinds.number_range import RANGE_END_REGEX, RangeError, expand_range
from callkeeper.kinds.pattern import MAX_PATTERN_LENGTH
from callkeeper.kinds.resource import Comment, Part, RecorderReference, Resource, Text, no_match, shorten

MAX_NUMBERS = 100_000
"""More than the API server stores in one object; several objects add up."""

MAX_RANGES = 10_000
"""Ranges become patterns, at most 18 for each digit in which the ends differ."""

RangeEnd = Annotated[
    Text,
    Field(pattern=RANGE_END_REGEX, min_length=1, max_length=MAX_PATTERN_LENGTH),
    no_match(
        "range", f"an end of a range (digits after an optional leading +, at most {MAX_PATTERN_LENGTH} characters)"
    ),
]

_PUBLIC = re.compile(r"\+[1-9].*|[0-9][0-9X]{6,}!?")
"""Patterns of public numbers: with a leading +, or at least seven digits; shorter ones are extensions and codes, which
have no form with a +."""


class BlacklistNumber(Part):
    """One pattern of numbers that are never recorded."""

    pattern: NumberPattern
    """Digits, `*` and `#` are themselves, `X` is one digit, `.` one of 0-9 `*` `#`, `!` any number of digits (at most 4
    times), a `+` stands first only. Matches the whole number; with and without + are different numbers. Required. Quote
    it: unquoted, `+39` is the number 39. At most 64 characters."""
    comment: Comment | None = None
    """Whose numbers these are, or why they are never recorded. At most 256 characters. Absent: nothing is said."""


class BlacklistRange(Part):
    """A range of numbers that are never recorded, both ends included."""

    first: Annotated[RangeEnd, Field(alias="from")]
    """The first number of the range: digits after an optional leading +. Required. Quote it. At most 64 characters."""
    last: Annotated[RangeEnd, Field(alias="to")]
    """The last number of the range: as long as `from`, with the same leading + or none and the same first digit, and
    not below it. Required. Quote it. At most 64 characters."""
    comment: Comment | None = None
    """Whose numbers these are, or why they are never recorded. At most 256 characters. Absent: nothing is said."""


class BlacklistSpec(Part):
    """Patterns and ranges of numbers."""

    recorder_ref: RecorderReference
    """The Recorder this list is for, in the same namespace. Required."""
    numbers: Annotated[tuple[BlacklistNumber, ...], Field(max_length=MAX_NUMBERS)] = ()
    """Patterns of numbers; order has no meaning. Default none. At most 100,000 entries, of which 1,000 for each
    recorder may start with a wildcard; the API server takes about 1 MB an object, `kubectl apply` without
    `--server-side` 256 KiB."""
    ranges: Annotated[tuple[BlacklistRange, ...], Field(max_length=MAX_RANGES)] = ()
    """Ranges of numbers; order has no meaning. Default none. At most 10,000 entries."""


class Blacklist(Resource):
    """Numbers that are never recorded, whoever calls. All lists for one recorder are in force together."""

    confirmable: ClassVar[frozenset[str]] = frozenset({"removes"})

    api_version: Literal["callkeeper.dev/v1alpha1"]
    """Version of the schema of this object: `callkeeper.dev/v1alpha1`. Required."""
    kind: Literal["Blacklist"]
    """What this object is: `Blacklist`. Required."""
    spec: BlacklistSpec
    """Patterns and ranges of numbers. Required."""

    def check(self) -> Iterator[Finding]:
        """Ranges that are none, entries listed twice, and forms of a number that are missing."""
        canonical = [entry.pattern.replace("x", "X") for entry in self.spec.numbers]
        yield from self._check_ranges()
        yield from self._check_duplicates(canonical)
        yield from self._check_twins(canonical)

    def _check_ranges(self) -> Iterator[Finding]:
        for index, entry in enumerate(self.spec.ranges):
            try:
                expand_range(entry.first, entry.last)
            except RangeError as error:
                yield self.finding("range", Severity.ERROR, error.message, ("spec", "ranges", index))

    def _check_duplicates(self, canonical: list[str]) -> Iterator[Finding]:
        lists: tuple[tuple[str, list[str]], ...] = (
            ("numbers", canonical),
            ("ranges", [f"{entry.first}-{entry.last}" for entry in self.spec.ranges]),
        )
        for name, entries in lists:
            if len(set(entries)) == len(entries):
                continue
            seen: dict[str, int] = {}
            for index, text in enumerate(entries):
                first = seen.setdefault(text, index)
                if first != index:
                    yield self.finding(
                        "duplicate",
                        Severity.WARNING,
                        f"{shorten(text)} is listed again; {name}[{first}] says the same",
                        ("spec", name, index),
                        hint="remove one of the two",
                    )

    def _check_twins(self, canonical: list[str]) -> Iterator[Finding]:
        """With and without + are different numbers: say once which form is missing, and for how many more."""
        listed = set(canonical)
        for everything, other, misses in (("!", "+!", "with"), ("+!", "!", "without")):
            if everything in listed and other not in listed:
                yield self.finding(
                    "everything",
                    Severity.NOTE,
                    f"`{everything}` does not hit numbers {misses} a leading +",
                    ("spec", "numbers", canonical.index(everything), "pattern"),
                    hint=f"everything takes `!` and `+!`: add `{other}`",
                )
        unique = dict.fromkeys(canonical)
        alone = [(pattern, twin) for pattern in unique if (twin := _missing_twin(pattern, listed))]
        if not alone:
            return
        pattern, twin = alone[0]
        more = f" ({len(alone) - 1} more like it)" if len(alone) > 1 else ""
        misses = "without" if pattern.startswith("+") else "with"
        yield self.finding(
            "twin",
            Severity.NOTE,
            f"{shorten(pattern)} does not hit the same numbers {misses} a leading +{more}",
            ("spec", "numbers", canonical.index(pattern), "pattern"),
            hint=f"list `{twin}` too if the telephony platform signals that form",
        )


def _missing_twin(pattern: str, listed: set[str]) -> str | None:
    """The form with or without + of a public number's pattern when no such form is listed, else None."""
    if _PUBLIC.fullmatch(pattern) is None:
        return None
    if pattern.startswith("+"):
        bare = pattern[1:]
        return None if bare in listed or f"00{bare}" in listed or "!" in listed else bare
    twin = "+" + pattern.removeprefix("00")
    return None if twin in listed or "+!" in listed else twin
