"""What a YAML scalar means to kubectl.

kubectl hands a manifest to the API server as JSON, converted by a YAML 1.1 reader with its own ideas: `y` and `off` are
booleans, `012` is octal, `0039` is not and so becomes thirty-nine. What is a number there must be a number here, or a
telephone number that lost its plus sign would pass the check and fail in the cluster. Only the meaning of one scalar is
here; where it stands in a document is the business of `tree`.

Facts, read in the resolver of sigs.k8s.io/yaml (goyaml v2) and in Go's strconv, and held against the library itself:

- Only plain scalars that start with a sign, a digit, a dot, `~` or one of `yYnNtTfFoO` can be anything but a string.
- Underscores are dropped from what starts with a sign or a digit, wherever they stand; after a dot they stand between
  digits.
- Integers: Go's base prefixes (`0x`, `0o`, `0b`, a leading `0` for octal), within 64 bits. What does not fit is tried
  as a decimal float, so twenty digits are a float, and `08` is 8; what is no float either stays a string.
- A float with an integral value is written to JSON without a fraction, so `60.0` arrives as 60.
- Timestamps and base-60 numbers stay strings.
- A key that is a number becomes the text Go prints for it, floats in single precision.
"""

import binascii
import math
import re
import struct
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
_DOTTED_FLOAT = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}.*)?")

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
"""What a Go int64 or uint64 holds; numbers beyond are floats or not numbers at all."""

_MOST_DECIMAL_DIGITS = 20
"""2**64 - 1 has twenty digits: longer runs cannot be integers, and Python refuses to convert very long ones."""

_SINGLE_DIGITS = 10
"""More decimal digits than a number of single precision ever needs."""

_MOST_PREFIXED_DIGITS = 64
"""The digits of 2**64 - 1 in base two."""

Scalar = str | int | float | bool | None


class ScalarError(ValueError):
    """A scalar that its explicit tag does not allow, such as `!!int twelve`, or that JSON cannot hold.

    Attributes:
        message: what is wrong, in one sentence without a final stop.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def resolve_plain(text: str) -> Scalar:
    """Give a plain, untagged scalar its meaning. Total: any text has one.

    A float stays one whatever its value; `to_json` makes of it what arrives in the cluster.
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
    return _float(match[0]) if _FLOAT.fullmatch(match[0]) else text


def _float(text: str) -> float | str:
    value = float(text)
    return text if math.isinf(value) else value  # out of range, and the resolver falls back to the string


def to_json(value: Scalar) -> Scalar:
    """What arrives in the cluster: kubectl writes a float with an integral value without a fraction.

    Raises:
        ScalarError: an infinity or NaN, for which JSON has no word.
    """
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise ScalarError(f"{key_text(value)} has no form in JSON, so kubectl cannot send it")
    return int(value) if value.is_integer() and _SMALLEST <= value <= _LARGEST else value


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
    """The field name that kubectl makes of a key; None when it refuses it (a null, an integer beyond 63 bits)."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value <= _LARGEST >> 1 else None
    return _float_key(value)


def _float_key(value: float) -> str:
    """A float as Go prints it in single precision with as few digits as tell it from its neighbours."""
    single = _to_single(value)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else ".inf" if single > 0 else "-.inf"
    shortest = next(
        text for digits in range(_SINGLE_DIGITS) if _to_single(float(text := f"{single:.{digits}e}")) == single
    )
    mantissa, exponent = shortest.split("e")
    if -4 <= int(exponent) < 6:  # noqa: PLR2004 - where Go's `%g` goes over to an exponent
        return f"{single:.{max(len(mantissa.lstrip('-').replace('.', '')) - 1 - int(exponent), 0)}f}"
    return shortest


def _to_single(value: float) -> float:
    try:
        number: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return number
