"""Every example is valid, alone and together with the others, and says what it shows."""

import csv
from pathlib import Path

import pytest
from docs.generate.pages import ROOT

from callkeeper.manifests.loading import read_paths
from callkeeper.policy.call_history import COLUMNS, CallRows
from callkeeper.policy.cross_check import cross_check

EXAMPLES = ROOT / "examples"
FOLDERS = sorted(path for path in EXAMPLES.iterdir() if path.is_dir())
FILES = sorted(EXAMPLES.rglob("*.yaml"))


def said(path: Path) -> list[str]:
    """Everything but notes that is said about what a path holds."""
    manifests = read_paths([path])
    located = [*manifests.findings, *[manifests.place(found) for found in cross_check(manifests.readings)]]
    return [str(one) for one in located if one.finding.severity != "note"]


@pytest.mark.parametrize("path", [EXAMPLES, *FOLDERS], ids=lambda path: path.name)
def test_an_example_has_neither_errors_nor_warnings(path: Path) -> None:
    assert said(path) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_an_example_says_on_top_what_it_shows(path: Path) -> None:
    assert path.read_text().startswith("# ")


def test_all_eight_kinds_have_an_example() -> None:
    kinds = {one.reading.key.kind for one in read_paths([EXAMPLES]).objects}
    assert len(kinds) == 8


def test_the_example_of_past_calls_is_read_without_a_problem() -> None:
    with (EXAMPLES / "past-calls.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    rows = CallRows.under(header)
    assert set(rows.header) - set(COLUMNS) == {"started"}
    for number, cells in enumerate(lines, start=2):
        assert rows.call(cells, f"line-{number}").native_id
    assert len(lines) >= 8
