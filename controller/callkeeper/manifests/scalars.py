"""What a YAML scalar means to kubectl.

kubectl hands a manifest to the API server as JSON, converted by a YAML 1.1 reader with its own ideas: `y` and `off` are
booleans, `012` is octal, `0039` is not and so becomes thirty-nine. What is a number there must be a number here, or a
telephone number that lost its plus sign would pass the check and fail in the cluster. Only the meaning of one scalar is
here; where it stands in a document is the business of `tree`.

Facts, read in the resolver of sigs.k8s.io/yaml (goyaml v2) and in Go's strconv:

- Only plain scalars that start with a sign, a digit, a dot, `~` or one of `yYnNtTfFoO` can be anything but a string.
- Underscores are dropped from what starts with a sign or a digit, wherever they stand.
- Integers: Go's base prefixes (`0x`, `0o`, `0b`, a leading `0` for octal), within 64 bits. What does not fit is tried
  as a decimal float, so twenty digits are a float, and `08` is 8.
- A float with an integral value is written to JSON without a fraction, so `60.0` arrives as 60.
- Timestamps and base-60 numbers stay strings.
"""

import binascii
import math
import re
from collections.abc import Callable

FIRST_CHARACTERS = frozenset("+-0123456789.~yYnNtTfFoO")
"""What a plain scalar must start with to be anything but a string (the empty one is null)."""

STANDARD_TAG = "tag:yaml.org,2002:"

_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}

_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_PREFIXED = re.compile(r"([-+]?)0(?:[xX]([0-9a-fA-F]+)|[bB]([01]+)|[oO]?([0-7]+))")
_SIGNED_BINARY = re.compile(r"0b([-+][01]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DOTTED_FLOAT = re.compile(r"\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}.*)?")

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
"""What a Go int64 or uint64 holds; numbers beyond are floats or not numbers at all."""

_MOST_DECIMAL_DIGITS = 20
"""2**64 - 1 has twenty digits: longer runs cannot be integers, and Python refuses to convert very long ones."""

_MOST_PREFIXED_DIGITS = 64
"""The digits of 2**64 - 1 in base two."""

Scalar = str | int | float | bool | None


class ScalarError(ValueError):
    """A scalar that its explicit tag does not allow, such as `!!int twelve`, or a number that JSON cannot hold.

    Attributes:
        message: what is wrong, in one sentence without a final stop.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def resolve_plain(text: str) -> Scalar:
    """Give a plain, untagged scalar its meaning. Total: any text has one.

    Infinities and NaN are returned as such, although JSON has no word for them; so is an integer beyond 64 bits that
    was written with a base prefix. `check_json` tells them apart.
    """
    first = text[:1]
    if first and first not in FIRST_CHARACTERS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if first == ".":
        return _float(text) if _DOTTED_FLOAT.fullmatch(text) else text
    if first.isalpha() or first == "~":
        return text
    return _number(text)


def _number(text: str) -> Scalar:
    """The meaning of a scalar that starts with a sign or an ASCII digit."""
    plain = text.replace("_", "")
    if _DECIMAL.fullmatch(plain) and len(plain) <= _MOST_DECIMAL_DIGITS + 1:
        value = int(plain)
        # Go parses what is above int64 as unsigned, and an unsigned number has no sign.
        if _SMALLEST <= value <= (_LARGEST if plain[0] not in "+-" else _LARGEST >> 1):
            return value
    if prefixed := _PREFIXED.fullmatch(plain):
        return _prefixed(prefixed, text)
    if signed := _SIGNED_BINARY.fullmatch(plain):
        value = int(signed[1][: _MOST_PREFIXED_DIGITS + 1], 2)
        return value if len(signed[1]) <= _MOST_PREFIXED_DIGITS else text
    if _FLOAT.fullmatch(plain):
        value_or_text = _float(plain)
        return text if isinstance(value_or_text, str) else value_or_text
    return text


def _prefixed(match: re.Match[str], text: str) -> Scalar:
    sign, hexadecimal, binary, octal = match.groups()
    digits, base = (hexadecimal, 16) if hexadecimal else (binary, 2) if binary else (octal, 8)
    significant = digits.lstrip("0") or "0"
    # Longer than any bound: one digit too many says so without converting a megabyte of digits.
    value = int(significant[: _MOST_PREFIXED_DIGITS + 1], base)
    if sign == "-":
        value = -value
    if _SMALLEST <= value <= (_LARGEST >> 1 if sign else _LARGEST):
        return value
    if _FLOAT.fullmatch(match[0]):
        return _float(match[0])
    return text if sign else value


def _float(text: str) -> int | float | str:
    value = float(text)
    if math.isinf(value):
        return text  # Go calls it out of range, and the resolver falls back to the string.
    if value.is_integer() and _SMALLEST <= value <= _LARGEST:
        return int(value)
    return value


def check_json(value: Scalar) -> None:
    """Refuse what kubectl cannot write as JSON, or what no API server reads back.

    Raises:
        ScalarError: an infinity, NaN, or an integer beyond 64 bits.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ScalarError(f"{_go_float(value)} has no form in JSON, so kubectl cannot send it")
    if isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        raise ScalarError("this number does not fit into 64 bits")


def resolve_tagged(tag: str, text: str) -> Scalar:
    """Give a scalar with an explicit tag its meaning; tags of one's own leave it a string.

    Raises:
        ScalarError: the text is not of the kind that a standard tag names.
    """
    if not tag.startswith(STANDARD_TAG):
        return text
    short = tag[len(STANDARD_TAG) :]
    if short == "binary":
        return _binary(text)
    if short not in _ACCEPTED:
        return text
    value = resolve_plain(text)
    if not _ACCEPTED[short](value, text):
        raise ScalarError(f"!!{short} does not allow this value")
    return text if short in {"str", "timestamp"} else value


def _is_number(value: Scalar, _text: str) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_ACCEPTED: dict[str, Callable[[Scalar, str], bool]] = {
    "str": lambda _value, _text: True,
    "bool": lambda value, _text: isinstance(value, bool),
    "int": lambda value, text: _is_number(value, text) and not _looks_like_float(text),
    "float": _is_number,
    "null": lambda value, _text: value is None,
    "timestamp": lambda _value, text: _TIMESTAMP.fullmatch(text) is not None,
}


def _looks_like_float(text: str) -> bool:
    plain = text.replace("_", "")
    return _DECIMAL.fullmatch(plain) is None and _PREFIXED.fullmatch(plain) is None


def _binary(text: str) -> str:
    try:
        data = binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError as error:  # binascii.Error is one; characters beyond ASCII raise another
        raise ScalarError("!!binary value is not valid base64") from error
    return data.decode("utf-8", "replace")


def key_text(value: Scalar) -> str | None:
    """The field name that kubectl makes of a key; None when it refuses it (a null key)."""
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return _go_float(value)


def _go_float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return repr(value)
