from datetime import UTC, datetime

import pytest
from tests.audit.making import NOON

from callkeeper.audit.actions import Action, Area
from callkeeper.audit.asked import MAX_ASKED, read_asked, select
from callkeeper.audit.errors import RangeError, SelectionError
from callkeeper.audit.taxonomy import AREA

RANGE = [("from", "2026-10"), ("to", "2026-10")]


def test_a_range_and_a_selection_are_read():
    asked = read_asked(
        [
            *RANGE,
            ("email", "ada@example.com"),
            ("action", "updateblacklist"),
            ("app", "x"),
            ("spreadsheetSafe", "true"),
        ],
        NOON,
    )
    assert (asked.start, asked.end) == (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
    assert asked.selection.actions == (Action.UPDATE_BLACKLIST,)
    assert (asked.selection.email, asked.selection.app, asked.spreadsheet_safe) == ("ada@example.com", "x", True)
    assert read_asked(RANGE, NOON).selection.everything


def test_an_area_means_its_actions_and_with_actions_those_in_both():
    assert set(select(areas=["Legal Hold"]).actions) == {one for one in Action if AREA[one] is Area.LEGAL_HOLD}
    both = select(actions=["PlaceHold", "AddNote"], areas=["legal hold"])
    assert both.actions == (Action.PLACE_HOLD,)


@pytest.mark.parametrize(
    ("parameters", "error", "said"),
    [
        ([("from", "2026-10")], SelectionError, "`to` is missing"),
        ([("from", "2026-11"), ("to", "2026-10")], RangeError, "give the earlier end first"),
        ([("from", "soon"), ("to", "2026-10")], RangeError, "'soon' is no time"),
        ([*RANGE, ("to", "2026-10")], SelectionError, "`to` stands twice"),
        ([*RANGE, ("acton", "Login")], SelectionError, "no parameter `acton`; there are from, to, email"),
        ([*RANGE, ("action", "Logins")], SelectionError, "did you mean Login?"),
        ([*RANGE, ("area", "setings")], SelectionError, "did you mean settings?"),
        ([*RANGE, ("action", "Login"), ("area", "settings")], SelectionError, "Login is in the area 'user access'"),
        ([*RANGE, ("email", "")], SelectionError, "1 to 512 characters"),
        ([*RANGE, ("app", "x" * 129)], SelectionError, "more than 128"),
        ([*RANGE, ("spreadsheetSafe", "yes")], SelectionError, "true or false"),
        ([("action", "Login")] * (MAX_ASKED + 1), SelectionError, "more than 256"),
    ],
)
def test_what_cannot_be_read_is_said(parameters, error, said):
    with pytest.raises(error, match="^.*" + said.replace("?", r"\?")):
        read_asked(parameters, NOON)
