"""`callkeeper audit export`: take a range out of the audit log."""

import asyncio
import difflib
import getpass
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

import click

from callkeeper.audit.actions import Action
from callkeeper.audit.download import record_download
from callkeeper.audit.errors import AuditError, RangeError, StoreBusy
from callkeeper.audit.export import Export, prepare
from callkeeper.audit.recovery import Recovery
from callkeeper.audit.row import HEADER
from callkeeper.audit.select import Selection
from callkeeper.audit.sender import Sender
from callkeeper.audit.store import AuditStore, utc_now
from callkeeper.audit.time_words import parse_range, show
from callkeeper.cli.main import CouldNotRun

SENDER = "cli"
"""Under this name the command line numbers the rows it writes itself, when no recorder runs."""

LOOPBACK = "127.0.0.1"
"""Where somebody is who works on the machine itself."""

TIMEOUT_SECONDS = 30
"""For each read from the recorder: it counts the range before the first byte, a few seconds for the largest."""

READ_BYTES = 256 * 1024
"""What is taken from the recorder's answer at a time."""


def _read_actions(_context: click.Context, _parameter: click.Parameter, names: tuple[str, ...]) -> tuple[Action, ...]:
    known = {action.value.casefold(): action for action in Action}
    for name in names:
        if name.casefold() not in known:
            near = difflib.get_close_matches(name, list(Action), n=1)
            hint = f"Did you mean {near[0]}?" if near else "`callkeeper audit actions` lists them."
            raise click.BadParameter(f"there is no action {name!r}. {hint}")
    return tuple(known[name.casefold()] for name in names)


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--from", "start", required=True, metavar="TIME", help="The first instant wanted.")
@click.option("--to", "end", default="now", show_default=True, metavar="TIME", help="The first not wanted any more.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to FILE.")
@click.option("--email", metavar="ADDRESS", help="Only what this address did.")
@click.option("--action", "actions", multiple=True, callback=_read_actions, metavar="NAME", help="Only this action.")
@click.option("--state", type=click.Path(path_type=Path), metavar="DIR", help="The state folder, when not the usual.")
def export(
    folder: Path | None,
    start: str,
    end: str,
    output: Path | None,
    email: str | None,
    actions: tuple[Action, ...],
    state: Path | None,
) -> None:
    """Export a range of the audit log as CSV.

    DIR is the settings folder given to `callkeeper up`; it may be left out when there is only one. The rows with
    --from <= Date < --to come in order of Date. The export is itself audited before the first byte leaves.

    \b
    A TIME is yesterday, today, now; 2026, 2026-10, 2026-10-03 (as --to: its end);
    2026-10-03T14:00:00+02:00 with any offset, UTC without one; -24h, -7d before now.

    \b
    Examples:
      callkeeper audit export examples/quickstart --from today
      callkeeper audit export --from 2026-10 --to 2026-10 -o october.csv
      callkeeper audit export --from -24h --action UpdateBlacklist --action SetUserPolicy
      callkeeper audit export --from yesterday --to yesterday --email ada@example.com

    \b
    Exit codes:
      0  exported
      2  could not run: the range cannot be read, or there is no log
    """  # noqa: D301 - click's mark for a paragraph to be kept as written is the character, not the two
    now = utc_now()
    try:
        first, limit = parse_range(start, end, now)
    except RangeError as error:
        raise CouldNotRun(str(error)) from error
    selection = Selection(email=email, actions=actions)
    state = _find_state(folder, state)
    rows = (state / "audit").resolve()
    if not rows.is_dir():
        raise CouldNotRun(f"there is no audit log in {state}; has `callkeeper up` run for this folder?")
    try:
        try:
            chunks, size = _from_files(rows, first, limit, selection, now)
        except StoreBusy:
            chunks, size = _from_recorder(state, first, limit, selection), None
        written = _write(chunks, output, size)
    except AuditError as error:
        raise CouldNotRun(str(error)) from error
    except OSError as error:
        raise CouldNotRun(f"the export failed: {error}") from error
    target = f" to {output}" if output else ""
    click.echo(f"Exported {written:,} bytes of {show(first)} up to {show(limit)}{target}.", err=True)


def _find_state(folder: Path | None, state: Path | None) -> Path:
    # Imported here: listing the actions needs no composition of anything.
    from callkeeper.local.state import state_folder  # noqa: PLC0415 - see above

    if state is not None:
        return state_folder(Path.cwd(), state)
    if folder is not None:
        if not folder.is_dir():
            raise CouldNotRun(f"{folder} is no folder; name the settings folder that `callkeeper up` governs")
        return state_folder(folder)
    home = state_folder(Path.cwd()).parent
    known = sorted(path.parent for path in home.glob("*/audit") if path.is_dir())
    if len(known) == 1:
        return known[0]
    if (own := state_folder(Path.cwd())) in known:
        return own
    found = "there is none yet" if not known else "there are several: " + ", ".join(str(path) for path in known)
    raise CouldNotRun(
        f"which audit log? Name the settings folder given to `callkeeper up`, or its state folder with --state; {found}"
    )


def _from_files(
    rows: Path, first: datetime, limit: datetime, selection: Selection, now: datetime
) -> tuple[Iterator[bytes], int]:
    """Export from the files themselves, as their writer for a moment: the download's row comes first."""

    async def record() -> tuple[Export, int, Recovery]:
        async with AuditStore.open(rows) as store:
            fixed = prepare(rows, first, limit, selection)
            totals = await record_download(
                fixed,
                Sender(store, SENDER),
                at=now,
                email=_who(),
                ip_address=LOOPBACK,
                chain_head=store.chain_head,
            )
            return fixed, totals.size, store.recovery

    fixed, size, recovery = asyncio.run(record())
    for torn in recovery.torn:
        click.echo(f"{torn.file}: {torn.size} bytes of an unfinished write were moved to {torn.moved_to}", err=True)
    for damage in recovery.damaged:
        click.echo(f"{damage.file}: damaged at byte {damage.offset} ({damage.size} bytes): {damage.message}", err=True)
    return fixed.chunks(), size


def _who() -> str:
    """The user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return f"system:uid-{os.getuid()}"


def _from_recorder(state: Path, first: datetime, limit: datetime, selection: Selection) -> Iterator[bytes]:
    """Ask the running recorder, which audits the download; it sends the whole range, what is wanted is picked here."""
    # Imported where a recorder runs only: they are half of this command's start.
    import http.client  # noqa: PLC0415 - see above
    import urllib.error  # noqa: PLC0415 - see above
    import urllib.parse  # noqa: PLC0415 - see above
    import urllib.request  # noqa: PLC0415 - see above

    from callkeeper.local.running import read_running  # noqa: PLC0415 - see above

    running = read_running(state)
    if running is None or running.url is None:
        raise CouldNotRun(
            f"another process writes the audit log in {state} and offers no address to ask; "
            "try again when `callkeeper up` has started, or end that process"
        )
    url = running.url
    name, _, value = (state / "authorization").read_text().strip().partition(": ")
    query = urllib.parse.urlencode({"from": show(first), "to": show(limit)})
    request = urllib.request.Request(f"{url.rstrip('/')}/v1/audit?{query}", headers={name: value})  # noqa: S310 - the address of our own recorder
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the recorder is on this machine
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            if response.read(len(HEADER)) != HEADER:
                raise CouldNotRun(f"what answers at {url} is no audit log")
            yield HEADER
            yield from selection.apply(iter(lambda: response.read(READ_BYTES), b""))
    except urllib.error.HTTPError as error:
        with error, suppress(ValueError, AttributeError):
            problem = json.loads(error.read(64 * 1024))
            raise CouldNotRun(f"the recorder refused: {problem.get('detail') or problem.get('title')}") from error
        raise CouldNotRun(f"the recorder refused: {error.code} {error.reason}") from error
    except http.client.HTTPException as error:
        raise CouldNotRun(f"the recorder broke off: {error!r}; export again") from error
    except urllib.error.URLError as error:
        raise CouldNotRun(f"the recorder at {url} does not answer: {error.reason}") from error


def _write(chunks: Iterable[bytes], output: Path | None, size: int | None) -> int:
    """Write everything and return how many bytes; a file appears complete or not at all."""
    if output is not None:
        with _complete_file(output) as file:
            return _copy(chunks, file, size, bar=sys.stderr.isatty())
    try:
        written = _copy(chunks, sys.stdout.buffer, size, bar=sys.stderr.isatty() and not sys.stdout.isatty())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Who read it has seen enough, `head` for one. Nothing more can be said there, the final flush included.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    return written


def _copy(chunks: Iterable[bytes], target: IO[bytes], size: int | None, *, bar: bool) -> int:
    written = 0
    with _progress(size, show_it=bar) as advance:
        for chunk in chunks:
            target.write(chunk)
            written += len(chunk)
            advance(len(chunk))
    return written


@contextmanager
def _progress(size: int | None, *, show_it: bool) -> Iterator[Callable[[int], None]]:
    if not show_it:
        yield lambda _: None
        return
    # Imported where somebody looks on.
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn  # noqa: PLC0415 - see above

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("export", total=size)
        yield lambda count: progress.advance(task, count)


@contextmanager
def _complete_file(output: Path) -> Iterator[IO[bytes]]:
    with tempfile.NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as file:
        unfinished = Path(file.name)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            unfinished.replace(output)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    descriptor = os.open(output.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
