"""All files of an open store and the work on them: recovered, written, signed, mended, by one thread at a time.

`store` decides when; here is what.
"""

import errno
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from callkeeper.audit.batch import Batch
from callkeeper.audit.checkpoints import Checkpoint, last_checkpoint
from callkeeper.audit.disk import Disk
from callkeeper.audit.errors import SettingsError
from callkeeper.audit.journal import Journal
from callkeeper.audit.layout import SETTINGS, SIGNING_KEY
from callkeeper.audit.log_settings import LogSettings
from callkeeper.audit.notary import Notary
from callkeeper.audit.packing import PackedFile, take_over
from callkeeper.audit.recovered import Damage, Recovery
from callkeeper.audit.recovery import Extents, leave_behind, recover
from callkeeper.audit.retention import Expired, leave_stubs, remove
from callkeeper.audit.space import NO_ROOM, DiskMarks, Space


class StoreFiles:
    """An open store's files."""

    def __init__(
        self,
        folder: Path,
        *,
        disk: Disk,
        now: Callable[[], datetime],
        signing_key: Path | None = None,
        marks: DiskMarks | None = None,
    ) -> None:
        """Recover the folder and go on from there.

        Raises:
            OSError: it cannot be read or mended.
        """
        self.folder = folder
        self.disk = disk
        self._now = now
        self._failed: OSError | None = None
        self.settings, damage = _load_settings(folder)
        self.space = Space(folder, disk, marks)
        self.notary = Notary(folder, signing_key or folder / SIGNING_KEY, disk=disk, now=now)
        self.journal, self.recovery = self._open(None, damage)
        with suppress(OSError):  # without it the store is one that may not be able to tell that the disk is full
            self.space.keep_reserve()

    def commit(self, batch: Batch) -> None:
        """Write rows; they are on disk when this returns.

        Raises:
            OSError: not known to be; call `mend` before anything else.
        """
        if not batch.rows:
            return
        try:
            if self._failed is not None:
                raise self._failed
            size = self.journal.commit(batch)
        except OSError as error:
            if error.errno in NO_ROOM:
                self.space.ran_out()
            with suppress(OSError):  # where nothing can be written, the process itself remembers
                leave_behind(self.folder, self.journal.extents, self.disk)
            raise
        self.space.wrote(size)

    def mend(self) -> None:
        """After a failure: keep what is known to be on disk, move the rest aside, and go on.

        Raises:
            OSError: it still fails; try again later.
        """
        extents = dict(self.journal.extents)
        with suppress(OSError):  # of a file that failed; nothing was promised about it
            self.journal.close()
        self.journal, self.recovery = self._open(extents, ())
        self._failed = None

    def apply(self, settings: LogSettings) -> None:
        """Take other settings.

        Raises:
            OSError: they could not be written; those before stay.
        """
        settings.save(self.folder, self.disk)
        self.settings = settings
        self.journal.rotate_at(settings.rotation_bytes)

    def checkpoint(self) -> Checkpoint | None:
        """Sign what is there, and return the newest checkpoint; None for a store without rows.

        Raises:
            KeyUnusable: there is no key to sign with.
            OSError: it could not be written.
        """
        try:
            self.journal.sync_side()
        except OSError as error:
            self._failed = error  # the next commit meets it, and mending follows
            raise
        return self.notary.checkpoint(self.journal.head) or last_checkpoint(self.folder)

    def rotate_key(self, lost: bool) -> None:
        """Sign what is there with the old key, then make a new one; without the old one where that is lost.

        Raises:
            KeyUnusable: the key cannot be read or made.
            OSError: the change could not be written.
        """
        if lost:
            self.notary.replace_lost_key(self.journal.head.store)
            self.checkpoint()
        else:
            self.checkpoint()
            self.notary.rotate_key(self.journal.head.store)

    def take_over(self, packed: PackedFile) -> None:
        """Put a compressed file in the place of the plain one.

        Raises:
            OSError: it could not be done; one of both is there.
        """
        if take_over(self.folder, packed, self.disk):
            self.journal.forget([packed.name])

    def leave_stubs(self, expired: Expired) -> None:
        """Sign what is left of files that are about to be deleted.

        Raises:
            KeyUnusable: there is no key to sign with.
            OSError: it could not be written.
        """
        leave_stubs(self.folder, expired, self.journal.head.store, self.notary, self.disk)

    def remove(self, expired: Expired) -> None:
        """Delete files of which signed lines are left.

        Raises:
            OSError: some may be left; the next round removes them.
        """
        if remove(self.folder, expired, self.disk):
            self.journal.forget(expired.segments)

    def close(self) -> None:
        """Let go of the files."""
        self.journal.close()

    def _open(self, trusted: Extents | None, damage: tuple[Damage, ...]) -> tuple[Journal, Recovery]:
        try:
            position, recovery = recover(self.folder, disk=self.disk, now=self._now, trusted=trusted)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            self.space.ran_out()
            position, recovery = recover(self.folder, disk=self.disk, now=self._now, trusted=trusted)
        limit = self.settings.rotation_bytes
        ahead = self.space.ahead_bytes
        journal = Journal(self.folder, position, disk=self.disk, now=self._now, limit_bytes=limit, ahead_bytes=ahead)
        return journal, recovery.with_damage(damage)


def _load_settings(folder: Path) -> tuple[LogSettings, tuple[Damage, ...]]:
    """What was kept; where it cannot be read the defaults, which delete nothing, and word of it."""
    try:
        return LogSettings.load(folder), ()
    except SettingsError as error:
        return LogSettings(), (Damage(file=SETTINGS, offset=0, size=0, message=str(error)),)
