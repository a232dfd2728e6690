"""Regular expressions that mean the same in every Python that Callkeeper runs on."""

import re
from pathlib import Path

import callkeeper

CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+")


def has_one(line: str) -> bool:
    return POSSESSIVE_GROUP.search(CLASS.sub("[]", line)) is not None


def test_no_group_is_repeated_possessively():
    """Before 3.11.5 what a failed repeat had read stayed read (CPython, issue 106052): exports held pieces of rows."""
    package = Path(callkeeper.__file__).parent
    found = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in package.rglob("*.py")
        for line in path.read_text().splitlines()
        if has_one(line)
    ]
    assert found == []
    assert has_one(r'rb"(?:" + wanted + rb"[^\n]*+\n)++"')
    assert not has_one(r"[^()*+,]*+")
