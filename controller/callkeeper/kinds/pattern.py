"""The grammar of number patterns: what may be written, and the one spelling it is stored in.

A pattern is what a Blacklist or a RecordingFilter lists: digits, `*` and `#` stand for themselves, `X` for one digit,
`.` for one of 0-9 `*` `#`, `!` for zero or more digits; a `+` may stand first only. What a pattern hits is decided in
`callkeeper.policy.patterns`; here is only whether a text is a pattern.
"""

import re
from typing import Final

MAX_PATTERN_LENGTH: Final = 64
"""Characters in a pattern. The longest number of ITU-T E.164 has 15 digits and a SIP user part rarely more than 30, so
64 leaves room for prefixes and codes while one pattern always fits a machine-word-sized row of states."""

MAX_GAPS: Final = 4
"""How many `!` one pattern may hold. Real lists use one, seldom two; each further one multiplies the ways a number can
be divided, which readers cannot follow and hostile lists live on."""

_ONE: Final = "[0-9*#Xx.]"

PATTERN_REGEX: Final = rf"^\+?({_ONE}+(!{_ONE}*){{0,{MAX_GAPS}}}|(!{_ONE}*){{1,{MAX_GAPS}}})$"
"""For JSON Schema, beside `maxLength: 64`: the two together give the verdict of `canonical_pattern`.

Written in what ECMA-262, RE2 and Rust's `regex` share, so without look-ahead; that is why the length is not in it.
Under Python's own `re` use `fullmatch`: there `$` alone also accepts a line feed at the end.
"""

_PATTERN: Final = re.compile(PATTERN_REGEX)
_ALLOWED: Final = "digits, * # X . ! and a leading +"


class PatternError(ValueError):
    """The text is not a pattern.

    Attributes:
        message: what is wrong, naming the character and where it stands.
        position: of the offending character, counted from 1; None where the text as a whole is wrong.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


def canonical_pattern(text: str) -> str:
    """The pattern in the spelling it is stored in: `x` becomes `X`, nothing else changes.

    Raises:
        PatternError: a character is not allowed (or a `+` not first), there are too many `!`, or the text is empty, too
            long, or a lone `+`.
    """
    if len(text) <= MAX_PATTERN_LENGTH and _PATTERN.fullmatch(text) is not None:
        return text.replace("x", "X")
    raise _fault(text)


def is_canonical(text: str) -> bool:
    """Whether `canonical_pattern` gives the text as it is."""
    return "x" not in text and len(text) <= MAX_PATTERN_LENGTH and _PATTERN.fullmatch(text) is not None


def _fault(text: str) -> PatternError:
    """What is wrong with a text that is no pattern; the leftmost fault where there are several."""
    if not text:
        return PatternError("a pattern cannot be empty (to hit every number write ! and +!)")
    if len(text) > MAX_PATTERN_LENGTH:
        return PatternError(f"a pattern has at most {MAX_PATTERN_LENGTH} characters, this one has {len(text)}")
    gaps = 0
    for position, character in enumerate(text, start=1):
        if character not in "0123456789*#Xx.!" and not (character == "+" and position == 1):
            return PatternError(
                f"{_shown(character)} at position {position} is not allowed in a pattern ({_ALLOWED})", position
            )
        gaps += character == "!"
        if gaps > MAX_GAPS:
            return PatternError(
                f"'!' at position {position} is one too many: a pattern has at most {MAX_GAPS}", position
            )
    return PatternError("a lone + hits no number (write +! for every number with a leading +)", 1)


def _shown(character: str) -> str:
    """A character as a message names it: with its code point where the eye could take it for another."""
    if character.isascii() and character.isprintable():
        return f"'{character}'"
    code_point = f"U+{ord(character):04X}"
    return f"'{character}' ({code_point})" if character.isprintable() else code_point
