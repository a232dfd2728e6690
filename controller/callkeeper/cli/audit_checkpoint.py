"""`callkeeper audit checkpoint`: one signed line that names everything in the log, to be kept elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from callkeeper.cli.audit_location import find_log_folder, location_options
from callkeeper.cli.main import CouldNotRun

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Print a signed line that names the whole log, to be kept elsewhere.")
@location_options
@click.option("--signing-key", type=_FILE, metavar="FILE", help="Where the log's key lies, when not beside it.")
@click.option("--public-key", "public_key", is_flag=True, help="Print the public key as PEM instead.")
@click.option("--rotate-key", is_flag=True, help="Make a new key, signed for by the old one.")
@click.option("--replace-lost-key", is_flag=True, help="Make a new key where the old one is gone; verification tells.")
def checkpoint(
    *,
    folder: Path | None,
    state: Path | None,
    log_dir: Path | None,
    signing_key: Path | None,
    public_key: bool,
    rotate_key: bool,
    replace_lost_key: bool,
) -> None:
    """Print the newest checkpoint of the audit log: one line, signed, that names every row up to an instant.

    Kept elsewhere (in git, in a ticket, with an auditor) it proves later that no row up to then was altered, removed or
    added: `callkeeper audit verify --against`. Where nobody writes the log, the line is made now; else the running
    writer made it within the last hour.

    \b
    Examples:
      callkeeper audit checkpoint >> audit-checkpoints.txt
      callkeeper audit checkpoint --public-key > audit.pem
      callkeeper audit checkpoint --rotate-key

    \b
    Exit codes:
      0  printed
      2  could not run: there is no log, no row in it, or no key to sign with
    """  # noqa: D301 - click's mark for a paragraph to be kept as written is the character, not the two
    from callkeeper.audit.checkpoints import last_checkpoint  # noqa: PLC0415 - loaded when run
    from callkeeper.audit.errors import AuditError, KeyUnusable  # noqa: PLC0415 - likewise

    if rotate_key and replace_lost_key:
        raise click.UsageError(
            "--rotate-key has the old key sign the new one, --replace-lost-key does without: say one"
        )
    rows = find_log_folder(folder, state, log_dir)
    try:
        try:
            _sign(rows, signing_key, rotate=rotate_key, lost=replace_lost_key)
        except KeyUnusable:
            # The public key stands in lines that were signed before.
            if not public_key or rotate_key or replace_lost_key or last_checkpoint(rows) is None:
                raise
        found = last_checkpoint(rows)
    except AuditError as error:
        raise CouldNotRun(str(error)) from error
    except OSError as error:
        raise CouldNotRun(f"the log cannot be read: {error}") from error
    if found is None:
        raise CouldNotRun(
            f"there is no checkpoint in {rows} yet: the first is signed some seconds after the first rows"
        )
    if public_key:
        click.echo(_public_pem(rows), nl=False)
    else:
        click.echo(found.text)


def _sign(rows: Path, signing_key: Path | None, *, rotate: bool, lost: bool) -> None:
    """Sign what is there, with another key from then on where that is asked for; not beside a writer, which signs."""
    from callkeeper.audit.errors import StoreBusy  # noqa: PLC0415 - loaded when run
    from callkeeper.audit.layout import SIGNING_KEY  # noqa: PLC0415 - likewise
    from callkeeper.cli.audit_own_rows import open_for_a_moment  # noqa: PLC0415 - likewise

    async def sign() -> None:
        async with open_for_a_moment(rows, signing_key=signing_key) as store:
            if rotate or lost:
                await store.rotate_key(lost=lost)
            await store.checkpoint()

    if lost:
        _see_lost(signing_key or rows / SIGNING_KEY)
    try:
        asyncio.run(sign())
    except StoreBusy as error:
        if rotate or lost:
            raise CouldNotRun(f"{error}; end it, change the key, start it again") from error


def _see_lost(key: Path) -> None:
    """Nobody loses a key, or another file, because it was taken for lost."""
    if key.exists():
        raise CouldNotRun(
            f"{key} is there: --rotate-key changes a key that works; move one that cannot be used elsewhere first"
        )


def _public_pem(rows: Path) -> str:
    """The key in use, as the log's own records say."""
    from callkeeper.audit.checkpoints import KeyRecord, checkpoint_lines, read_record  # noqa: PLC0415 - loaded when run
    from callkeeper.audit.errors import CheckpointError  # noqa: PLC0415 - likewise
    from callkeeper.audit.signing import public_pem  # noqa: PLC0415 - likewise

    for text in reversed(checkpoint_lines(rows)):
        try:
            record = read_record(text)
        except CheckpointError:
            continue
        if isinstance(record, KeyRecord):
            return public_pem(record.public)
    raise CouldNotRun(f"there is no key in {rows} yet")
