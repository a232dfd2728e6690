"""How a phone number may stand in Details: recognisable to who knows it, not readable, and never to be taken back.

A chained log cannot forget, so it must not hold what somebody may ask to have forgotten.
"""

import hmac
import re

MIN_KEY_BYTES = 16
"""128 bits: a shorter key could be found by trying, and with it every number."""

SHOWN_DIGITS = 3
"""Enough to recognise a number one knows, far too few to find one."""

HASH_DIGITS = 12
"""48 bits: two of a million numbers share a hash with a chance of 0.2 %."""

PERSONAL_DIGITS = 7
"""A pattern with this many literal digits or more can single out a subscriber; a shorter one names a range."""

_DIGIT = re.compile(r"[0-9]")


class NumberMask:
    """Shows numbers as their last digits and a keyed hash, `…345#a1b2c3d4e5f6`.

    The same number gives the same text under the same key, so that rows about one number can be found by who knows
    the number and holds the key.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """Keep the key.

        Args:
            key: at least 16 random bytes, kept beside the store and never in it.

        Raises:
            ValueError: the key is shorter.
        """
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"the key that masks numbers has {len(key)} bytes; it needs {MIN_KEY_BYTES} or more")
        self._key = key

    def mask(self, number: str) -> str:
        """The normalized number, masked: its last three digits, but never more than half of them, and its hash."""
        digits = _DIGIT.findall(number)
        shown = min(SHOWN_DIGITS, len(digits) // 2)
        tail = "".join(digits[len(digits) - shown :])
        digest = hmac.digest(self._key, number.encode("utf-8", "surrogatepass"), "sha256").hex()
        return f"…{tail}#{digest[:HASH_DIGITS]}"

    def mask_pattern(self, pattern: str) -> str:
        """A canonical pattern: masked as a number is when it has 7 or more literal digits, else as it stands."""
        return self.mask(pattern) if len(_DIGIT.findall(pattern)) >= PERSONAL_DIGITS else pattern
