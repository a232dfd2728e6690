"""A state folder made from a backup: complete, or not there at all, and never without a word about what came after.

What is restored is older than what was lost. Recordings removed in between would return, holds placed in between would
be gone: the state that is replaced, or what is left of it, is replayed (`replaying`) before anything is opened.
"""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from callkeeper.audit.actions import Action
from callkeeper.audit.errors import StoreError
from callkeeper.audit.layout import LOCK, RESERVE, list_store
from callkeeper.audit.store import AuditStore
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.clock import instant_text
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.outbox_audit import note_unagreed
from callkeeper.recorder.store.looking import SqliteCopy, SqliteLook
from callkeeper.recorder.store.outbox import Event
from callkeeper.recorder.store.port import Writing
from callkeeper.recorder.store.sqlite import DATABASE
from callkeeper.recorder.upkeep.backup import AUDIT, MEDIA, STATE, STORE
from callkeeper.recorder.upkeep.copying import Held, copy_file, made_whole, read_list
from callkeeper.recorder.upkeep.differences import Progress
from callkeeper.recorder.upkeep.replaying import Replayed, replay_audit, replay_store

_RECONCILE = Path("reconcile")
"""How far settings were brought into force, and up to which number they were audited: it goes with the audit log."""


@dataclass(slots=True, kw_only=True)
class Restored:
    """What was restored.

    Attributes:
        taken: the instant of the backup.
        replayed: what of the time after it was replayed; None where that was left out.
        damaged: media of the backup that is missing or not what its list says; it is restored as it is.
    """

    taken: datetime
    replayed: Replayed | None = None
    damaged: list[str] = field(default_factory=list)


def restore(
    backup: Path, state: Path, *, replay: Path | None, now: datetime, actor: Actor, progress: Progress | None = None
) -> Restored:
    """Make a state folder from a backup; an audit row in it says so, delivered when the recorder runs.

    Args:
        backup: made by `back_up`.
        state: not there, or empty.
        replay: the state folder that is replaced, as far as it is left; None replays nothing.
        now: the present instant.
        actor: who restores.
        progress: told how far it has come.

    Raises:
        StorageFault: nothing was made.
    """
    if state.exists() and (not state.is_dir() or any(state.iterdir())):
        raise StorageFault(
            f"{state} is not empty", "move what is there to another place, and name it with --replay; nothing is lost"
        )
    about, held = read_list(backup)
    done = Restored(taken=datetime.fromisoformat(about["taken"]))
    try:
        with made_whole(state, "restoring") as temporary:
            LocalDisk().make_folder(temporary)
            _copy(backup / STATE, temporary, held, done, progress or Progress())
            log_goes_on = False
            if replay is not None:
                done.replayed = _replay(temporary, replay, done.taken)
                log_goes_on = _take_newer(replay / AUDIT, temporary / AUDIT)
                _take_newer(replay / _RECONCILE, temporary / _RECONCILE)
            if not log_goes_on and (temporary / AUDIT).is_dir():
                asyncio.run(_say_restored(temporary / AUDIT, done.taken, now))
            _leave_row(temporary, done, now, actor)
    except OSError as error:
        raise StorageFault(
            f"nothing was restored: {error.filename or state}: {error.strerror or error}",
            "see that the disk has room and can be written, then try again",
        ) from error
    except StoreError as error:
        raise StorageFault(
            f"nothing was restored: the audit log of the backup cannot be written: {error}",
            "see that the disk has room and can be written, then try again, or take another backup",
        ) from error
    return done


def _copy(source: Path, target: Path, held: Iterator[Held], done: Restored, progress: Progress) -> None:
    for one in held:
        is_media = Path(one.path).is_relative_to(MEDIA)
        try:
            found = copy_file(source / one.path, target / one.path, one.path, progress)
        except FileNotFoundError:
            found = None
        if found != one and not is_media:
            raise StorageFault(
                f"{source / one.path} is {'missing' if found is None else 'not what the backup says'}",
                "take another backup: this one is damaged",
            )
        if found != one:
            done.damaged.append(one.path)
    if not (target / STORE / DATABASE).exists():
        raise StorageFault(f"there is no store in {source}", "take another backup")


def _replay(temporary: Path, old: Path, taken: datetime) -> Replayed:
    copy = SqliteCopy.open(temporary / STORE)
    try:
        try:
            look = SqliteLook.open(old / STORE)
            try:
                return replay_store(copy, temporary / MEDIA, look)
            finally:
                look.close()
        except StorageFault as fault:
            if not any((old / AUDIT).glob("audit-*.csv")):
                raise StorageFault(
                    f"there is nothing to replay in {old}: {fault.detail}, and it has no audit log",
                    "name a state folder with one of both, or say --without-replay",
                ) from fault
        return replay_audit(copy, temporary / MEDIA, old / AUDIT, taken)
    finally:
        copy.close()


def _leave_row(temporary: Path, done: Restored, now: datetime, actor: Actor) -> None:
    again = done.replayed or Replayed()
    event = Event(
        at=now,
        email=actor.principal.audit_email,
        ip_address=actor.ip_address,
        app_name="callkeeper",
        action=Action.RESTORE_RECORDINGS,
        details={
            "taken": instant_text(done.taken),
            "replayed": again.source,
            "removals": again.removals,
            "holds": again.holds,
            "erasures": again.erasures,
            "damaged": len(done.damaged),
        },
    )

    def unit(rows: Writing) -> None:
        # The backup has forgotten numbers that were given since.
        note_unagreed(rows)
        rows.add_event(event)

    copy = SqliteCopy.open(temporary / STORE)
    try:
        copy.write(unit)
    finally:
        copy.close()


async def _say_restored(folder: Path, taken: datetime, now: datetime) -> None:
    """The backup's own log is gone on with: its chain and a row of it say so."""
    if not list_store(folder).segments:
        return
    async with AuditStore.open(folder, now=lambda: now) as store:
        await store.note_restored(instant_text(taken))
    (folder / LOCK).unlink(missing_ok=True)


def _take_newer(source: Path, target: Path) -> bool:
    """What is replaced goes on: it holds all that the backup's holds, and more. False where there is none."""
    names = [
        path
        for path in source.glob("*")
        if path.is_file() and path.name not in {LOCK, RESERVE} and path.suffix != ".new"
    ]
    if not names:
        return False
    shutil.rmtree(target, ignore_errors=True)
    for path in names:
        copy_file(path, target / path.name, path.name, Progress())
    return True
