"""Which page has which generated blocks, and what stands in them."""

from collections.abc import Iterator
from pathlib import Path

from docs.generate.blocks import table, with_block
from docs.generate.bounds import bounds_text
from docs.generate.commands import commands_text
from docs.generate.fields import fields_table, metadata_table
from docs.generate.rule_ids import findings_of_kind

from callkeeper.kinds.reading import KINDS

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
PACKAGE = ROOT / "controller" / "callkeeper"


def stale_pages() -> dict[Path, str]:
    """The pages whose blocks are not current, with the text they should have.

    Raises:
        BlockError: a page lacks a block.
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
        rows = [
            (f"[`{rule}`](../rules.md)", severity, meaning.replace("](", "](../"))
            for rule, severity, meaning in findings_of_kind(rules, kind)
        ]
        yield page, "findings", table(("rule", "severity", "meaning"), rows)
    yield REFERENCE / "kinds" / "README.md", "metadata", metadata_table()
    yield REFERENCE / "cli.md", "commands", commands_text()
    yield REFERENCE / "limits.md", "bounds", bounds_text(PACKAGE)
