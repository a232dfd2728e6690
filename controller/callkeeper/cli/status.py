"""`callkeeper status`: of every object in a cluster, whether it is in force, why or why not, and since when."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from callkeeper.cli.cluster_options import cluster_options, scope_of
from callkeeper.cli.main import CouldNotRun
from callkeeper.kinds.terms import GROUP
from callkeeper.manifests.output.colour import wants_colour

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from callkeeper.operator.reading.standing import Standing

EXIT_NOT_IN_FORCE = 1
LOOK_AGAIN_SECONDS = 2.0
"""As often as people read; each look is one listing of a few kinds."""


@click.command(short_help="Say of every object in a cluster whether it is in force.")
@click.argument("objects", nargs=-1, metavar="[KIND/NAME]...")
@cluster_options
@click.option("--watch", is_flag=True, help="Keep looking, and print what changes. Ctrl-C ends it.")
@click.option(
    "-f", "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="A table for people, or JSON; with --watch an object a line.",
)  # fmt: skip
def status(objects: tuple[str, ...], output_format: str, *, watch: bool, **where: Any) -> None:
    """Say of every object in a cluster whether it is in force, since when, and why not.

    Reads the cluster through kubectl, as whoever you are there. What the operator says counts for the generation it
    speaks of; errors and warnings in the objects are shown beside it, also when no operator runs.

    \b
    Examples:
      kubectl callkeeper status -n voice
      kubectl callkeeper status -A --watch
      kubectl callkeeper status -n voice blacklist/never --format json

    \b
    Exit codes:
      0  everything that was asked for is in force
      1  something is not, or not yet
      2  the cluster could not be read, or there is no such object
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    import asyncio  # noqa: PLC0415 - imported when it is run

    from callkeeper.operator.reading.kubectl import Kubectl, ReadingError  # noqa: PLC0415 - likewise
    from callkeeper.operator.reading.standing import Verdict, standings  # noqa: PLC0415 - likewise

    kubectl = Kubectl(scope_of(where))

    def look() -> tuple[Standing, ...]:
        try:
            return _chosen(standings(asyncio.run(kubectl.objects())), objects)
        except ReadingError as error:
            raise CouldNotRun(error.message) from error

    if watch:
        _watch(look, as_json=output_format == "json")
        return
    found = look()
    if output_format == "json":
        click.echo(json.dumps([one.to_json() for one in found], indent=1, ensure_ascii=False))
    else:
        for line in _table(found):
            click.echo(line)
    if any(one.verdict is not Verdict.IN_FORCE for one in found):
        raise SystemExit(EXIT_NOT_IN_FORCE)


def _chosen(found: tuple[Standing, ...], wanted: Sequence[str]) -> tuple[Standing, ...]:
    """Those that were named, as `Kind/name`; all of them where none was.

    Raises:
        CouldNotRun: one of them is not there.
    """
    if not wanted:
        return found
    by_name: dict[tuple[str, str], list[Standing]] = {}
    for one in found:
        by_name.setdefault((one.key.kind, one.key.name), []).append(one)
    named = [_named(text) for text in wanted]
    missing = [text for text, name in zip(wanted, named, strict=True) if name not in by_name]
    if missing:
        there = ", ".join(sorted(f"{one.key.kind}/{one.key.name}" for one in found)[:10]) or "nothing"
        raise CouldNotRun(f"there is no {missing[0]} here; there is {there}")
    return tuple(one for name in named for one in by_name[name])


def _named(text: str) -> tuple[str, str]:
    """The kind and name that `Kind/name` means; the kind as kubectl takes it, so also `blacklists/x` and `bl/x`.

    Raises:
        UsageError: it has another form.
    """
    from callkeeper.kinds.crd_names import NAMES  # noqa: PLC0415 - imported where objects are named

    said, slash, name = text.partition("/")
    if not (said and slash and name):
        raise click.UsageError(f"write KIND/NAME, such as Blacklist/never, instead of {text!r}")
    word = said.casefold().removesuffix(f".{GROUP}")
    for kind, names in NAMES.items():
        if word in {kind.casefold(), names.plural, names.short}:
            return kind, name
    return said, name


def _table(found: Sequence[Standing]) -> Iterator[str]:
    """Columns as kubectl prints them, findings below their object."""
    if not found:
        yield "No objects of callkeeper.dev here."
        return
    rows = [("NAMESPACE", "OBJECT", "IN FORCE", "SINCE", "WHY"), *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    colour = wants_colour(os.environ, is_terminal=sys.stdout.isatty())
    for row, one in zip(rows, (None, *found), strict=True):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield _coloured(f"{line}  {row[4]}".rstrip(), one, colour=colour)
        for finding in one.findings if one is not None else ():
            yield f"  {finding.severity} {finding.rule}: {finding.message} ({finding.json_path})"
            if finding.hint:
                yield f"    hint: {finding.hint}"


def _row(one: Standing) -> tuple[str, str, str, str, str]:
    why = one.why if one.verdict.value == "yes" else f"{one.reason}: {one.why}"
    since = one.since.replace("T", " ").removesuffix("Z")
    return one.key.namespace, f"{one.key.kind}/{one.key.name}", one.verdict.value, since or "-", why


def _coloured(line: str, one: Standing | None, *, colour: bool) -> str:
    if not colour:
        return line
    code = {"": "1", "yes": "32", "waiting": "33", "suspended": "33"}.get(one.verdict.value if one else "", "31")
    return f"\x1b[{code}m{line}\x1b[0m"


def _watch(look: Callable[[], tuple[Standing, ...]], *, as_json: bool) -> None:
    """Print everything once, then what changed; until Ctrl-C."""
    before: dict[Any, Standing] = {}
    first = True
    while True:
        found = {one.key: one for one in look()}
        changed = [one for key, one in found.items() if before.get(key) != one]
        gone = [key for key in before if key not in found]
        if as_json:
            for one in changed:
                click.echo(json.dumps(one.to_json(), ensure_ascii=False))
        elif changed or first:
            for line in list(_table(changed))[0 if first else 1 :]:
                click.echo(line)
        for key in gone:
            click.echo(json.dumps({"object": str(key), "inForce": "gone"}) if as_json else f"{key} is gone")
        sys.stdout.flush()
        before, first = found, False
        time.sleep(LOOK_AGAIN_SECONDS)
