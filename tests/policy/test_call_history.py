"""Reading past calls, a row each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.policy.call import Call, CallKind, Consent, Direction, Identity, Party
from callkeeper.policy.call_history import COLUMNS, CallHistoryError, CallRows, party_of


def read(**cells: str) -> Call:
    return CallRows.under(list(cells)).call(list(cells.values()), "line-2")


def test_a_full_row_is_read():
    row = {
        "id": "n1",
        "conversation": "c1",
        "user": "ada; ben",
        "caller": "+390212345",
        "callee": "2001",
        "kind": "unparked",
        "direction": "outbound",
        "consent": "given",
        "original_called": "7000",
        "redirecting": "7001",
        "connected": "ada@example.com",
        "participants": "2002;anonymous;",
        "caller_identity": "federated",
        "callee_identity": "service",
        "connected_identity": "",
    }
    assert tuple(row) == COLUMNS
    assert read(**row) == Call(
        native_id="n1",
        conversation="c1",
        recorded_users=("ada", "ben"),
        calling=Party(number="+390212345", identity=Identity.FEDERATED),
        called=Party(number="2001", identity=Identity.SERVICE),
        kind=CallKind.UNPARKED,
        direction=Direction.OUTBOUND,
        consent=Consent.GIVEN,
        original_called=Party(number="7000"),
        redirecting=Party(number="7001"),
        connected=Party(user="ada@example.com", identity=Identity.USER),
        participants=(Party(number="2002"), Party(identity=Identity.ANONYMOUS)),
    )


def test_an_empty_cell_and_a_missing_column_are_the_default():
    assert read(caller="", kind="", consent="") == Call(native_id="line-2", conversation="line-2")


def test_a_row_without_conversation_is_one_of_its_own():
    assert read(id="n1").conversation == "n1"


def test_a_row_shorter_than_the_header_is_filled_up():
    assert CallRows.under(["caller", "callee"]).call(["2001"], "x").called is None


def test_who_is_recorded_when_the_row_does_not_say_is_given():
    rows = CallRows.under(["user", "caller"])
    assert rows.call(["", "2001"], "x", ("ada",)).recorded_users == ("ada",)
    assert rows.call(["ben", "2001"], "x", ("ada",)).recorded_users == ("ben",)


def test_other_columns_are_left_alone():
    rows = CallRows.under([" caller", "region", "region"])
    assert (rows.header, rows.unused) == (("caller", "region", "region"), ("region", "region"))


@pytest.mark.parametrize(
    ("text", "party"),
    [
        ("", None),
        ("2001", Party(number="2001")),
        (" tel:+39-02 ", Party(number="tel:+39-02")),
        ("sip:alice@example.com", Party(number="sip:alice@example.com")),
        ("ada@example.com", Party(user="ada@example.com", identity=Identity.USER)),
        ("Anonymous", Party(identity=Identity.ANONYMOUS)),
    ],
)
def test_a_party_is_a_number_a_uri_an_email_address_or_anonymous(text, party):
    assert party_of(text) == party


def test_an_identity_may_stand_without_a_number():
    assert party_of("", Identity.SERVICE) == Party(identity=Identity.SERVICE)
    assert read(caller="", caller_identity="guest").calling == Party(identity=Identity.GUEST)
    assert party_of("anonymous", Identity.GUEST) == Party(identity=Identity.GUEST)


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        ({"caller": "nobody"}, "caller", "neither a number nor a URI, an e-mail address or `anonymous`"),
        ({"participants": "2001;nobody"}, "participants", "neither a number nor a URI"),
        ({"kind": "P2P"}, "kind", "not one of peerToPeer, group, meeting, unparked"),
        ({"direction": "in"}, "direction", "not one of inbound, outbound, unknown"),
        ({"consent": "yes"}, "consent", "not one of notAsked, given, refused"),
        ({"callee_identity": "x"}, "callee_identity", "not one of user, guest"),
        ({"callee": "1" * 4097}, "callee", "more than 4096 characters"),
        ({"participants": "1" * 4097}, "participants", "more than 4096 characters"),
    ],
)
def test_a_cell_that_cannot_be_read_names_its_column(row, column, message):
    with pytest.raises(CallHistoryError) as caught:
        read(**row)
    assert caught.value.column == column
    assert message in str(caught.value)


def test_a_row_longer_than_the_header_is_refused():
    with pytest.raises(CallHistoryError, match="2 cells under 1 columns"):
        CallRows.under(["caller"]).call(["1", "2"], "x")


@pytest.mark.parametrize(("header", "message"), [(["caller", "caller"], "more than once"), (["a"], "names none")])
def test_a_header_that_cannot_be_used_is_refused(header, message):
    with pytest.raises(CallHistoryError, match=message):
        CallRows.under(header)


@given(st.dictionaries(st.sampled_from(COLUMNS), st.text(max_size=20), min_size=1))
def test_any_row_is_a_call_or_a_problem_without_its_cells(row):
    try:
        answer = read(**row).native_id
    except CallHistoryError as error:
        answer = error.column if error.column in row else ""
    assert answer
