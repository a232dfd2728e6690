"""Mending what a check found, as far as it can be mended without losing anything.

    orphaned-file, leftover-upload         moved into the quarantine folder, never deleted
    missing-file, complete-without-media   the recording is marked failed; its row says what was lost
    media-of-tombstone                     removed: the recording was removed for good, and said so in the audit log
    altered-size, altered-content, unreadable-file
                                           left: a person decides, with a backup at hand

The recorder must not run: whoever calls has the store open for writing, which keeps it out.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from callkeeper.audit.actions import Action
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.clock import SystemClock
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.outbox_audit import SENDER, OutboxAudit
from callkeeper.recorder.store.port import Store, Writing
from callkeeper.recorder.store.recording import Status
from callkeeper.recorder.store.search import EVERYTHING
from callkeeper.recorder.upkeep.differences import Difference, Kind

QUARANTINE = "quarantine"
"""Beside the media folder, so that moving is one step of the same file system."""


async def repair(
    store: Store, media: Path, differences: Sequence[Difference], *, now: datetime, actor: Actor
) -> list[tuple[Difference, str]]:
    """Mend these differences; each with what was done, empty where nothing can be.

    An audit row says what is going to be done, before it is done; it is delivered when the recorder runs.

    Raises:
        AuditFault: it cannot be said, and nothing was done.
        StorageFault: the store or the folder cannot be written; what was mended before stays mended.
    """
    counts = Counter(_DOES.get(found.kind, "left") for found in differences)
    if set(counts) - {"left"}:
        audit = OutboxAudit(store, SystemClock(), sender=SENDER)
        await audit.emit(Action.REPAIR_RECORDINGS, at=now, actor=actor, details=dict(counts))
    aside = media.parent / QUARANTINE / now.strftime("%Y-%m-%dT%H-%M-%SZ")
    done = []
    for found in differences:
        try:
            done.append((found, await _mend(store, media, aside, found)))
        except OSError as error:
            raise StorageFault(
                f"{found.path} cannot be moved or removed: {error.strerror or error}",
                "see that the media folder can be written by this user, then repair again",
            ) from error
    return done


_DOES = {
    Kind.ORPHANED_FILE: "moved",
    Kind.LEFTOVER_UPLOAD: "moved",
    Kind.MEDIA_OF_TOMBSTONE: "removed",
    Kind.MISSING_FILE: "failed",
    Kind.COMPLETE_WITHOUT_MEDIA: "failed",
}


async def _mend(store: Store, media: Path, aside: Path, found: Difference) -> str:
    if found.kind in {Kind.ORPHANED_FILE, Kind.LEFTOVER_UPLOAD}:
        return _move_aside(media, aside, found.path)
    if found.kind is Kind.MEDIA_OF_TOMBSTONE:
        (media / found.path).unlink(missing_ok=True)
        LocalDisk().sync_folder((media / found.path).parent)
        return "removed"
    if found.kind in {Kind.MISSING_FILE, Kind.COMPLETE_WITHOUT_MEDIA}:
        await store.write(lambda rows: _fail(rows, found.recording))
        return "marked failed"
    return ""


def _move_aside(media: Path, aside: Path, path: str) -> str:
    disk, target = LocalDisk(), aside / path
    disk.make_folder(target.parent)
    with suppress(FileNotFoundError):
        # Linked first: of two files of one name neither is lost.
        disk.link(media / path, target)
        disk.sync_folder(target.parent)
        disk.remove(media / path)
        disk.sync_folder((media / path).parent)
    return f"moved to {target}"


def _fail(rows: Writing, recording: str) -> None:
    found = rows.recording(recording, EVERYTHING)
    if found is not None:
        rows.set_status((found.key,), Status.FAILED)
