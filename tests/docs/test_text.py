"""Links lead somewhere, samples are valid, commands exist, and nothing is said that does not belong into the text."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from docs.generate.pages import PACKAGE, ROOT
from ruamel.yaml import YAML

from callkeeper.kinds.finding import Severity
from callkeeper.kinds.reading import KINDS, read_object
from callkeeper.kinds.terms import API_VERSION

PAGES = [path for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]) if path.is_file()]
LINK = re.compile(r"(?<!`)\[[^\]\n]+\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)

REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "crates" + ".io")
GO_REGISTRY = re.compile(r"\b(?:proxy|sum|index)\.golang" + r"\.org")  # the bare name begins modules' own names
MACHINE = re.compile(r"(?<![\w.~-])/(?:wor" + "k|roo" + "t|hom" + r"e/\w+)/")
BINARY = {".png", ".ico", ".gz"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """The headings of a page as GitHub names them."""
    without_code = FENCE.sub("", path.read_text())
    texts = [re.sub(r"[^\w\- ]", "", match["text"].lower()) for match in HEADING.finditer(without_code)]
    return {text.strip().replace(" ", "-") for text in texts}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    broken = []
    for match in LINK.finditer(FENCE.sub("", path.read_text())):
        target, _, anchor = match["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        to = (path.parent / target).resolve() if target else path
        if not to.exists() or (anchor and to.suffix == ".md" and anchor not in anchors(to)):
            broken.append(match["target"])
    assert broken == []


def samples() -> list[tuple[str, str]]:
    """Every YAML sample that holds objects, with the page it stands on."""
    return [
        (f"{name(path)}:{path.read_text().count(chr(10), 0, match.start()) + 1}", match["body"])
        for path in PAGES
        for match in FENCE.finditer(path.read_text())
        if match["language"] == "yaml" and match["body"].startswith("apiVersion: callkeeper")
    ]


@pytest.mark.parametrize(("where", "text"), samples())
def test_every_sample_is_valid(where: str, text: str) -> None:
    for document in YAML(typ="safe").load_all(text):
        reading = read_object(document)
        wrong = [finding for finding in reading.findings if finding.severity is not Severity.NOTE]
        assert wrong == [], where


def test_every_kind_has_a_sample_on_its_page() -> None:
    on_pages = {(where.partition(":")[0], YAML(typ="safe").load(text)["kind"]) for where, text in samples()}
    missing = [kind for kind in KINDS if (f"docs/reference/kinds/{kind.lower()}.md", kind) not in on_pages]
    assert missing == []
    assert all(API_VERSION in text for _, text in samples())


def test_the_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", "".join(path.read_text() for path in PAGES)))
    assert {"quickstart", "test"} <= set(
        re.findall(r"^\$ make ([a-z-]+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    )
    assert sorted(said - targets) == []


def committed() -> list[Path]:
    """What is under version control; in an unpacked archive everything outside hidden folders."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [
            os.path.relpath(Path(folder) / file, ROOT)
            for folder, folders, files in os.walk(ROOT)
            for file in files
            if not (folders.__setitem__(slice(None), [one for one in folders if not one.startswith(".")]))
        ]
    return [ROOT / one for one in listed if one and Path(one).suffix not in BINARY and (ROOT / one).is_file()]


def test_no_registry_and_no_machine_is_named_in_committed_text() -> None:
    found = []
    for path in committed():
        text = path.read_text(errors="replace")
        found += [f"{name(path)}: {word}" for word in REGISTRIES if word in text]
        found += [f"{name(path)}: {match[0]}" for match in (*MACHINE.finditer(text), *GO_REGISTRY.finditer(text))]
    assert found == []


def test_every_page_that_the_code_refers_to_is_there() -> None:
    said = {match for path in PACKAGE.rglob("*.py") for match in re.findall(r"docs/[\w/-]+\.md", path.read_text())}
    assert len(said) > 3
    assert sorted(page for page in said if not (ROOT / page).exists()) == []
