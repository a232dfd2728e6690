"""`callkeeper show`: all settings in force on one page, and where each comes from."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from callkeeper.cli.cluster_options import cluster_options, scope_of, takes_cluster_options
from callkeeper.cli.main import CouldNotRun
from callkeeper.manifests.output.colour import wants_colour


@click.command(short_help="Show the settings in force and where each comes from.")
@click.argument("source", required=False, metavar="[DIR|URL]")
@click.option(
    "-f", "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="A page for people, or the same as data.",
)  # fmt: skip
@click.option("--state", type=click.Path(path_type=Path), metavar="DIR", help="The state folder, when not the usual.")
@click.option(
    "--authorization",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="For a URL: a file with the line `Authorization: Bearer …`, or the token alone.",
)
@click.option("--recorder", metavar="[NAMESPACE/]NAME", help="In a cluster: this recorder alone.")
@cluster_options
def show(
    source: str | None,
    output_format: str,
    state: Path | None,
    authorization: Path | None,
    recorder: str | None,
    **where: Any,
) -> None:
    """Show what is in force: of the settings folder DIR, of the recorder at URL, or else of a cluster.

    For a folder also the status of each object, and where the files say something that is not in force. Says whether
    `callkeeper up` is running; without it the page is what was in force when it ended.

    For a cluster, read through kubectl: what each recorder says it runs (if it can be reached from here), whether each
    object is in force, and where the objects say something that is not.

    \b
    Examples:
      callkeeper show examples/quickstart
      callkeeper show examples/quickstart --format json
      callkeeper show https://recorder.example.com --authorization ~/recorder.header
      kubectl callkeeper show -n voice

    \b
    Exit codes:
      0  shown
      2  there is no such folder or recorder, or it cannot be reached
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    # Imported when it is run, so that help costs nothing.
    import asyncio  # noqa: PLC0415 - see above

    colour = output_format == "text" and wants_colour(os.environ, is_terminal=sys.stdout.isatty())
    if source is None:
        click.echo(_cluster(where, recorder, as_json=output_format == "json", colour=colour), nl=False)
        return
    if recorder is not None or takes_cluster_options(where):
        raise click.UsageError("options of a cluster and a DIR or URL exclude each other")
    from callkeeper.local.exits import CannotRun  # noqa: PLC0415 - see above
    from callkeeper.local.shown import page_json, page_text, show_folder, show_url  # noqa: PLC0415 - see above
    from callkeeper.local.tokens import given_token  # noqa: PLC0415 - see above

    try:
        if source.startswith(("http://", "https://")):
            token = given_token(authorization) if authorization is not None else None
            shown = asyncio.run(show_url(source, token))
        else:
            shown = asyncio.run(show_folder(Path(source), state))
    except CannotRun as error:
        raise CouldNotRun(error.message) from error
    except OSError as error:
        raise CouldNotRun(f"cannot read {error.filename}: {error.strerror}") from error
    if output_format == "json":
        click.echo(page_json(shown), nl=False)
    else:
        click.echo(page_text(shown, colour=colour), nl=False)


def _cluster(where: dict[str, Any], recorder: str | None, *, as_json: bool, colour: bool) -> str:
    import asyncio  # noqa: PLC0415 - imported when it is run

    from callkeeper.cli.show_cluster import cluster_json, cluster_text  # noqa: PLC0415 - likewise
    from callkeeper.operator.reading.governed import governed  # noqa: PLC0415 - likewise
    from callkeeper.operator.reading.kubectl import Kubectl, ReadingError  # noqa: PLC0415 - likewise

    try:
        found = asyncio.run(governed(Kubectl(scope_of(where)), recorder=recorder))
    except ReadingError as error:
        raise CouldNotRun(f"{error.message}; for a folder: callkeeper show DIR") from error
    return cluster_json(found) if as_json else cluster_text(found, colour=colour)
