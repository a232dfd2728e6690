import ast
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


def test_a_test_names_each_action_that_is_emitted():
    """An emitter may be wired to the wrong action, and only who names the action in a test sees it."""
    texts = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    emitted = [action for action, entry in TAXONOMY.items() if entry.emitted]
    assert [one for one in emitted if not re.search(rf"\bAction\.{one.name}\b|\b{one.value}\b", texts)] == []


def words(*rooms: str) -> set[str]:
    """Every text that stands whole in the code of these rooms, and names of keywords."""
    found: set[str] = set()
    for path in (path for room in rooms for path in (ROOT / "controller/callkeeper" / room).rglob("*.py")):
        if path.name == "taxonomy.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
    return found


EMITTERS = {
    "recorder": ("recorder", "local"),
    "reconcile": ("reconcile",),
    "operator": ("operator",),
    "audit store": ("audit",),
    "recorder, audit store": ("recorder", "audit"),
    "recorder, audit collector, command line": ("audit",),
    "audit collector, command line": ("audit", "cli"),
}


def test_every_field_of_an_emitted_action_stands_in_the_code_of_its_emitter():
    """That no other field is written, the fakes of the emitters' tests hold (`tests.audit.documented`)."""
    known = {emitter: words(*rooms) for emitter, rooms in EMITTERS.items()}
    missing = [
        (entry.action.value, name)
        for entry in TAXONOMY.values()
        if entry.emitted
        for name, _, _ in entry.details
        if name not in known[entry.emitter]
    ]
    assert missing == []
