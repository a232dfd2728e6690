"""Measures everything there is to measure; prints a table per subject, writes JSON, and the page in docs on demand."""

import json
import pkgutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import click

import benchmarks
from benchmarks.machine import machine
from benchmarks.rows import Row, markdown_table, text_table
from callkeeper import __version__

ROOT = Path(__file__).resolve().parents[1]
LATEST = ROOT / "benchmarks" / "results" / "latest.json"
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
BEGIN, END = "<!-- generated:benchmarks -->\n", "<!-- end:benchmarks -->\n"

Run = Callable[[bool], Sequence[Row]]


def subjects() -> dict[str, Run]:
    """Every module of this package that has a `run`, by name."""
    found: dict[str, Run] = {}
    for info in pkgutil.iter_modules(benchmarks.__path__):
        if info.name.startswith("_") or info.ispkg:
            continue
        run = getattr(import_module(f"benchmarks.{info.name}"), "run", None)
        if run is not None:
            found[info.name] = run
    return found


@click.command()
@click.option("--quick", is_flag=True, help="Smaller sizes and fewer runs, to see that it works.")
@click.option("--only", "names", multiple=True, metavar="NAME", help="Measure this subject only; may be repeated.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the figures here instead of benchmarks/results/latest.json.",
)
@click.option("--write-docs", is_flag=True, help="Write the tables into docs/reference/benchmarks.md as well.")
def main(*, quick: bool, names: tuple[str, ...], json_file: Path | None, write_docs: bool) -> None:
    """Measure Callkeeper, with its peers in the same run."""
    known = subjects()
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise click.UsageError(f"there is no subject {unknown[0]}; known are {', '.join(known)}")
    if write_docs and (quick or names):
        raise click.UsageError("--write-docs goes with a full run only: the page shows one run")
    target = json_file or LATEST
    target.parent.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {
        "callkeeper": __version__,
        "at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine(ROOT, seconds=0.2 if quick else 1.0),
        "subjects": {},
    }
    click.echo("\n".join(f"{name}: {text}" for name, text in result["machine"].items()))
    tables: dict[str, Sequence[Row]] = {}
    for name in names or known:
        tables[name] = known[name](quick)
        result["subjects"][name] = [row.to_json() for row in tables[name]]
        click.echo(f"\n{name}\n{text_table(tables[name])}")
    if json_file is not None or not (quick or names):
        target.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        click.echo(f"\nwritten to {target}")
    if write_docs:
        _write_page(result, tables)
        click.echo(f"written to {PAGE.relative_to(ROOT)}")


def _write_page(result: dict[str, Any], tables: dict[str, Sequence[Row]]) -> None:
    facts = [f"- {name}: {text}" for name, text in result["machine"].items()]
    sections = [f"## {_title(name)}\n\n{markdown_table(rows)}" for name, rows in tables.items()]
    body = "\n\n".join([f"Measured at {result['at']} on:", "\n".join(facts), *sections])
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{body}\n{END}{after}")


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
