"""Every fixture of Microsoft Graph's notifications leads to exactly the events written beside it."""

import json
from pathlib import Path

import pytest
from tests.recorder.teams.following import FIXTURES, fixture, followed

from callkeeper.recorder.teams.calls import TeamsCalls
from callkeeper.recorder.teams.notifications import read_notification


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_fixture_leads_to_its_events(path: Path) -> None:
    held = json.loads(path.read_text())
    assert followed(held["requests"]) == held["expected"]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_everything_again_leads_to_nothing_more(path: Path) -> None:
    requests = json.loads(path.read_text())["requests"]
    teams = TeamsCalls()
    for request in requests:
        followed([request], teams)
        (again,) = followed([request], teams)
        assert not [event for event in again if isinstance(event, dict)]


def test_no_fixture_holds_a_party_twice() -> None:
    for path in FIXTURES:
        for events in json.loads(path.read_text())["expected"]:
            for event in events:
                call = event.get("call", {}) if isinstance(event, dict) else {}
                ends = [call[name] for name in ("calling", "called") if name in call]
                named = [party for party in (*ends, *call.get("participants", ())) if len(party) > 1]
                assert len({json.dumps(party) for party in named}) == len(named), path.stem


def test_what_is_not_kept_is_said_again() -> None:
    """Events that could not be carried out are not lost: the notification sent again leads to them again."""
    request = fixture("pstn-inbound")["requests"][0]
    teams = TeamsCalls()
    notification = read_notification(request["value"][0], "value[0]", frozenset(request["tenants"]))
    assert teams.receive(notification, {}) == teams.receive(notification, {})
    assert teams.get(notification.native_id) is None
