"""Every named bound in the code: its value, and the reason that stands under it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from docs.generate.blocks import table

NAMED = re.compile(r"(?:MAX|MOST|SMALLEST|MINIMUM)_[A-Z0-9_]+|[A-Z0-9_]+_(?:LIMIT|TIMEOUT_SECONDS|SECONDS|BYTES)")
CONSTANT = re.compile(r"[A-Z][A-Z0-9_]+")
BOUND_MODULES = {"bounds"}
"""Modules in which every constant is a bound."""

ROOMS = ("kinds", "manifests", "policy", "recorder", "reconcile", "audit", "tasks", "local", "operator", "cli")
KIBI = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One named bound.

    Attributes:
        module: where it lives, `kinds.pattern`.
        name: `MAX_GAPS`.
        value: as the code has it.
        reason: what it bounds and why there; from the text under it.
    """

    module: str
    name: str
    value: Any
    reason: str


def bounds_in_code(package: Path) -> list[Bound]:
    """All of them, by room and module."""
    return [
        bound
        for room in ROOMS
        for path in sorted((package / room).rglob("*.py"))
        for bound in _bounds_of(package, path)
    ]


def bounds_text(package: Path) -> str:
    """A section per room."""
    bounds = bounds_in_code(package)
    sections = []
    for room in ROOMS:
        rows = [
            (f"`{bound.module.removeprefix(f'{room}.')}.{bound.name}`", shown(bound), bound.reason)
            for bound in bounds
            if bound.module.partition(".")[0] == room
        ]
        if rows:
            sections.append(f"## {room}\n\n" + table(("name", "bound", "what it bounds, and why there"), rows))
    return "\n\n".join(sections)


def shown(bound: Bound) -> str:
    """The value for people."""
    value = bound.value
    if isinstance(value, int) and not isinstance(value, bool):
        for unit, size in (("MiB", KIBI * KIBI), ("KiB", KIBI)):
            if "_BYTES" in f"_{bound.name}" and value >= size and value % size == 0:
                return f"{value // size:,} {unit}"
        return f"{value:,}"
    return str(value)


def _bounds_of(package: Path, path: Path) -> Iterator[Bound]:
    tree = ast.parse(path.read_text())
    module = ".".join(path.relative_to(package).with_suffix("").parts)
    for statement, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        name = _name_of(statement)
        if name is None or name.startswith("_"):
            continue
        wanted = CONSTANT if path.stem in BOUND_MODULES else NAMED
        if wanted.fullmatch(name) is None:
            continue
        value = getattr(import_module(f"callkeeper.{module}"), name)
        if isinstance(value, int | float):
            yield Bound(module=module, name=name, value=value, reason=_text(following))


def _name_of(statement: ast.stmt) -> str | None:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return None


def _text(statement: ast.stmt | None) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split())
        case _:
            return ""
