"""Signs: checkpoints, changes of the key, and what is left of deleted files.

For one thread at a time, the one that writes the rows. A key that cannot be used stops no row: checkpoints stop, and
`failure` says why until the key is there again.
"""

import base64
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from callkeeper.audit.checkpoints import (
    FIRST_PREVIOUS,
    Checkpoint,
    KeyRecord,
    checkpoint_lines,
    read_checkpoint,
    read_record,
)
from callkeeper.audit.disk import Disk, write_all
from callkeeper.audit.errors import CheckpointError, KeyUnusable
from callkeeper.audit.layout import CHECKPOINTS
from callkeeper.audit.position import Head
from callkeeper.audit.signed_line import SignedLine, signed
from callkeeper.audit.signing import (
    SigningKey,
    key_id,
    load_keys,
    make_first_key,
    new_key,
    remove_unfinished,
    save_keys,
)


class Notary:
    """Appends to a store's file of checkpoints."""

    def __init__(self, folder: Path, key_file: Path, *, disk: Disk, now: Callable[[], datetime]) -> None:
        """Go on from what is there; reads and makes nothing until something is signed.

        Args:
            folder: the store's.
            key_file: its private key; made when something is signed and it is not there.
            disk: the port to the disk.
            now: the clock, aware.
        """
        self._folder = folder
        self._key_file = key_file
        self._disk = disk
        self._now = now
        self._loaded = False
        self._number = 0
        self._previous = FIRST_PREVIOUS
        self._public: bytes | None = None
        self._chain = ""
        self.failure: str | None = None

    def checkpoint(self, head: Head) -> Checkpoint | None:
        """Sign what the store holds now; it is on disk when this returns. None where the last checkpoint says the same.

        Raises:
            KeyUnusable: the key cannot be read or made.
            OSError: the line could not be written.
        """
        key = self._key(head.store)
        if head.chain.hex() == self._chain or not head.total.commits:
            return None
        fields = {
            "from": head.total.since,
            "to": head.newest.replace(" ", "T") + "Z",
            "commits": head.total.commits,
            "rows": head.total.rows,
            "bytes": head.total.size,
            "chain": head.chain.hex(),
        }
        line = self._append("checkpoint", head.store, fields, key)
        self._chain = head.chain.hex()
        return read_checkpoint(line.text)

    def sign_deleted(self, store: str, fields: Mapping[str, object]) -> SignedLine:
        """The line that is left of a deleted file.

        Raises:
            KeyUnusable: the key cannot be read or made.
            OSError: a change of the key could not be written.
        """
        return signed("deleted", {"store": store, "at": self._instant(), **fields}, self._key(store))

    def rotate_key(self, store: str) -> None:
        """Make a new key and have the old one say so.

        The old one is then taken out of the file, where that is the store's own: one that lies elsewhere may sign other
        stores too, which have not said so yet.

        Raises:
            KeyUnusable: the key cannot be read or made.
            OSError: the change could not be written.
        """
        old = self._key(store)
        new = new_key()
        # Both lie in the file until the change is on disk: whatever breaks off, the next start can sign it.
        save_keys(self._key_file, (new, old), self._disk)
        self._key(store)
        if self._key_file.parent == self._folder:
            save_keys(self._key_file, (new,), self._disk)

    def replace_lost_key(self, store: str) -> None:
        """Make a new key that signs for itself.

        Raises:
            KeyUnusable: it cannot be made.
            OSError: the change could not be written.
        """
        save_keys(self._key_file, (new_key(),), self._disk)
        self._key(store)

    def _key(self, store: str) -> SigningKey:
        """The key in use, known to the file of checkpoints."""
        try:
            if not self._loaded:
                self._load()
            if not self._key_file.exists():
                self._make_first()
            keys = load_keys(self._key_file)
        except KeyUnusable as error:
            self.failure = str(error)
            raise
        self.failure = None
        if keys[0].public != self._public:
            before = next((key for key in keys[1:] if key.public == self._public), None)
            reason = "first" if self._public is None else "rotated" if before else "lost"
            public = base64.b64encode(keys[0].public).decode()
            self._append("key", store, {"public": public, "reason": reason}, before or keys[0])
            self._public = keys[0].public
        return keys[0]

    def _make_first(self) -> None:
        """A log that was signed before gets no other key unasked: who opened it did not say where its key is."""
        if self._public is not None:
            raise KeyUnusable(
                f"{self._key_file} is not there, and the log is signed with key {key_id(self._public)}: bring it back, "
                "or name where it lies (--signing-key); where it is lost for good, `callkeeper audit checkpoint "
                "--replace-lost-key` makes another"
            )
        make_first_key(self._key_file, self._disk)

    def _load(self) -> None:
        """Go on behind the last line whose signature fits; behind the last that can be read where none does.

        What is signed next holds that line's hash, and so vouches for it and all before. Of one that was altered,
        which verification tells, it must not.
        """
        remove_unfinished(self._key_file, self._disk, alone=self._key_file.parent == self._folder)
        records: list[Checkpoint | KeyRecord] = []
        for text in checkpoint_lines(self._folder):
            with suppress(CheckpointError):
                records.append(read_record(text))
        keys = {key.id: key.public for key in load_keys(self._key_file)} if self._key_file.exists() else {}
        keys |= {key_id(record.public): record.public for record in records if isinstance(record, KeyRecord)}
        fits = len(records)
        while fits and not records[fits - 1].line.is_signed_by(keys.get(records[fits - 1].line.key, b"")):
            fits -= 1
        for record in records[: fits or len(records)]:
            self._number, self._previous = record.number, record.line.sha256
            match record:
                case KeyRecord():
                    self._public = record.public
                case Checkpoint():
                    self._chain, self._public = record.chain, keys.get(record.line.key, self._public)
        self._loaded = True

    def _append(self, kind: str, store: str, fields: Mapping[str, object], key: SigningKey) -> SignedLine:
        head = {"store": store, "number": self._number + 1, "at": self._instant()}
        line = signed(kind, {**head, **fields, "previous": self._previous}, key)
        path = self._folder / CHECKPOINTS
        is_new = not path.exists()
        descriptor = self._disk.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        size = os.fstat(descriptor).st_size
        try:
            write_all(self._disk, descriptor, line.text.encode() + b"\n")
            self._disk.sync(descriptor)
        except OSError:
            with suppress(OSError):  # what cannot be taken back now is moved aside by the next opening
                self._disk.truncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)
        if is_new:
            self._disk.sync_folder(self._folder)
        self._number, self._previous = self._number + 1, line.sha256
        return line

    def _instant(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
