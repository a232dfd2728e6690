"""Keeps what a manifest holds from steering the terminal or the log that shows it.

Messages quote what people wrote: a field's name may hold an escape sequence, a line break or a mark that turns the
direction of writing. All formats pass their texts through here first.
"""

import re

_STEERING = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"


def printable(text: str) -> str:
    """The text with control characters, line breaks and direction marks written as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_STEERING, _escape, text)  # compiled when first needed, which takes milliseconds


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 - two hexadecimal digits
