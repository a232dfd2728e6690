"""`callkeeper audit actions`: list the actions its rows may name."""

import json

import click

from callkeeper.audit.taxonomy import TAXONOMY, reference_page


@click.command()
@click.option("-f", "--format", "output_format", type=click.Choice(["text", "json", "markdown"]), default="text")
def actions(output_format: str) -> None:
    """List every action an audit row may name, its area, and who emits it.

    \b
    Examples:
      callkeeper audit actions
      callkeeper audit actions --format json | jq -r '.[] | select(.area == "settings") | .action'

    \b
    Exit codes:
      0  listed
    """  # noqa: D301 - click's mark for a paragraph to be kept as written is the character, not the two
    match output_format:
        case "markdown":
            click.echo(reference_page(), nl=False)
        case "json":
            table = [
                {
                    "action": entry.action,
                    "area": entry.area,
                    "meaning": entry.meaning,
                    "emitter": entry.emitter,
                    "emitted": entry.emitted,
                    "details": [dict(zip(("name", "type", "meaning"), one, strict=True)) for one in entry.details],
                }
                for entry in TAXONOMY.values()
            ]
            click.echo(json.dumps(table, indent=2))
        case _:
            for entry in TAXONOMY.values():
                later = "" if entry.emitted else "  (later)"
                click.echo(f"{entry.action:<24} {entry.area:<26} {entry.meaning}{later}")
