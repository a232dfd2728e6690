"""`callkeeper audit restore`: an audit log made of a backup, which goes on from there and says so."""

from __future__ import annotations

from pathlib import Path

import click

from callkeeper.cli.main import CouldNotRun

_PATH = click.Path(path_type=Path)


@click.command(short_help="Make a log of a backup; it goes on from there and says so.")
@click.argument("backup", type=_PATH, metavar="BACKUP")
@click.option("--to", "target", required=True, type=_PATH, metavar="DIR", help="The log's folder: not there, or empty.")
@click.option("--signing-key", type=_PATH, metavar="FILE", help="Where the log's key lies, when not beside it.")
def restore(*, backup: Path, target: Path, signing_key: Path | None) -> None:
    """Restore an audit log from a backup made by `callkeeper audit backup`.

    Every file is checked against the backup's list. The chain goes on where the backup ended; a RestoreAudit row and a
    line of the chain say that it was restored, and of which instant the backup is. Rows acknowledged after that are not
    in it. Where the backup was made without the private key, bring that back as well: no checkpoint is signed before.

    \b
    Examples:
      callkeeper audit restore /mnt/backup/audit-2026-11-27 --to /var/lib/callkeeper/audit/voice/teams

    \b
    Exit codes:
      0  restored
      2  could not run: nothing was made
    """  # noqa: D301 - click's mark for a paragraph to be kept as written is the character, not the two
    from callkeeper.audit.backup import restore as restore_backup  # noqa: PLC0415 - loaded when run
    from callkeeper.audit.errors import BackupError  # noqa: PLC0415 - likewise
    from callkeeper.audit.layout import SIGNING_KEY  # noqa: PLC0415 - likewise
    from callkeeper.cli.audit_own_rows import collect_what_is_logged  # noqa: PLC0415 - likewise

    collect_what_is_logged()  # of a folder that had not its name yet; what matters of it is said below
    try:
        held = restore_backup(backup, target, signing_key=signing_key)
    except BackupError as error:
        raise CouldNotRun(str(error)) from error
    click.echo(f"Restored {held.rows:,} rows of the backup of {held.taken} to {target}; the log says so.")
    key = signing_key or target / SIGNING_KEY
    if held.rows and not key.exists():
        click.echo(
            f"The log's private key is not in the backup: put it in {target / SIGNING_KEY}, or name where it lies with "
            "--signing-key when the log is written. Until then rows are taken and no checkpoint is signed.",
            err=True,
        )
