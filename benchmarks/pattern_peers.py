"""What else could match numbers against a list: one regular expression folded as a trie, and a google-re2 Set.

Both are told the patterns as regular expressions and answer whether one hits; the Set names all that do. They are
measured in the same run as Callkeeper, and asked the same numbers.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

Peer = Callable[[str], bool]

_AS_REGEX = {"X": "[0-9]", ".": "[0-9*#]", "!": "[0-9]*"}


def _as_regex(element: str) -> str:
    return _AS_REGEX.get(element) or re.escape(element)


def re_trie(patterns: Sequence[str]) -> Peer:
    """Python's `re` over all patterns at once, what they begin with in common folded."""
    trie: dict[str, Any] = {}
    for pattern in patterns:
        node = trie
        for element in pattern:
            node = node.setdefault(element, {})
        node[""] = {}
    compiled = re.compile(_folded(trie))
    return lambda number: compiled.fullmatch(number) is not None


def _folded(node: dict[str, Any]) -> str:
    branches = [_as_regex(element) + _folded(below) if element else "" for element, below in node.items()]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def re2_set(patterns: Sequence[str], *, megabytes: int = 1024) -> Peer:
    """A google-re2 Set of whole matches.

    Args:
        patterns: to be told.
        megabytes: what it may use; its default of 8 refuses large lists.

    Raises:
        ImportError: google-re2 is not installed.
    """
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415  a peer, not a dependency

    options = re2.Options()
    options.max_mem = megabytes << 20
    options.log_errors = False
    found = re2.Set.FullMatchSet(options)
    for pattern in patterns:
        found.Add("".join(map(_as_regex, pattern)))
    found.Compile()
    return lambda number: bool(found.Match(number))
