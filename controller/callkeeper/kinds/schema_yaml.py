"""Writes plain values as YAML text, always the same for the same value: block style, two spaces, long text folded.

What it writes reads alike under YAML 1.1 and 1.2; everything in doubt is quoted as JSON quotes it. It knows the values
that CRDs are made of (mappings, lists, text, whole numbers, booleans) and nothing else.
"""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_WIDTH = 110

_PLAIN = re.compile(r"\.?[A-Za-z][A-Za-z0-9 ._/$()-]*")
"""Text that may stand without quotes: no indicator, no `: `, no ` #`."""

_RESERVED = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".inf", ".nan"}


def to_yaml(value: Mapping[str, Any]) -> str:
    """The mapping as the text of one document, without `---`."""
    return "\n".join(_lines(value, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    """The lines of a mapping or list that is not empty."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _entry(f"{indent}{_scalar(name)}:", item, indent)
    else:
        for item in value:
            if isinstance(item, Mapping | list | tuple) and item:
                first, *rest = _lines(item, indent + "  ")
                yield f"{indent}- {first.lstrip()}"
                yield from rest
            else:
                yield from _entry(f"{indent}-", item, indent)


def _entry(head: str, item: Any, indent: str) -> Iterator[str]:
    if isinstance(item, Mapping | list | tuple):
        if not item:
            yield f"{head} {'{}' if isinstance(item, Mapping) else '[]'}"
            return
        yield head
        yield from _lines(item, indent + "  ")
    elif isinstance(item, str) and _folds(item, len(head)):
        yield f"{head} >-"
        yield from _folded(item, indent + "  ")
    else:
        yield f"{head} {_scalar(item)}"


def _folds(text: str, taken: int) -> bool:
    """Whether the text is long prose: one paragraph of printable words with single spaces between them."""
    prose = text.isprintable() and "  " not in text and text.strip() == text
    return prose and " " in text and taken + len(text) + 1 > _WIDTH


def _folded(text: str, indent: str) -> Sequence[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _scalar(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            plain = _PLAIN.fullmatch(value) and not value.endswith(" ") and value.lower() not in _RESERVED
            return value if plain else json.dumps(value)
        case _:
            raise TypeError(f"no YAML is written for a {type(value).__name__}")
