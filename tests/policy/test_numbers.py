import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.policy.numbers import normalize_number

_PARTS = st.lists(
    st.sampled_from(
        ["tel:", "sip:", "SIPS:", "+39", "02", "*", "#", "%23", "%2B", "%", "@", "h", ";x=1", ":pw", " ", "-"]
    ),
    max_size=8,
).map("".join)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+390212345", "+390212345"),
        ("+39 02-123.45 (6)", "+390212345" + "6"),
        ("(+39) 02", "+3902"),
        ("0039 02", "003902"),
        ("*72#", "*72#"),
        ("12;phone-context=example.com", "12"),
        ("tel:+39-02-123", "+3902123"),
        ("TEL:+3902;ext=5", "+3902"),
        (" tel:9012 ", "9012"),
        ("sip:+3902@example.com", "+3902"),
        ("sips:+3902@example.com;transport=tls", "+3902"),
        ("Sip:+3902;phone-context=a:b@example.com;user=phone", "+3902"),
        ("sip:9012:secret@example.com", "9012"),
        ("sip:%2B3902%23@example.com", "+3902#"),
        ("sip:39%2002@example.com", "3902"),
        ("tel:%2a72", "*72"),
        ("sip:12@example.com:5060", "12"),
    ],
)
def test_what_carries_a_number_gives_it_bare(text: str, number: str):
    assert normalize_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "+",
        "++39",
        "39+",
        "3+9",
        "ada",
        "12a",
        "1\t2",
        "12\n",
        "1,2",
        "1%23",
        "٣٤",
        "\uff11\uff12",
        "²",
        "+\uff13\uff19",
        "tel:",
        "tel:;ext=1",
        "tel:ada",
        "sip:example.com",
        "sip:9012",
        "sip:@example.com",
        "sip:ada@example.com",
        "sip:12@a@b",
        "sip:12%40@a@b",
        "sip:1%3B2@a",
        "sip:%C2%B2@a",
        "tel:%2",
        "tel:%2523",
        "12@example.com",
        "mailto:12@example.com",
        "h323:12",
        "tel :12",
    ],
)
def test_what_carries_no_number_gives_none(text: str):
    assert normalize_number(text) is None


def test_nothing_rewrites_the_prefix_of_international_calls():
    assert normalize_number("003902") != normalize_number("+3902")


@given(st.one_of(st.text(), st.text(alphabet="+0123456789*#-. ()"), _PARTS))
def test_the_answer_is_a_bare_number_or_none_and_normalizing_it_again_changes_nothing(text: str):
    number = normalize_number(text)
    if number is not None:
        assert re.fullmatch(r"\+?[0-9*#]+", number, re.ASCII)
        assert normalize_number(number) == number


@given(st.from_regex(r"\+?[0-9*#]{1,20}", fullmatch=True))
def test_every_way_to_carry_a_number_gives_the_same(number: str):
    escaped = "".join(f"%{ord(character):02X}" for character in number)
    for text in (number, f"tel:{number}", f"sip:{number}@example.com", f"sips:{escaped};a=b@h", " - ".join(number)):
        assert normalize_number(text) == number


@pytest.mark.parametrize("unit", ["1", "+", "%23", "(", "@", ":", ";", "tel:", "sip:1", "%", " "])
def test_a_long_text_is_read_in_linear_time(unit: str):
    began = time.process_time()
    normalize_number("tel:" + unit * 200_000)
    normalize_number(unit * 200_000)
    assert time.process_time() - began < 2
