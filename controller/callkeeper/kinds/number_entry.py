"""A text that is a number pattern, as a field: the constraint and what is said when it does not hold."""

from typing import Annotated

from pydantic import Field

from callkeeper.kinds.pattern import MAX_PATTERN_LENGTH, PATTERN_REGEX, PatternError, canonical_pattern
from callkeeper.kinds.resource import Text, Wording, shorten


def _pattern_message(text: str) -> str:
    try:
        canonical_pattern(text)
    except PatternError as error:
        return error.message
    return f"{shorten(text)} is not a pattern"


NumberPattern = Annotated[
    Text,
    Field(pattern=PATTERN_REGEX, min_length=1, max_length=MAX_PATTERN_LENGTH),
    Wording(rule="pattern", explain=_pattern_message),
]
"""As written: `x` has not become `X` yet (`canonical_pattern` does that)."""
