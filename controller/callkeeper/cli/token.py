"""`callkeeper token`: a token for a user of a folder's directory, to try what only users may do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from callkeeper.cli.main import CouldNotRun
from callkeeper.kinds.terms import USERS_FILE

if TYPE_CHECKING:
    from callkeeper.policy.directory import User


@click.command(short_help="Make a token for a user, to try what users may do.")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option("--user", "reference", required=True, metavar="USER", help="An id or e-mail address.")
@click.option("--state", type=click.Path(path_type=Path), metavar="DIR", help="The state folder, when not the usual.")
def token(folder: Path, reference: str, state: Path | None) -> None:
    """Make a token for a user of DIR, and print the path of the file that holds it.

    The user is one of DIR/users.csv; where the folder has none, one that the running recorder knows. The file has the
    form `curl -H @FILE` takes and can be read by you alone. The token itself is never printed; an earlier one of the
    same user stops working.

    \b
    Examples:
      curl -sH @"$(callkeeper token examples/quickstart --user ada)" -X POST "$URL/v1/calls/$SEGMENT:start"

    \b
    Exit codes:
      0  made
      2  there is no such user, or `callkeeper up` has not run for DIR yet (without users.csv: does not run)
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    from callkeeper.audit.errors import TokenFileError  # noqa: PLC0415 - likewise
    from callkeeper.local.state import state_folder  # noqa: PLC0415 - imported when it is run
    from callkeeper.local.tokens import TOKENS, create_user_header  # noqa: PLC0415 - likewise

    path = state_folder(folder, state)
    user = _of_file(folder, reference) if (folder / USERS_FILE).exists() else _of_recorder(folder, state, reference)
    if not (path / TOKENS).exists():
        raise CouldNotRun(f"there is no state for {folder} yet; run: callkeeper up {folder}")
    try:
        click.echo(create_user_header(path, user))
    except (OSError, TokenFileError) as error:
        raise CouldNotRun(str(error)) from error


def _of_file(folder: Path, reference: str) -> User:
    from callkeeper.local.users import read_users  # noqa: PLC0415 - imported when it is run

    read = read_users(folder)
    if read.directory is None:
        raise CouldNotRun(
            f"{folder / USERS_FILE} cannot be taken: {read.complaint}; `callkeeper validate {folder}` says all that is "
            "wrong"
        )
    user = read.directory.find(reference)
    if user is None:
        raise CouldNotRun(f"there is no user {reference} in {folder / USERS_FILE}; use an id or e-mail address of it")
    return user


def _of_recorder(folder: Path, state: Path | None, reference: str) -> User:
    """The user as the running recorder knows them: without a users.csv nobody else does."""
    from callkeeper.local.exits import CannotRun  # noqa: PLC0415 - imported when it is run
    from callkeeper.local.recorder_client import Refusal, find_recorder  # noqa: PLC0415 - likewise
    from callkeeper.policy.directory import Role, User  # noqa: PLC0415 - likewise

    try:
        found = find_recorder(str(folder), state=state).ask("GET", f"/v1/users/{quote(reference, safe='')}")
    except Refusal as refusal:
        raise CouldNotRun(f"there is no user {reference}: {refusal.message}") from refusal
    except CannotRun as error:
        raise CouldNotRun(f"{folder} has no {USERS_FILE}, and {error.message}") from error
    return User(id=found["id"], email=found["email"] or "", roles=frozenset(map(Role, found["roles"])))
