"""`callkeeper recorder`: look after what a recorder keeps on this machine, running or not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from callkeeper.cli.main import CouldNotRun
from callkeeper.cli.progress import shown
from callkeeper.cli.recorder_serve import serve

if TYPE_CHECKING:
    from callkeeper.recorder.auditing import Actor
    from callkeeper.recorder.upkeep.differences import Difference, Progress

_PATH = click.Path(path_type=Path)
_STATE = click.option("--state", type=_PATH, metavar="DIR", help="The state folder, when not the usual.")
_FOLDER = click.argument(
    "folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="[DIR]"
)


@click.group(short_help="Serve a recorder; check, back up and restore what it keeps.")
def recorder() -> None:
    """Serve a recorder alone; check, back up and restore what the recorder of this machine keeps.

    DIR is the settings folder given to `callkeeper up`; without it, the current folder.
    """


recorder.add_command(serve)


@recorder.command(short_help="Compare rows, media files and hashes.")
@_FOLDER
@_STATE
@click.option("--repair", is_flag=True, help="Mend what can be mended; the recorder must not run.")
@click.option(
    "-f", "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="Lines for people, or the same as data.",
)  # fmt: skip
def check(folder: Path | None, state: Path | None, output_format: str, *, repair: bool) -> None:
    """Compare rows, media files and their hashes, and name every difference.

    Changes nothing, and works beside a running recorder. With --repair, files that belong to no recording are moved
    into a quarantine folder, recordings whose media is lost are marked failed, and media of removed recordings is
    removed. Altered media is left: bring it back from a backup.

    \b
    Examples:
      callkeeper recorder check settings/
      callkeeper recorder check --state /var/lib/callkeeper --format json

    \b
    Exit codes:
      0  no difference; with --repair: none is left
      1  there are differences
      2  the check could not run
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    # Imported when it is run, so that help costs nothing.
    from callkeeper.recorder.errors import AuditFault, StorageFault  # noqa: PLC0415 - see above
    from callkeeper.recorder.upkeep.differences import Progress  # noqa: PLC0415 - see above

    path, progress = _state_path(folder, state), Progress()
    try:
        with shown(lambda: f"{_counted(progress)} checked …"):
            found = _repaired(path, progress) if repair else [(one, "") for one in _differences(path, progress)]
    except (AuditFault, StorageFault) as fault:
        raise CouldNotRun(str(fault)) from fault
    if output_format == "json":
        differences = [
            {"kind": one.kind, "recording": one.recording, "path": one.path, "detail": one.detail, "repaired": done}
            for one, done in found
        ]
        value = {"differences": differences, "files": progress.files, "bytes": progress.bytes}
        click.echo(json.dumps(value, indent=1, ensure_ascii=False))
    else:
        for one, done in found:
            click.echo(_plain(f"{one}{f' - {done}' if done else ''}"))
        click.echo(f"{_counted(progress)} checked, {len(found)} difference{'' if len(found) == 1 else 's'}.")
    if any(not done for _, done in found):
        sys.exit(1)


@recorder.command(short_help="Back everything up while the recorder runs.")
@click.argument("target", type=_PATH, metavar="TARGET")
@_FOLDER
@_STATE
@click.option("--copy", is_flag=True, help="Copy media also where hard links would do.")
def backup(target: Path, folder: Path | None, state: Path | None, *, copy: bool) -> None:
    """Back up recordings, settings, users and the audit log into TARGET, a folder that is made; the recorder may run.

    TARGET is there complete, or not at all. On the disk of the state folder, media is linked, not copied: quick and
    small, but lost with that disk. TARGET holds what the state folder holds, so keep it as private; tokens are in it
    as hashes only.

    \b
    Examples:
      callkeeper recorder backup /backup/2026-11-23 settings/
      callkeeper recorder backup /backup/2026-11-23 --state /var/lib/callkeeper

    \b
    Exit codes:
      0  made
      1  made, but media of some recordings is missing: see `callkeeper recorder check`
      2  not made
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    from datetime import UTC, datetime  # noqa: PLC0415 - imported when it is run

    from callkeeper.recorder.errors import StorageFault  # noqa: PLC0415 - likewise
    from callkeeper.recorder.upkeep.backup import back_up  # noqa: PLC0415 - likewise
    from callkeeper.recorder.upkeep.differences import Progress  # noqa: PLC0415 - likewise

    path, progress = _state_path(folder, state), Progress()
    try:
        with shown(lambda: f"{_counted(progress)} backed up …"):
            done = back_up(path, target.absolute(), now=datetime.now(UTC), link=not copy, progress=progress)
    except StorageFault as fault:
        raise CouldNotRun(str(fault)) from fault
    click.echo(f"Backed up {_files(done.files)}, {_size(done.bytes)}, as of {done.taken:%Y-%m-%d %H:%M:%S} UTC.")
    for recording in done.missing:
        click.echo(_plain(f"missing: the media of {recording} is not there to be backed up"), err=True)
    if done.missing:
        sys.exit(1)


@recorder.command(short_help="Make a state folder from a backup.")
@click.argument("backup_folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="BACKUP")
@click.option("--state", type=_PATH, required=True, metavar="DIR", help="Made; not there yet, or empty.")
@click.option(
    "--replay",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="OLD",
    help="The state folder that is replaced: what was removed or held since the backup is removed and held again.",
)
@click.option(
    "--without-replay", is_flag=True, help="Nothing of the old state is left: recordings removed since then return."
)  # fmt: skip
def restore(backup_folder: Path, state: Path, replay: Path | None, *, without_replay: bool) -> None:
    """Make the state folder DIR from BACKUP, with what happened to its recordings since.

    A backup is older than what was lost. Recordings that were deleted or expired since would return, holds would be
    gone: so the old state is replayed, from its store, else from its audit log. One of --replay and --without-replay
    has to be given. DIR is there complete, or not at all.

    \b
    Examples:
      mv /var/lib/callkeeper /var/lib/callkeeper.old
      callkeeper recorder restore /backup/2026-11-23 --state /var/lib/callkeeper --replay /var/lib/callkeeper.old

    \b
    Exit codes:
      0  restored
      1  restored, but some media of the backup is missing or altered
      2  not restored
    """  # noqa: D301 - click's mark for a paragraph kept as written is the character, not the two
    from datetime import UTC, datetime  # noqa: PLC0415 - imported when it is run

    from callkeeper.local.state import state_folder  # noqa: PLC0415 - likewise
    from callkeeper.recorder.errors import StorageFault  # noqa: PLC0415 - likewise
    from callkeeper.recorder.upkeep.differences import Progress  # noqa: PLC0415 - likewise
    from callkeeper.recorder.upkeep.restoring import restore as make  # noqa: PLC0415 - likewise

    if (replay is None) is not without_replay:
        raise click.UsageError(
            "say what came after the backup: --replay with the state folder that is replaced, or --without-replay"
        )
    if replay is not None and _is_running(replay):
        raise CouldNotRun(f"a recorder runs with {replay}; end it first")
    path, progress = state_folder(Path.cwd(), state), Progress()
    try:
        with shown(lambda: f"{_counted(progress)} restored …"):
            done = make(backup_folder, path, replay=replay, now=datetime.now(UTC), actor=_actor(), progress=progress)
    except StorageFault as fault:
        raise CouldNotRun(str(fault)) from fault
    click.echo(f"Restored {_counted(progress)}, as of {done.taken:%Y-%m-%d %H:%M:%S} UTC.")
    if done.replayed is not None:
        again = done.replayed
        counts = f"{again.removals:,} removals, {again.holds:,} holds, {again.erasures:,} requests to erase"
        click.echo(f"Replayed from {again.source}: {counts}.")
    for name in done.damaged:
        click.echo(_plain(f"damaged: {name} is missing or altered in the backup"), err=True)
    if done.damaged:
        sys.exit(1)


def _actor() -> Actor:
    """Who works on this machine."""
    from callkeeper.cli.audit_own_rows import LOOPBACK, who  # noqa: PLC0415 - imported when it is run
    from callkeeper.recorder.auditing import Actor  # noqa: PLC0415 - likewise
    from callkeeper.recorder.principals import Principal  # noqa: PLC0415 - likewise

    return Actor(principal=Principal(id=f"local:{who()}", email=who()), ip_address=LOOPBACK)


def _state_path(folder: Path | None, state: Path | None) -> Path:
    from callkeeper.local.state import state_folder  # noqa: PLC0415 - imported when it is run

    path = state_folder(folder or Path.cwd(), state)
    if not path.is_dir():
        raise CouldNotRun(
            f"there is no state folder {path}; name the settings folder given to `callkeeper up`, or use --state"
        )
    return path


def _is_running(state: Path) -> bool:
    from callkeeper.local.state import is_held  # noqa: PLC0415 - imported when it is run
    from callkeeper.recorder.upkeep.backup import STORE  # noqa: PLC0415 - likewise

    return is_held(state) or is_held(state / STORE)


def _differences(state: Path, progress: Progress) -> list[Difference]:
    from callkeeper.recorder.store.looking import SqliteLook  # noqa: PLC0415 - imported when it is run
    from callkeeper.recorder.upkeep.backup import MEDIA, STORE  # noqa: PLC0415 - likewise
    from callkeeper.recorder.upkeep.checking import check as compare  # noqa: PLC0415 - likewise

    running = _is_running(state)
    look = SqliteLook.open(state / STORE)
    try:
        return list(compare(look, state / MEDIA, running=running, progress=progress))
    finally:
        look.close()


def _repaired(state: Path, progress: Progress) -> list[tuple[Difference, str]]:
    import asyncio  # noqa: PLC0415 - imported when it is run
    from datetime import UTC, datetime  # noqa: PLC0415 - likewise

    from callkeeper.recorder.store.looking import SqliteLook  # noqa: PLC0415 - likewise
    from callkeeper.recorder.store.sqlite import SqliteStore  # noqa: PLC0415 - likewise
    from callkeeper.recorder.upkeep.backup import MEDIA, STORE  # noqa: PLC0415 - likewise
    from callkeeper.recorder.upkeep.checking import check as compare  # noqa: PLC0415 - likewise
    from callkeeper.recorder.upkeep.repairing import repair  # noqa: PLC0415 - likewise

    if _is_running(state):
        raise CouldNotRun("the recorder runs; end it, then repair (a check alone works beside it)")
    SqliteLook.open(state / STORE).close()  # a store that is not there is not made

    async def mend() -> list[tuple[Difference, str]]:
        # Open from here on: no recorder starts in between.
        store, look = SqliteStore.open(state / STORE), SqliteLook.open(state / STORE)
        try:
            found = list(compare(look, state / MEDIA, running=False, progress=progress))
            return await repair(store, state / MEDIA, found, now=datetime.now(UTC), actor=_actor())
        finally:
            look.close()
            await store.close()

    return asyncio.run(mend())


def _counted(progress: Progress) -> str:
    return f"{_files(progress.files)}, {_size(progress.bytes)}"


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 10**9 else f"{count / 1e6:,.1f} MB"


def _plain(text: str) -> str:
    """Without anything a terminal would obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
