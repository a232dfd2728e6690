import re
from pathlib import Path

from callkeeper.audit.actions import Action, Area
from callkeeper.audit.taxonomy import AREA, TAXONOMY, reference_page

ROOT = Path(__file__).parents[2]


def test_every_action_has_one_entry_and_every_area_has_actions():
    assert set(TAXONOMY) == set(Action)
    assert set(AREA.values()) == set(Area)


def test_names_are_pascal_case_verb_and_object():
    for action in Action:
        assert re.fullmatch(r"(?:[A-Z][a-z]+)+", action.value), action
        assert action.name == re.sub(r"(?<=[a-z])(?=[A-Z])", "_", action.value).upper()


def test_fields_of_details_have_names_of_their_own():
    for entry in TAXONOMY.values():
        names = [name for name, _, _ in entry.details]
        assert len(names) == len(set(names)), entry.action
        assert not {"id", "claimedAt", "truncatedFrom"} & set(names), entry.action


def test_the_reference_page_is_current():
    page = (ROOT / "docs/reference/audit-actions.md").read_text()
    assert page == reference_page(), "run: callkeeper audit actions --format markdown > docs/reference/audit-actions.md"


def test_an_action_counts_as_emitted_where_code_outside_the_audit_room_names_it():
    package = ROOT / "controller/callkeeper"
    own = {package / "audit" / "actions.py", package / "audit" / "taxonomy.py"}
    sources = "".join(path.read_text() for path in package.rglob("*.py") if path not in own)
    named = {action for action in Action if re.search(rf"Action\.{action.name}\b", sources)}
    assert named == {action for action, entry in TAXONOMY.items() if entry.emitted}
