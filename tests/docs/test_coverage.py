"""Whatever a person can write, read or be told has its place in the reference."""

import re
from enum import StrEnum
from itertools import product

import pytest
from docs.generate.bounds import bounds_in_code
from docs.generate.commands import helps, options
from docs.generate.fields import spec_fields
from docs.generate.pages import PACKAGE, REFERENCE, ROOT
from docs.generate.rule_ids import ANY_KIND, documented_rules, rules_in_code

from callkeeper.audit.actions import Action
from callkeeper.audit.space import DiskState
from callkeeper.audit.verification import Trouble
from callkeeper.kinds.reading import KINDS, read_object
from callkeeper.manifests.documents import read_bytes
from callkeeper.policy.compile import AcceptedReason
from callkeeper.policy.decision import Outcome, Reason, Rule
from callkeeper.reconcile import reasons
from callkeeper.recorder.http.problems import TYPES

KIND_NAMES = {kind.lower() for kind in KINDS}


def page(name: str) -> str:
    return (REFERENCE / name).read_text()


@pytest.fixture(scope="module")
def rules() -> set[str]:
    return {rule for rule, _, _ in documented_rules(page("rules.md"))}


def covered(rule: str, rules: set[str]) -> bool:
    kind, _, what = rule.partition(".")
    return rule in rules or (kind in KIND_NAMES and f"{ANY_KIND}.{what}" in rules)


def test_every_rule_in_the_code_has_a_line(rules: set[str]) -> None:
    found = rules_in_code(PACKAGE)
    assert len(found) > 40
    whats = {rule.partition(".")[2] for rule in rules}
    missing = [rule for rule in found if (rule.startswith("*.") and rule[2:] not in whats)]
    missing += [rule for rule in found if not rule.startswith("*.") and not covered(rule, rules)]
    assert sorted(missing) == []


def test_every_rule_with_a_line_is_in_the_code(rules: set[str]) -> None:
    found = rules_in_code(PACKAGE)
    whats = {rule.partition(".")[2] for rule in found} | {"<column>", "<keyword>"}
    assert sorted(rule for rule in rules if rule not in found and rule.partition(".")[2] not in whats) == []


def test_every_rule_that_a_bad_document_meets_has_a_line(rules: set[str]) -> None:
    met = {finding.rule for document in bad_documents() for finding in read_object(document).findings}
    assert len(met) > 20
    assert sorted(rule for rule in met if not covered(rule, rules)) == []


def bad_documents() -> list[dict[str, object]]:
    """Every document of the corpus, with something wrong in it."""
    paths = sorted((ROOT / "tests" / "corpus" / "bad").glob("*.yaml"))
    read = [document.value for path in paths for document in read_bytes(path.read_bytes(), path.name).documents]
    return [value for value in read if isinstance(value, dict)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_kind_is_on_its_page(kind: str) -> None:
    text = page(f"kinds/{kind.lower()}.md")
    assert [field for field in spec_fields(kind) if f"| `{field}` |" not in text] == []


def test_every_kind_is_in_the_index_and_in_the_readme() -> None:
    for text in (page("kinds/README.md"), (ROOT / "README.md").read_text()):
        assert [kind for kind in KINDS if f"[{kind}](" not in text] == []


def test_every_command_and_option_is_on_the_page() -> None:
    text = page("cli.md")
    assert [name for name, _ in helps() if f"## {name}\n" not in text] == []
    assert [(name, option) for name, option in options() if option not in text] == []


def test_every_bound_is_on_the_page() -> None:
    text = page("limits.md")
    assert [bound for bound in bounds_in_code(PACKAGE) if bound.name not in text] == []


NAMES_ON_PAGES = [
    ("decision.md", Reason),
    ("decision.md", Rule),
    ("decision.md", Outcome),
    ("conditions.md", AcceptedReason),
    ("conditions.md", reasons.Reason),
    ("conditions.md", reasons.ConditionType),
    ("audit-actions.md", Action),
    ("audit-store.md", Trouble),
    ("audit-store.md", DiskState),
]


@pytest.mark.parametrize(("name", "words"), NAMES_ON_PAGES)
def test_every_word_of_a_closed_set_is_on_its_page(name: str, words: type[StrEnum]) -> None:
    text = page(name)
    assert [word.value for word in words if f"`{word.value}`" not in text] == []


def test_every_metric_is_in_the_reference() -> None:
    text = "".join(path.read_text() for path in REFERENCE.rglob("*.md"))
    named = {name for path in PACKAGE.rglob("*.py") for name in re.findall(r'"(callkeeper_[a-z_]+)"', path.read_text())}
    assert len(named) > 50
    assert sorted(name for name in named if f"`{name}`" not in text and f"`{name}_total`" not in text) == []


def test_every_problem_type_has_its_section() -> None:
    text = page("problems.md")
    assert [name for name in TYPES if name not in text] == []


def test_every_part_of_a_confirmation_is_explained() -> None:
    text = page("confirmations.md")
    parts = ("retention=", "extraRetention=", "auditRetention=", "shortens<=", "deletes<=", "holds<=", "removes<=")
    assert [part for part in (*parts, "changes<=") if part not in text] == []


def test_every_decision_record_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    index = (folder / "README.md").read_text()
    assert records
    assert [name for name in records if name not in index] == []
    assert len({name[:4] for name in records}) == len(records), "two records have one number"


@pytest.mark.parametrize("folder", ["how-to", "tutorial", "reference"])
def test_every_page_is_reached_from_the_index(folder: str) -> None:
    docs = ROOT / "docs"
    index = "".join(path.read_text() for path in (docs / "README.md", REFERENCE / "kinds" / "README.md"))
    names = [path.name for path in (docs / folder).rglob("*.md") if path.name != "README.md"]
    assert [name for name in names if name not in index] == []


def test_each_heading_stands_once_on_a_page() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    for path, level in product(pages, ("# ", "## ")):
        headings = [line for line in path.read_text().splitlines() if line.startswith(level)]
        assert len(set(headings)) == len(headings), path
