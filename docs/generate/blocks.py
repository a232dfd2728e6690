"""The generated blocks of a page: found by their markers, replaced as a whole."""

import re
from collections.abc import Sequence

MARKED = re.compile(r"<!-- generated:(?P<name>[a-z-]+) -->\n.*?<!-- end:(?P=name) -->\n", re.DOTALL)


class BlockError(Exception):
    """A page lacks a block that is made for it; the message names both."""


def block(name: str, body: str) -> str:
    """The block as it stands in a page."""
    return f"<!-- generated:{name} -->\n{body.strip()}\n<!-- end:{name} -->\n"


def with_block(text: str, name: str, body: str, page: str) -> str:
    """The page with this block's content.

    Raises:
        BlockError: the page has no such block.
    """
    found = next((match for match in MARKED.finditer(text) if match["name"] == name), None)
    if found is None:
        raise BlockError(f"{page} has no block `{name}`; add the lines\n{block(name, '')}")
    return text[: found.start()] + block(name, body) + text[found.end() :]


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table in Markdown; bars inside cells are escaped."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
