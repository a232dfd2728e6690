"""`callkeeper audit export`: take a range out of the audit log."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from callkeeper.audit.asked import read_asked
from callkeeper.audit.download import fix_download, record_download
from callkeeper.audit.errors import AuditError, RangeError, SelectionError, StoreBusy
from callkeeper.audit.sender import COMMAND_LINE, Sender
from callkeeper.audit.time_words import show
from callkeeper.cli.audit_location import find_log_folder, location_options
from callkeeper.cli.audit_output import FixedExport, see_target, write_export
from callkeeper.cli.audit_own_rows import LOOPBACK, open_for_a_moment, who
from callkeeper.cli.audit_source import find_source, source_options
from callkeeper.cli.main import CouldNotRun

if TYPE_CHECKING:
    from callkeeper.audit.asked import AskedExport
    from callkeeper.audit.recovered import Recovery
    from callkeeper.audit.remote import Source

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Export a range of the audit log as CSV or Parquet.")
@location_options
@click.option("--from", "start", required=True, metavar="TIME", help="The first instant wanted.")
@click.option("--to", "end", default="now", show_default=True, metavar="TIME", help="The first not wanted any more.")
@click.option("-o", "--output", type=_FILE, metavar="FILE", help="Write to FILE, complete or not at all.")
@click.option("--email", metavar="ADDRESS", help="Only what this address did.")
@click.option("--action", "actions", multiple=True, metavar="NAME", help="Only this action; repeatable.")
@click.option("--area", "areas", multiple=True, metavar="NAME", help="Only actions of this area; repeatable.")
@click.option("--app", metavar="NAME", help="Only rows of this application.")
@click.option(
    "--format", "output_format", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True,
    help="Parquet is for analysts, and takes -o.",
)  # fmt: skip
@click.option("--spreadsheet-safe", is_flag=True, help="Put an apostrophe in front of what looks like a formula.")
@source_options
def export(
    *,
    folder: Path | None,
    state: Path | None,
    log_dir: Path | None,
    start: str,
    end: str,
    output: Path | None,
    email: str | None,
    actions: tuple[str, ...],
    areas: tuple[str, ...],
    app: str | None,
    output_format: str,
    spreadsheet_safe: bool,
    url: str | None,
    log_name: str | None,
    token_file: Path | None,
    ca: Path | None,
) -> None:
    """Export a range of the audit log.

    DIR is the settings folder given to `callkeeper up`; it may be left out when there is only one. The rows with
    --from <= Date < --to come in order of Date, as they are stored. The export is itself audited before its first byte
    leaves. One from a URL that breaks off goes on where it was.

    \b
    A TIME is yesterday, today, now; 2026, 2026-10, 2026-10-03 (as --to: its end);
    2026-10-03T14:00:00+02:00 with any offset, UTC without one; -24h, -7d before now.

    \b
    Examples:
      callkeeper audit export examples/quickstart --from today
      callkeeper audit export --from 2026-10 --to 2026-10 -o october.csv
      callkeeper audit export --from -24h --action UpdateBlacklist --action SetUserPolicy
      callkeeper audit export --from yesterday --to yesterday --email ada@example.com --spreadsheet-safe
      callkeeper audit export --from 2026 --to 2026 --format parquet -o 2026.parquet
      callkeeper audit export --from yesterday --url https://audit.example.com --log voice/teams \\
        --token-file ~/audit.token

    \b
    Exit codes:
      0  exported
      2  could not run: the range cannot be read, there is no log, or nobody answers
    """  # noqa: D301 - click's mark for a paragraph to be kept as written is the character, not the two
    is_parquet = output_format == "parquet"
    if is_parquet and output is None:
        raise click.UsageError("--format parquet takes -o FILE")
    if url is not None and (folder or state or log_dir):
        raise click.UsageError("DIR, --state and --log-dir do not go with --url")
    now = datetime.now(UTC)
    given = {"email": email, "app": app, "spreadsheetSafe": "true" if spreadsheet_safe else None}
    wanted = [("from", start), ("to", end), *((name, text) for name, text in given.items() if text is not None)]
    wanted += [*(("action", name) for name in actions), *(("area", name) for name in areas)]
    try:
        asked = read_asked(wanted, now)
    except (RangeError, SelectionError) as error:
        raise CouldNotRun(str(error)) from error
    # Both ends as instants: the other side's clock must not have a say in what `yesterday` is.
    wanted[:2] = [("from", show(asked.start)), ("to", show(asked.end))]
    try:
        see_target(output, parquet=is_parquet)
        source = find_source(url, log_name, token_file, ca)
        if source is not None:
            fixed = _from_url(source, wanted, log_name)
        else:
            fixed = _from_machine(find_log_folder(folder, state, log_dir), asked, wanted, now)
        written = write_export(fixed, output, parquet=is_parquet)
    except AuditError as error:
        raise CouldNotRun(str(error)) from error
    except OSError as error:
        raise CouldNotRun(f"the export failed: {error}") from error
    target = f" to {output}" if output else ""
    click.echo(f"Exported {written} of {show(asked.start)} up to {show(asked.end)}{target}.", err=True)


def _from_machine(rows: Path, asked: AskedExport, wanted: list[tuple[str, str]], now: datetime) -> FixedExport:
    try:
        return _from_files(rows, asked, now)
    except StoreBusy as error:
        running = _running(rows)
        if running is None:
            raise CouldNotRun(
                f"another process writes the audit log in {rows}; ask it with --url, or end that process"
            ) from error
        return _from_url(running, wanted, None)


def _from_files(rows: Path, asked: AskedExport, now: datetime) -> FixedExport:
    """Export from the files themselves, as their writer for a moment: the download's row comes first."""

    async def record() -> tuple[FixedExport, Recovery]:
        async with open_for_a_moment(rows) as store:
            download = fix_download(rows, asked, store.chain_head)
            sender = Sender(store, COMMAND_LINE, app_name=store.settings.application_name)
            await record_download(download, sender, at=now, email=who(), ip_address=LOOPBACK)
            return FixedExport(pieces=download.pieces(), size=download.totals.size), store.recovery

    fixed, recovery = asyncio.run(record())
    for torn in recovery.torn:
        click.echo(f"{torn.file}: {torn.size} bytes of an unfinished write were moved to {torn.moved_to}", err=True)
    for damage in recovery.damaged:
        click.echo(f"{damage.file}: damaged at byte {damage.offset} ({damage.size} bytes): {damage.message}", err=True)
    return fixed


def _running(rows: Path) -> Source | None:
    """The recorder of a running `callkeeper up` that writes these rows; None where it offers no address."""
    from callkeeper.audit.remote import Source  # noqa: PLC0415 - imported where a recorder runs
    from callkeeper.local.running import read_running  # noqa: PLC0415 - likewise
    from callkeeper.local.tokens import AUTHORIZATION  # noqa: PLC0415 - likewise

    running = read_running(rows.parent)
    if running is None or running.url is None:
        return None
    name, _, value = (rows.parent / AUTHORIZATION).read_text().strip().partition(": ")
    return Source(url=running.url, headers={name: value}, direct=True)


def _from_url(source: Source, wanted: list[tuple[str, str]], log_name: str | None) -> FixedExport:
    from callkeeper.audit.remote_download import RemoteDownload  # noqa: PLC0415 - imported where a URL is asked

    download = RemoteDownload(source, [*wanted, *([("log", log_name)] if log_name else [])])
    return FixedExport(pieces=download.chunks(), size=download.size)
