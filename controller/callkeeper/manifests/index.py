"""Where an object's entries stand, by the entry's own text.

A decision names its source as an object and an entry (a pattern, a range, a user, a field); this finds the line. The
index is built for an object when the first of its entries is asked for, and then answers at once, however long its
lists are.
"""

from collections.abc import Iterator
from typing import Any

from callkeeper.kinds.finding import PathPart
from callkeeper.manifests.located import LocatedObject, Place


class EntryIndex:
    """The entries of one object."""

    def __init__(self, one: LocatedObject) -> None:
        self._object = one
        self._paths: dict[str, tuple[PathPart, ...]] = {}
        for entry, path in _entries(one.document):
            self._paths.setdefault(entry, path)  # of an entry that stands twice, the first

    def place(self, entry: str) -> Place:
        """Where the entry stands; the object's first line when it has no such entry."""
        one = self._object
        path = self._paths.get(entry)
        if path is None:
            return Place(file=one.file, line=one.line, column=one.column)
        line, column = one.position(path)
        return Place(file=one.file, line=line, column=column)


def _entries(document: dict[str, Any]) -> Iterator[tuple[str, tuple[PathPart, ...]]]:
    """Each entry's text as `RecorderConfig` has it, and the path of the value it came from."""
    spec = document.get("spec")
    if not isinstance(spec, dict):
        return
    for name in spec:
        yield name, ("spec", name)
    for name in ("numbers", "internalNumbers"):
        for index, item in _items(spec, name):
            if isinstance(pattern := item.get("pattern"), str):
                # The canonical form of a pattern that was accepted differs in nothing else.
                yield pattern.replace("x", "X"), ("spec", name, index, "pattern")
    for index, item in _items(spec, "ranges"):
        yield f"{item.get('from')}-{item.get('to')}", ("spec", "ranges", index, "from")
    for index, item in _items(spec, "overrides"):
        if isinstance(user := item.get("user"), str):
            yield user.casefold(), ("spec", "overrides", index, "user")


def _items(spec: dict[str, Any], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    items = spec.get(name)
    if isinstance(items, list):
        for index, item in enumerate(items):
            if isinstance(item, dict):
                yield index, item
