"""Which page has which generated blocks, and what stands in them."""

import re
from collections.abc import Iterator
from pathlib import Path

from deploy.generate.monitoring import ALERTS
from docs.generate.blocks import BlockError, table, with_block
from docs.generate.bounds import bounds_text
from docs.generate.collector import metrics_table, problems_table
from docs.generate.commands import commands_text
from docs.generate.explained import BLACKLISTED, RECORDED, explained
from docs.generate.fields import fields_table, metadata_table
from docs.generate.rule_ids import findings_of_kind
from docs.generate.started import started

from callkeeper.kinds.reading import KINDS

DECISION = re.compile(r"# (?P<number>\d{4})\. (?P<title>.+)")

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
DECISIONS = ROOT / "docs" / "decisions"
PACKAGE = ROOT / "controller" / "callkeeper"


def stale_pages() -> dict[Path, str]:
    """The pages whose blocks are not current, with the text they should have.

    Raises:
        BlockError: a page lacks a block, or a decision record its title.
    """
    wanted: dict[Path, str] = {}
    for path, name, body in blocks():
        text = wanted.get(path) or path.read_text()
        wanted[path] = with_block(text, name, body, str(path.relative_to(ROOT)))
    return {path: text for path, text in wanted.items() if path.read_text() != text}


def blocks() -> Iterator[tuple[Path, str, str]]:
    """Every generated block: its page, its name, its content."""
    rules = (REFERENCE / "rules.md").read_text()
    for kind in KINDS:
        page = REFERENCE / "kinds" / f"{kind.lower()}.md"
        yield page, "fields", fields_table(kind)
        yield page, "findings", _findings(rules, kind)
    yield REFERENCE / "kinds" / "README.md", "metadata", metadata_table()
    yield REFERENCE / "limits.md", "bounds", bounds_text(PACKAGE)
    yield ROOT / "README.md", "quickstart", started(ROOT)
    yield ROOT / "README.md", "explain", explained(BLACKLISTED, ROOT)
    yield ROOT / "docs" / "tutorial" / "first-decision.md", "explain", explained(RECORDED, ROOT)
    yield DECISIONS / "README.md", "decisions", _decisions()
    yield REFERENCE / "cli.md", "commands", commands_text()
    yield REFERENCE / "audit-collector.md", "collector-problems", problems_table()
    yield REFERENCE / "audit-collector.md", "collector-metrics", metrics_table()
    yield REFERENCE / "installation.md", "alerts", _alerts()


def _findings(rules: str, kind: str) -> str:
    rows = [
        (f"`{rule}`", severity, re.sub(r"\]\((?!https?:)", "](../", meaning))
        for rule, severity, meaning in findings_of_kind(rules, kind)
    ]
    return table(("rule", "severity", "meaning"), rows)


def _alerts() -> str:
    rows = [(f"`{one.name}`", one.severity, _plain(one.summary), one.action) for one in ALERTS]
    return table(("alert", "severity", "says", "what to do"), rows)


def _plain(summary: str) -> str:
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"`\1`", summary)


def _decisions() -> str:
    lines = []
    for path in sorted(DECISIONS.glob("[0-9]*.md")):
        heading = DECISION.match(path.read_text())
        if heading is None:
            raise BlockError(f"{path.relative_to(ROOT)} does not begin with `# NNNN. Title`")
        lines.append(f"- [{heading['number']}]({path.name}) {heading['title']}")
    return "\n".join(lines)
