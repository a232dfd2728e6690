"""Numbers as matching knows them, out of what signalling carries.

Facts: a number arrives as plain text, as a `tel:` URI (RFC 3966) or as the user part of a `sip:` or `sips:` URI
(RFC 3261, section 19.1). Visual separators and parameters carry no identity and are dropped. What is left is ASCII
digits, `*`, `#` and one leading `+`, or it is no number and never matches. Nothing is rewritten: `0039…` and `+39…`
stay different numbers.
"""

import re
from typing import Final

_NUMBER: Final = re.compile(r"\+?[0-9*#]+")
_SCHEME: Final = re.compile(r"(tel|sips?):(.*)", re.IGNORECASE | re.DOTALL | re.ASCII)
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
# Keys are code points. RFC 3966 (visual-separator) names `-`, `.`, `(` and `)`; people add the space.
_SEPARATORS: Final = dict.fromkeys(map(ord, " -.()"))


def normalize_number(text: str) -> str | None:
    """The number in `text` as patterns are matched against it, or None where there is none.

    Linear in the length of `text`; idempotent; never raises. Letters, digits of other scripts, a lone `+` and a SIP
    URI without a user part are no numbers.
    """
    if not text.isascii():
        # Digits of other scripts are digits to `str.isdigit`, look-alikes to a reader, and never dialled.
        return None
    if text.isdigit():
        return text
    text = text.strip(" ")
    uri = _SCHEME.fullmatch(text)
    if uri is None:
        number = text.partition(";")[0]
    else:
        user = _user_part(uri[1].lower(), uri[2])
        if user is None:
            return None
        number = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), user)
    number = number.translate(_SEPARATORS)
    return number if _NUMBER.fullmatch(number) else None


def _user_part(scheme: str, rest: str) -> str | None:
    """The user of a URI without password and parameters, still escaped; None for a SIP URI that names a host alone."""
    user, at, host = rest.partition("@")
    if "@" in host or (not at and scheme != "tel"):
        return None
    # A password follows the first colon (RFC 3261 allows none unescaped before it); parameters may hold colons.
    return user.partition(";")[0].partition(":")[0]
