"""Whatever JSON comes: an answer, or an error with a place; never anything else, and never what was sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.teams.following import FIXTURES, fixture, followed

from callkeeper.recorder import bounds
from callkeeper.recorder.teams import calls
from callkeeper.recorder.teams.calls import TeamsCalls
from callkeeper.recorder.teams.notifications import MOST_ADDRESS_CHARACTERS, read_notification
from callkeeper.recorder.teams.reading import GraphError

TENANTS = frozenset({"1f0c7a52-5b1e-4a57-9d0e-6a2f4f0f9c01"})
CALL = "/communications/calls/c1"

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [found for name, one in inner for found in places(one, (*path, name))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with another one at this place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


NOTIFICATIONS = [
    value
    for path in FIXTURES
    for request in fixture(path.stem)["requests"]
    for value in request["value"]
    if value.get("resourceData")
]


@st.composite
def mutilated(draw: st.DrawFn) -> Any:
    """A notification of a fixture with anything at one place, or at several."""
    value = draw(st.sampled_from(NOTIFICATIONS))
    for _ in range(draw(st.integers(1, 3))):
        value = put(value, draw(st.sampled_from(places(value))), draw(JSON))
        if not isinstance(value, dict):
            break
    return value


def taken(teams: TeamsCalls, value: Any) -> list[Any]:
    """The calls a notification leads to; none when it cannot be read."""
    try:
        received = teams.receive(read_notification(value, "value[0]", TENANTS), {})
    except GraphError as error:
        return [] if error.path and error.message else [None]
    for step in received.steps:
        teams.keep(step.after)
    return [event.call for step in received.steps for event in step.events if hasattr(event, "call")]


@given(JSON)
def test_any_json_is_read_or_refused_with_a_place(value: Any) -> None:
    assert None not in taken(TeamsCalls(), value)


@given(st.lists(mutilated(), max_size=4))
def test_any_notification_that_went_wrong_is_read_or_refused_with_a_place(values: list[Any]) -> None:
    teams = TeamsCalls()
    for value in values:
        for call in taken(teams, value):
            assert 0 < len(call.native_id) <= bounds.IDENTIFIER_CHARACTERS
            assert 0 < len(call.conversation) <= bounds.IDENTIFIER_CHARACTERS
            assert len(call.participants) <= bounds.PARTIES
            for party in call.signalled:
                assert len(party.number or "") <= bounds.NUMBER_CHARACTERS
                assert len(party.user or "") <= bounds.REFERENCE_CHARACTERS


@given(st.permutations(range(9)))
def test_the_order_of_what_is_told_of_participants_does_not_matter_when_it_is_numbered(order: list[int]) -> None:
    entries = [
        {
            "id": f"p{number % 3}",
            "rosterSequenceNumber": number,
            "info": {"identity": {"user": {"id": f"u{number % 3}"}}},
            **({"removedState": {"reason": "left"}} if number % 2 else {}),
        }
        for number in order
    ]
    source = {"id": "p9", "identity": {"user": {"id": "u9"}}}
    start = {"resourceUrl": CALL, "resourceData": {"source": source, "callChainId": "c"}}
    teams = TeamsCalls()
    taken(teams, start)
    for entry in entries:
        taken(teams, {"resourceUrl": f"{CALL}/participants", "resourceData": [entry]})
    found = teams.get("c1")
    assert found is not None
    assert found.call is not None
    assert {party.user for party in found.call.participants} == {"u0", "u2"}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([], "value[0]"),
        ({}, "value[0].resourceUrl"),
        ({"resourceUrl": 5}, "value[0].resourceUrl"),
        ({"resourceUrl": "/me/calls"}, "value[0].resourceUrl"),
        ({"resourceUrl": "/communications/calls/" + "x" * 300}, "value[0].resourceUrl"),
        ({"resourceUrl": "/communications/calls/" + "x" * MOST_ADDRESS_CHARACTERS}, "value[0].resourceUrl"),
        ({"resourceUrl": CALL, "resourceData": []}, "value[0].resourceData"),
        ({"resourceUrl": CALL, "resourceData": {"source": "+39021"}}, "value[0].resourceData.source"),
        (
            {"resourceUrl": CALL, "resourceData": {"targets": [{}] * (bounds.PARTIES + 1)}},
            "value[0].resourceData.targets",
        ),
        ({"resourceUrl": CALL, "resourceData": {"callChainId": "a\nb"}}, "value[0].resourceData.callChainId"),
        ({"resourceUrl": CALL, "resourceData": {"callChainId": "\ud800"}}, "value[0].resourceData.callChainId"),
        ({"resourceUrl": f"{CALL}/participants", "resourceData": [{}]}, "value[0].resourceData[0].id"),
        (
            {"resourceUrl": f"{CALL}/participants", "resourceData": [{"id": "p", "rosterSequenceNumber": True}]},
            "value[0].resourceData[0].rosterSequenceNumber",
        ),
        (
            {"resourceUrl": f"{CALL}/participants", "resourceData": [{"id": "p", "isInLobby": 1}]},
            "value[0].resourceData[0].isInLobby",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_place(value: Any, path: str) -> None:
    with pytest.raises(GraphError) as caught:
        read_notification(value, "value[0]", TENANTS)
    assert caught.value.path == path
    assert "39021" not in str(caught.value)


def test_more_than_a_segment_holds_is_refused_and_what_was_there_stays() -> None:
    teams = TeamsCalls()
    taken(teams, {"resourceUrl": CALL, "resourceData": {"source": {"identity": {"user": {"id": "u"}}}}})
    for part in range(2):
        people = [{"id": f"p{part}-{at}", "info": {"identity": {"phone": {"id": f"+{at}"}}}} for at in range(600)]
        found = taken(teams, {"resourceUrl": f"{CALL}/participants", "resourceData": people})
        assert len(found) == (1 if part == 0 else 0)


def test_depth_beyond_what_is_looked_at_does_not_matter() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"x": deep}
    data = {"source": {"identity": {"user": {"id": "u"}}}, "mediaConfig": deep}
    assert len(taken(TeamsCalls(), {"resourceUrl": CALL, "resourceData": data})) == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "KEPT", dict.fromkeys(calls.KEPT, 3))
    teams = TeamsCalls()
    for at in range(20):
        address = f"/communications/calls/c{at}"
        data = {"callChainId": f"x{at}", "source": {"identity": {"phone": {"id": f"+{at}"}}}}
        taken(teams, {"resourceUrl": address, "resourceData": data})
        taken(teams, {"resourceUrl": address, "changeType": "deleted"})
        taken(teams, {"resourceUrl": f"{address}-late", "resourceData": {"state": "established"}})
    assert sum(len(known) for known in teams._known.values()) == 6
    assert len(teams._of_chain) == len(teams._of_person) == 3


def test_fixtures_cover_every_kind_of_call() -> None:
    kinds = {
        event["call"]["kind"]
        for path in FIXTURES
        for events in followed(fixture(path.stem)["requests"])
        for event in events
        if isinstance(event, dict) and "call" in event
    }
    assert kinds == {"peerToPeer", "group", "meeting", "unparked"}
