import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callkeeper.manifests.scalars import (
    FIRST_CHARACTERS,
    ScalarError,
    key_text,
    resolve_plain,
    resolve_tagged,
    to_json,
)

TAG = "tag:yaml.org,2002:"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # What telephone numbers and patterns become when nobody quotes them.
        ("+39", 39),
        ("+390551230000", 390551230000),
        ("0039", 39),
        ("00390551", 390551),
        ("012", 10),
        ("-012", -10),
        ("+012", 10),
        ("9012", 9012),
        ("90XX", "90XX"),
        ("90..", "90.."),
        ("9!", "9!"),
        ("1.", 1),
        ("112", 112),
        # Words.
        *((word, True) for word in ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")),
        *((word, False) for word in ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")),
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, word) for word in ("yEs", "oN", "nULL", "tRUE", "~~", "teams", "none", "forever", "nothing")),
        # Integers.
        ("0", 0),
        ("-0", 0),
        ("00", 0),
        ("08", 8),
        ("0o17", 15),
        ("0O17", 15),
        ("0x1F", 31),
        ("-0x1F", -31),
        ("0b101", 5),
        ("-0b11", -3),
        ("0b-11", -3),
        ("0b+1", 1),
        ("0b12", "0b12"),
        ("0b", "0b"),
        ("0x", "0x"),
        ("0xZZ", "0xZZ"),
        ("1_000", 1000),
        ("1__", 1),
        ("_1", "_1"),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("18446744073709551615", 2**64 - 1),
        ("+18446744073709551615", 1.8446744073709552e19),
        ("18446744073709551616", 1.8446744073709552e19),
        ("0xFFFFFFFFFFFFFFFF", 2**64 - 1),
        ("+0xFFFFFFFFFFFFFFFF", "+0xFFFFFFFFFFFFFFFF"),
        ("0x1FFFFFFFFFFFFFFFF", "0x1FFFFFFFFFFFFFFFF"),
        ("-0x8000000000000001", "-0x8000000000000001"),
        ("0777777777777777777777777", 7.777777777777778e23),
        ("0b-" + "1" * 70, "0b-" + "1" * 70),
        # Floats.
        ("60.0", 60),
        ("1e3", 1000),
        ("1E-3", 0.001),
        (".5", 0.5),
        (".5e1", 5),
        ("-.5", -0.5),
        ("1_0.5", 10.5),
        (".5_0", 0.5),
        ("._5", "._5"),
        (".5_", ".5_"),
        (".5__0", ".5__0"),
        (".1e1_0", 1e9),
        ("1e999", "1e999"),
        (".5e999", ".5e999"),
        (".", "."),
        ("..", ".."),
        ("+", "+"),
        ("-", "-"),
        (".e5", ".e5"),
        # Strings to kubectl, numbers or times to other readers.
        ("1:30", "1:30"),
        ("2026-11-23", "2026-11-23"),
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("90d", "90d"),
        ("12h", "12h"),
        ("=", "="),
        ("<<", "<<"),
        ("\u0661\u0662", "\u0661\u0662"),
        ("1\u0662", "1\u0662"),
    ],
)
def test_a_plain_scalar_means_what_it_means_to_kubectl(text, value):
    resolved = to_json(resolve_plain(text))
    assert resolved == value
    assert type(resolved) is type(value) or isinstance(value, float)


def test_infinities_and_nan_are_seen_but_have_no_form_in_json():
    assert resolve_plain(".inf") == math.inf
    assert resolve_plain("+.Inf") == math.inf
    assert resolve_plain("-.INF") == -math.inf
    assert math.isnan(resolve_plain(".NaN"))
    for text in (".inf", "-.inf", ".nan"):
        with pytest.raises(ScalarError, match="no form in JSON"):
            to_json(resolve_plain(text))


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [
        ("str", "012", "012"),
        ("str", "on", "on"),
        ("int", "0x10", 16),
        ("float", "3", 3),
        ("float", "3.5", 3.5),
        ("bool", "yes", True),
        ("null", "~", None),
        ("null", "", None),
        ("timestamp", "2026-11-23", "2026-11-23"),
        ("timestamp", "2026-1-2T3:4:5Z", "2026-1-2T3:4:5Z"),
        ("binary", "aGVs\n bG8=", "hello"),
        ("set", "12", "12"),
    ],
)
def test_a_tag_says_what_a_scalar_is(tag, text, value):
    assert resolve_tagged(TAG + tag, text) == value


def test_a_tag_of_ones_own_leaves_text():
    assert resolve_tagged("!mine", "012") == "012"
    assert resolve_tagged("!", "12") == "12"


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("int", "twelve"),
        ("int", "3.0"),
        ("int", "0039"),
        ("int", "true"),
        ("float", "x"),
        ("float", "yes"),
        ("bool", "1"),
        ("null", "no"),
        ("timestamp", "today"),
        ("binary", "***"),
    ],
)
def test_a_tag_that_the_text_does_not_fit_is_an_error(tag, text):
    with pytest.raises(ScalarError):
        resolve_tagged(TAG + tag, text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a", "a"),
        ("1", "1"),
        ("0x10", "16"),
        ("on", "true"),
        ("off", "false"),
        ("~", None),
        ("1.5", "1.5"),
        ("60.0", "60"),
        ("-0.0", "-0"),
        ("0.1", "0.1"),
        ("1.25e-3", "0.00125"),
        ("1e-5", "1e-05"),
        ("123456.5", "123456.5"),
        ("1e6", "1e+06"),
        ("18446744073709551616", "1.8446744e+19"),
        ("0777777777777777777777777", "7.777778e+23"),
        ("1e300", ".inf"),
        ("3.4028235e38", "3.4028235e+38"),
        ("1e-300", "0"),
        ("-1e300", "-.inf"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("9223372036854775807", "9223372036854775807"),
        ("18446744073709551615", None),
    ],
)
def test_a_key_becomes_the_text_that_kubectl_makes_of_it(text, name):
    assert key_text(resolve_plain(text)) == name


@given(st.text(max_size=80) | st.text("0123456789+-_.eExXobB~yYnNtTfFaAinfNaN", max_size=90))
@example("9" * 10_000)
@example("0x" + "f" * 10_000)
@example("0" * 10_000)
@example("1e" + "9" * 5_000)
def test_every_text_has_a_meaning(text):
    value = resolve_plain(text)
    assert value is None or isinstance(value, str | int | float)
    if isinstance(value, str):
        assert value == text
    if text and text[0] not in FIRST_CHARACTERS:
        assert value == text


@given(st.sampled_from(["str", "bool", "int", "float", "null", "timestamp", "binary", "x"]), st.text(max_size=20))
def test_a_tagged_scalar_has_a_meaning_or_a_documented_error(tag, text):
    try:
        value = resolve_tagged(TAG + tag, text)
    except ScalarError:
        return
    assert value is None or isinstance(value, str | int | float)


@given(st.floats())
@example(3.4028235e38)
def test_every_float_is_a_name(number):
    name = key_text(number)
    assert name is not None
    if "e" in name or name.lstrip("-")[0].isdigit():
        assert float(name) == pytest.approx(number, rel=1e-6, abs=1e-37)


@given(st.integers(-(2**63), 2**64 - 1))
def test_decimal_integers_keep_their_value(number):
    assert resolve_plain(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_keep_their_value(number):
    assert resolve_plain(repr(number)) == number
