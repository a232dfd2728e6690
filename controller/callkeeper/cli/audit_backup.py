"""`callkeeper audit backup`: a copy of the audit log, taken while it is written."""

from __future__ import annotations

from pathlib import Path

import click

from callkeeper.cli.audit_location import find_log_folder, location_options
from callkeeper.cli.main import CouldNotRun

_PATH = click.Path(path_type=Path)


@click.command(short_help="Copy the log while it is written: whole, or not at all.")
@location_options
@click.option("--to", "target", required=True, type=_PATH, metavar="DIR", help="A folder that is not there yet.")
@click.option("--with-key", is_flag=True, help="The private key too, where it lies in the log's folder.")
def backup(*, folder: Path | None, state: Path | None, log_dir: Path | None, target: Path, with_key: bool) -> None:
    """Copy the audit log into a new folder, up to its last commit; a running writer is not disturbed.

    The copy is whole or not there at all, and can be verified and exported from like the log itself (--log-dir). The
    private key stays behind unless --with-key is given.

    \b
    Examples:
      callkeeper audit backup --to /mnt/backup/audit-2026-11-27
      callkeeper audit backup --log-dir /var/lib/callkeeper/audit/voice/teams --to /mnt/backup/teams

    \b
    Exit codes:
      0  made
      2  could not run: nothing was made
    """  # noqa: D301 - click's mark for a paragraph to be kept as written is the character, not the two
    from callkeeper.audit.backup import back_up  # noqa: PLC0415 - loaded when run
    from callkeeper.audit.errors import BackupError  # noqa: PLC0415 - likewise
    from callkeeper.audit.store import utc_now  # noqa: PLC0415 - likewise

    rows = find_log_folder(folder, state, log_dir)
    try:
        made = back_up(rows, target, now=utc_now(), with_key=with_key)
    except BackupError as error:
        raise CouldNotRun(str(error)) from error
    click.echo(f"Backed up {made.rows:,} rows, {len(made.files):,} files, {made.size:,} bytes to {target}.")
    click.echo(f"chain {made.chain or 'none'}")
