"""`callkeeper show`: all settings in force on one page, and where each comes from."""

import os
import sys
from pathlib import Path

import click

from callkeeper.cli.main import CouldNotRun


@click.command(short_help="Show the settings in force and where each comes from.")
@click.argument("source", metavar="DIR|URL")
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
def show(source: str, output_format: str, state: Path | None, authorization: Path | None) -> None:
    """Show what is in force: of the settings folder DIR, or of the recorder at URL.

    For a folder also the status of each object, and where the files say something that is not in force. Says whether
    `callkeeper up` is running; without it the page is what was in force when it ended.

    \b
    Examples:
      callkeeper show examples/quickstart
      callkeeper show examples/quickstart --format json
      callkeeper show https://recorder.example.com --authorization ~/recorder.header

    \b
    Exit codes:
      0  shown
      2  there is no such folder, or the recorder cannot be reached
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    # Imported when it is run, so that help costs nothing.
    import asyncio  # noqa: PLC0415 - see above

    from callkeeper.local.exits import CannotRun  # noqa: PLC0415 - see above
    from callkeeper.local.shown import page_json, page_text, show_folder, show_url  # noqa: PLC0415 - see above
    from callkeeper.local.tokens import read_token  # noqa: PLC0415 - see above

    try:
        if source.startswith(("http://", "https://")):
            token = read_token(authorization) if authorization is not None else None
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
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        click.echo(page_text(shown, colour=colour), nl=False)
