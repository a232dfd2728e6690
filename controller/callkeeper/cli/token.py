"""`callkeeper token`: a token for a user of a folder's directory, to try what only users may do."""

from pathlib import Path

import click

from callkeeper.cli.main import CouldNotRun


@click.command(short_help="Make a token for a user, to try what users may do.")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option("--user", "reference", required=True, metavar="USER", help="An id or e-mail address of users.csv.")
@click.option("--state", type=click.Path(path_type=Path), metavar="DIR", help="The state folder, when not the usual.")
def token(folder: Path, reference: str, state: Path | None) -> None:
    """Make a token for a user of DIR/users.csv, and print the path of the file that holds it.

    The file has the form `curl -H @FILE` takes and can be read by you alone. The token itself is never printed; an
    earlier one of the same user stops working.

    \b
    Examples:
      curl -sH @"$(callkeeper token examples/quickstart --user ada)" -X POST "$URL/v1/calls/$SEGMENT:start"

    \b
    Exit codes:
      0  made
      2  there is no such user, or `callkeeper up` has not run for DIR yet
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    from callkeeper.audit.errors import TokenFileError  # noqa: PLC0415 - likewise
    from callkeeper.local.state import state_folder  # noqa: PLC0415 - imported when it is run
    from callkeeper.local.tokens import TOKENS, create_user_header  # noqa: PLC0415 - likewise
    from callkeeper.local.users import read_users  # noqa: PLC0415 - likewise

    path = state_folder(folder, state)
    directory = read_users(folder).directory
    if directory is None:
        raise CouldNotRun(f"{folder / 'users.csv'} is missing or wrong; `callkeeper up` says what is wrong with it")
    user = directory.find(reference)
    if user is None:
        raise CouldNotRun(f"there is no user {reference} in {folder / 'users.csv'}; use an id or e-mail address of it")
    if not (path / TOKENS).exists():
        raise CouldNotRun(f"there is no state for {folder} yet; run: callkeeper up {folder}")
    try:
        click.echo(create_user_header(path, user))
    except (OSError, TokenFileError) as error:
        raise CouldNotRun(str(error)) from error
