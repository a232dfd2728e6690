"""`callkeeper audit verify`: whether the log is what was written, held against checkpoints kept elsewhere."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from callkeeper.cli.audit_location import find_log_folder, location_options
from callkeeper.cli.audit_source import find_source, source_options
from callkeeper.cli.main import CouldNotRun
from callkeeper.cli.progress import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callkeeper.audit.checkpoints import Checkpoint
    from callkeeper.audit.remote import Source
    from callkeeper.audit.verification import Verification

_FILE = click.Path(path_type=Path, dir_okay=False)
EXIT_DAMAGE = 1


@click.command(short_help="Find every altered, missing or added row, and name its commit.")
@location_options
@click.option("--against", multiple=True, metavar="FILE|LINE", help="Checkpoints kept elsewhere; repeatable.")
@click.option("--public-key", "key_files", multiple=True, type=_FILE, metavar="FILE", help="Known from elsewhere, PEM.")
@click.option("--signing-key", type=_FILE, metavar="FILE", help="Where the log's own key lies, when not beside it.")
@click.option(
    "-f", "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="Lines for people, or the same as data.",
)  # fmt: skip
@click.option("--no-row", is_flag=True, help="Write no VerifyAudit row: for a copy, or evidence nobody may touch.")
@source_options
def verify(
    *,
    folder: Path | None,
    state: Path | None,
    log_dir: Path | None,
    against: tuple[str, ...],
    key_files: tuple[Path, ...],
    signing_key: Path | None,
    output_format: str,
    no_row: bool,
    url: str | None,
    log_name: str | None,
    token_file: Path | None,
    ca: Path | None,
) -> None:
    """Verify the audit log: every row, the chain, and every checkpoint.

    Works beside a running writer, up to the last commit, and on a copy or a backup (--log-dir). Without --against it
    finds what was altered by somebody who cannot sign; with a checkpoint kept elsewhere also a log that was rewritten
    or replaced as a whole. What a torn tail is and what damage is, and what this does not promise, is in
    docs/reference/audit-store.md.

    A sound log gets a VerifyAudit row; where `callkeeper up` is writing it, that verifies it as well and
    writes the row. A damaged one is left as it is. With --url the recorder or collector there verifies the log that
    it writes, and leaves the row; a recorder tells how many pieces of damage there are, and does not name them.

    \b
    Examples:
      callkeeper audit verify
      callkeeper audit verify --against checkpoints.txt --public-key audit.pem
      callkeeper audit verify --log-dir /var/lib/callkeeper/audit/voice/teams --format json
      callkeeper audit verify --url https://audit.example.com --log voice/teams --token-file ~/audit.token \\
        --against checkpoints.txt

    \b
    Exit codes:
      0  nothing altered was found; a torn tail is no damage
      1  damage: each piece is named with its commit, rows and bytes
      2  could not run: there is no log, or a checkpoint or key cannot be read
    """  # noqa: D301 - click's mark for a paragraph to be kept as written is the character, not the two
    from callkeeper.audit.errors import AuditError  # noqa: PLC0415 - loaded when run, so that help costs nothing
    from callkeeper.audit.verify import Progress  # noqa: PLC0415 - likewise
    from callkeeper.audit.verify import verify as verify_store  # noqa: PLC0415 - likewise

    source = find_source(url, log_name, token_file, ca)
    try:
        checkpoints = [checkpoint for text in against for checkpoint in _read_checkpoints(text)]
        if source is not None:
            if folder or state or log_dir or signing_key or no_row:
                raise click.UsageError("DIR, --state, --log-dir, --signing-key and --no-row do not go with --url")
            _from_url(source, log_name, checkpoints, key_files, output_format)
            return
        rows = find_log_folder(folder, state, log_dir)
        keys = list(map(_read_key, key_files))
        progress = Progress()
        with shown(lambda: f"{progress.rows:,} rows, {progress.size:,} bytes verified …"):
            found = verify_store(rows, against=checkpoints, public_keys=keys, progress=progress)
    except (AuditError, OSError) as error:
        raise CouldNotRun(str(error)) from error
    if found.store == "" and not found.problems and not checkpoints:
        raise CouldNotRun(f"there are no rows in {rows}")
    if output_format == "json":
        click.echo(json.dumps({"sound": found.sound, **asdict(found)}, indent=1))
    else:
        _tell(found, checkpoints)
    if found.sound and not no_row:
        _record(rows, found, checkpoints, key_files, signing_key)
    if not found.sound:
        sys.exit(EXIT_DAMAGE)


def _from_url(
    source: Source, log_name: str | None, against: Sequence[Checkpoint], key_files: Sequence[Path], output_format: str
) -> None:
    """Have whoever writes the log verify it, and say what was found."""
    from callkeeper.audit.remote_verification import ask_to_verify  # noqa: PLC0415 - loaded where a URL is asked

    for path in key_files:
        _read_key(path)
    found = ask_to_verify(source, log_name, against, [path.read_text("ascii", "replace") for path in key_files])
    if output_format == "json":
        click.echo(json.dumps(found, indent=1))
    else:
        problems = found["problems"] if isinstance(found["problems"], list) else []
        for kind, texts in (
            ("DAMAGE", [problem["text"] for problem in problems]),
            ("tail  ", found.get("tails", [])),
            ("note  ", found.get("notes", [])),
        ):
            for text in texts:
                click.echo(f"{kind} {text}")
        click.echo(f"{found['rows']:,} rows, chain {found['chain']}")
        count = len(problems) if isinstance(found["problems"], list) else found["problems"]
        click.echo("Nothing altered was found." if found["sound"] else _damaged(count))
    if not found["sound"]:
        sys.exit(EXIT_DAMAGE)


def _read_checkpoints(text: str) -> list[Checkpoint]:
    """A line, or a file of lines; other lines of the file are passed over, none at all is an error."""
    from callkeeper.audit.checkpoints import read_checkpoint  # noqa: PLC0415 - loaded when run

    if text.startswith("callkeeper-"):
        return [read_checkpoint(text)]
    try:
        lines = Path(text).read_text("utf-8", "replace").splitlines()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise CouldNotRun(f"--against {text}: {why}; give a file of checkpoint lines, or one whole line") from error
    found = [read_checkpoint(line) for line in lines if line.startswith("callkeeper-checkpoint ")]
    if not found:
        raise CouldNotRun(f"{text} holds no line that begins with `callkeeper-checkpoint`")
    return found


def _read_key(file: Path) -> bytes:
    from callkeeper.audit.errors import KeyUnusable  # noqa: PLC0415 - loaded when run
    from callkeeper.audit.signing import read_public_key  # noqa: PLC0415 - likewise

    try:
        return read_public_key(file.read_bytes())
    except KeyUnusable as error:
        raise CouldNotRun(f"{file}: {error}; `callkeeper audit checkpoint --public-key` prints one") from error
    except OSError as error:
        raise CouldNotRun(f"the public key {file} cannot be read: {error.strerror}") from error


def _tell(found: Verification, against: Sequence[Checkpoint]) -> None:
    for problem in found.problems:
        click.echo(f"DAMAGE {problem}")
    for tail in found.tails:
        click.echo(f"tail   {tail}")
    for note in found.notes:
        click.echo(f"note   {note}")
    since = found.start or "the beginning"
    deleted = f", {found.deleted:,} files deleted under retention" if found.deleted else ""
    click.echo(f"{found.rows:,} rows in {found.commits:,} commits ({found.size:,} bytes) since {since}{deleted}")
    click.echo(f"store {found.store}, chain {found.chain}")
    fitting = f", {found.against} of {len(against)} given from elsewhere" if against else ""
    click.echo(f"checkpoints that fit: {found.checkpoints} of its own{fitting}; keys {', '.join(found.keys) or 'none'}")
    if found.sound and not against:
        click.echo(
            "Nothing altered was found. Only --against a checkpoint kept elsewhere finds a log replaced as a whole."
        )
    else:
        click.echo("Nothing altered was found." if found.sound else _damaged(len(found.problems)))


def _damaged(count: int) -> str:
    return f"DAMAGED: {count:,} problem{'' if count == 1 else 's'}"


def _record(
    rows: Path,
    found: Verification,
    against: Sequence[Checkpoint],
    key_files: Sequence[Path],
    signing_key: Path | None,
) -> None:
    """Write the row; a log that somebody else writes, or that cannot be written, is said to go without."""
    from callkeeper.audit.errors import StoreBusy, StoreError  # noqa: PLC0415 - loaded when run
    from callkeeper.audit.sender import COMMAND_LINE, Sender  # noqa: PLC0415 - likewise
    from callkeeper.audit.store import utc_now  # noqa: PLC0415 - likewise
    from callkeeper.audit.verify_row import record_verification  # noqa: PLC0415 - likewise
    from callkeeper.cli.audit_own_rows import LOOPBACK, open_for_a_moment, who  # noqa: PLC0415 - likewise

    async def record() -> None:
        async with open_for_a_moment(rows, signing_key=signing_key) as store:
            sender = Sender(store, COMMAND_LINE, app_name=store.settings.application_name)
            await record_verification(found, len(against), sender, at=utc_now(), email=who(), ip_address=LOOPBACK)

    try:
        asyncio.run(record())
    except StoreBusy:
        _ask_writer(rows, against, key_files)
    except StoreError as error:
        click.echo(f"No VerifyAudit row was written: {error}", err=True)


def _ask_writer(rows: Path, against: Sequence[Checkpoint], key_files: Sequence[Path]) -> None:
    """Have the recorder of a running `callkeeper up` verify its log as well, which leaves the row."""
    from callkeeper.local.exits import CannotRun  # noqa: PLC0415 - loaded where somebody writes the log
    from callkeeper.local.recorder_client import Refusal, find_recorder  # noqa: PLC0415 - likewise
    from callkeeper.local.running import read_running  # noqa: PLC0415 - likewise

    if read_running(rows.parent) is None:
        click.echo(
            "No VerifyAudit row was written: another process writes this log; have it verify with --url.", err=True
        )
        return
    body = {"against": [one.text for one in against], "publicKeys": [path.read_text() for path in key_files]}
    try:
        found = find_recorder(None, state=rows.parent).ask("POST", "/v1/audit:verify", body=body)
    except (CannotRun, Refusal) as error:
        click.echo(f"No VerifyAudit row was written: {error}", err=True)
        return
    if not found.get("sound"):
        click.echo("The recorder that writes this log finds damage by now; verify again.", err=True)
        sys.exit(EXIT_DAMAGE)
