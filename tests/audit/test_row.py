import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.making import NOON, event, read_csv

from callkeeper.audit.actions import Action
from callkeeper.audit.compact_json import compact_encoder
from callkeeper.audit.errors import EventError
from callkeeper.audit.row import COLUMNS, HEADER, MAX_ROW_BYTES, date_text, row
from callkeeper.audit.scan import ROW

HOSTILE = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=()),
        st.sampled_from('\r\n\0",;=+-@\t\x7f\x85\u2028\u202e\u2066\ufeff\ud800\udfff\\x\U0001f600'),
    ),
    max_size=60,
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | HOSTILE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(HOSTILE, inner, max_size=4),
    max_leaves=12,
)


def joined(value: object) -> object:
    """What JSON makes of surrogates that stand side by side: one character."""
    return json.loads(json.dumps(value))


def test_a_row_is_what_the_contract_shows():
    assert HEADER == b"Date,Email,IpAddress,AppName,ActionType,Details\r\n"
    assert row(event(7, details={"b": 1, "a": "x"})) == (
        b"2026-11-23 12:00:00 +0000 UTC,ada@example.com,192.0.2.7,callkeeper,StartRecording,"
        b'"{""id"":""recorder:7"",""a"":""x"",""b"":1}"\r\n'
    )


def test_details_without_fields_hold_the_id_alone():
    assert json.loads(read_csv(row(event(3, details={})))[0][5]) == {"id": "recorder:3"}


def test_the_date_is_utc_whatever_the_offset_and_never_rounded_up():
    at = datetime(2026, 11, 24, 1, 59, 59, 999999, tzinfo=timezone(timedelta(hours=2)))
    assert row(event(at=at)).startswith(b"2026-11-23 23:59:59 +0000 UTC,")


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(9998, 12, 30), timezones=st.timezones()),  # noqa: DTZ001 - given zones
    st.sampled_from([0, 1, 999_999]),
)
def test_the_date_of_any_instant_is_its_second_in_utc(at, microsecond):
    at = at.replace(microsecond=microsecond)
    assert date_text(at) == f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(9998, 1, 1)),  # noqa: DTZ001 - given a zone below
    st.lists(st.tuples(st.sampled_from([-1_000_001, -1_000_000, -1, 0, 999_999, 1_000_000]), st.integers(-23, 23))),
)
def test_dates_of_rows_that_follow_each_other_have_each_its_own_second(start, steps):
    second = start.replace(microsecond=0, tzinfo=UTC)
    for microseconds, hours in steps:
        at = (second + timedelta(microseconds=microseconds)).astimezone(timezone(timedelta(hours=hours)))
        assert date_text(at) == f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


@given(JSON, st.booleans(), st.booleans())
def test_compact_json_is_that_of_the_standard_library(value, ascii_only, sort_keys):
    encode = compact_encoder(ascii_only=ascii_only, sort_keys=sort_keys)
    assert encode(value) == json.dumps(value, ensure_ascii=ascii_only, sort_keys=sort_keys, separators=(",", ":"))


@given(email=HOSTILE, ip_address=HOSTILE, app_name=HOSTILE, details=st.dictionaries(HOSTILE, JSON, max_size=5))
def test_hostile_text_never_breaks_a_row_and_csv_reads_and_writes_the_same_bytes(email, ip_address, app_name, details):
    details.pop("id", None)
    line = row(event(email=email, ip_address=ip_address, app_name=app_name, details=details))
    rows = read_csv(line)
    assert len(rows) == 1
    assert len(rows[0]) == len(COLUMNS)
    again = io.StringIO(newline="")
    csv.writer(again).writerow(rows[0])
    assert again.getvalue().encode() == line
    assert line.count(b"\n") == line.count(b"\r") == 1
    assert len(line) <= MAX_ROW_BYTES
    assert not any(
        ord(character) < 32 or 0x202A <= ord(character) <= 0x202E for field in rows[0] for character in field
    )
    assert ROW.fullmatch(line)
    read = json.loads(rows[0][5])
    assert next(iter(read)) == "id"
    assert read.pop("id") == "recorder:1"
    assert read == joined(details)
    assert list(read) == sorted(read) or read != details


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\u000ab"),
        ("a\0b", r"a\u0000b"),
        ("\u202eevil", r"\u202eevil"),
        ("\ud800", r"\ud800"),
        ("=cmd()", "=cmd()"),
        ('say "hi", then', 'say "hi", then'),
        ("Jürgen", "Jürgen"),
    ],
)
def test_a_field_shows_what_it_cannot_hold(text, shown):
    assert read_csv(row(event(email=text)))[0][1] == shown


def test_overlong_fields_say_how_much_is_missing():
    read = read_csv(row(event(email="e" * 600, ip_address="i" * 100, app_name="a" * 200)))[0]
    assert read[1] == "e" * 512 + "…(+88 characters)"
    assert read[2] == "i" * 64 + "…(+36 characters)"
    assert read[3] == "a" * 128 + "…(+72 characters)"


@pytest.mark.parametrize(
    "details",
    [
        {"text": "x" * 1_000_000},
        {"text": "\u202e" * 100_000, "quote": '"' * 100_000},
        {"list": ["entry"] * 1_000_000},
        {f"key-{number}": "value" for number in range(100_000)},
        {"deep": [[["x" * 1000] * 20] * 20] * 20},
        {"k" * 200_000: 1},
    ],
)
def test_details_are_cut_until_the_row_fits_and_say_so(details):
    line = row(event(details=details))
    assert len(line) <= MAX_ROW_BYTES
    read = json.loads(read_csv(line)[0][5])
    assert read["id"] == "recorder:1"
    assert read["truncatedFrom"] > MAX_ROW_BYTES


def test_what_fits_is_not_cut():
    details = {"text": "x" * 60_000}
    assert json.loads(read_csv(row(event(details=details)))[0][5])["text"] == details["text"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, NOON, b"bytes"])
def test_details_that_are_no_json_are_refused(value):
    with pytest.raises(EventError, match="recorder:1 StartRecording: details are not plain JSON"):
        row(event(details={"value": value}))


def test_a_bottomless_details_is_refused():
    bottomless: list[object] = []
    for _ in range(100_000):
        bottomless = [bottomless]
    with pytest.raises(EventError):
        row(event(details={"value": bottomless}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sender": ""}, "sender ''"),
        ({"sender": "a:b"}, "sender 'a:b'"),
        ({"sender": "a\n"}, "sender"),
        ({"sender": "x" * 129}, "sender"),
        ({"sequence": 0}, "sequence 0"),
        ({"sequence": True}, "sequence True"),
        ({"sequence": 2**63}, "sequence"),
        ({"at": datetime(2026, 1, 1)}, "no offset"),  # noqa: DTZ001 - that is the point
        ({"at": datetime(1969, 1, 1, tzinfo=UTC)}, "year 1969"),
        ({"at": datetime(9999, 12, 31, 23, tzinfo=UTC)}, "year 9999"),
        ({"action": "Invented"}, "'Invented' is no action"),
        ({"details": {"id": "mine"}}, "'id'"),
    ],
)
def test_an_event_out_of_bounds_is_refused_by_name(fields, message):
    with pytest.raises(EventError, match=message):
        event(**({"sequence": 1} | fields))


def test_every_action_reads_as_its_own_name():
    for action in Action:
        assert read_csv(row(event(action=action)))[0][4] == action.value
