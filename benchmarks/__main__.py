"""Measures everything there is to measure; prints a table per subject, writes JSON, and the page in docs on demand."""

import json
import pkgutil
from collections.abc import Callable, Mapping, Sequence
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
    """Measure Callkeeper, with its peers in the same run.

    A subject that is measured takes the place of its last figures; the others keep theirs, with their own instant.
    """
    known = subjects()
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise click.UsageError(f"there is no subject {unknown[0]}; known are {', '.join(known)}")
    if quick and write_docs:
        raise click.UsageError("--write-docs goes with full sizes only")
    results = {} if quick else _earlier(json_file or LATEST, known)
    for name in names or known:
        facts = machine(ROOT, seconds=0.2 if quick else 1.0)
        click.echo(f"\n{name}\n" + "\n".join(f"{fact}: {text}" for fact, text in facts.items()))
        rows = known[name](quick)
        click.echo(text_table(rows))
        results[name] = {
            "at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
            "callkeeper": __version__,
            "machine": facts,
            "rows": [row.to_json() for row in rows],
        }
        if json_file is not None or not quick:
            _write(json_file or LATEST, results)
    if write_docs:
        _write_page(results)
        click.echo(f"\nwritten to {PAGE.relative_to(ROOT)}")


def _earlier(file: Path, known: Mapping[str, Run]) -> dict[str, Any]:
    """What was measured before, of the subjects that there are still."""
    found = json.loads(file.read_text()) if file.exists() else {}
    return {name: result for name, result in found.items() if name in known}


def _write(file: Path, results: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(dict(sorted(results.items())), indent=1, ensure_ascii=False) + "\n")
    click.echo(f"written to {file}")


def _write_page(results: Mapping[str, Any]) -> None:
    sections = []
    for name, result in sorted(results.items()):
        facts = "; ".join(f"{fact} {text}" for fact, text in result["machine"].items())
        rows = [Row(**row) for row in result["rows"]]
        sections.append(f"## {_title(name)}\n\nMeasured at {result['at']}: {facts}.\n\n{markdown_table(rows)}")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    body = "\n\n".join(sections)
    PAGE.write_text(f"{before}{BEGIN}{body}\n{END}{after}")


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
