"""Who changed an object, in a folder: the author of the file's last commit, else whoever runs `callkeeper up`.

The e-mail address git is set to use, where there is one, else the name of the operating system's user. Asked when a row
is written, never on the way of a decision.
"""

import getpass
import threading
from hashlib import sha256
from pathlib import Path

from callkeeper.kinds.finding import ObjectKey
from callkeeper.local import git
from callkeeper.manifests.loading import Manifests
from callkeeper.reconcile.attribution import Actor

LOOPBACK = "127.0.0.1"
"""Changes in a folder are made on this machine."""


def system_user() -> str:
    """The operating system's user, or `unknown`."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


class FolderAttribution:
    """Knows the files that objects stand in, and those they stood in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._files: dict[ObjectKey, Path] = {}
        self._texts: dict[ObjectKey, str] = {}
        self._answers: dict[Path, Actor] = {}
        self._lock = threading.Lock()

    def loaded(self, manifests: Manifests) -> None:
        """Take in what the folder holds now; where objects stood that are gone is remembered."""
        texts = {}
        for one in manifests.objects:
            key = one.reading.key
            self._files[key] = Path(one.file).absolute()
            texts[key] = sha256(repr(one.document).encode()).hexdigest()[:16]
        with self._lock:
            self._texts, self._answers = texts, {}

    def actor(self, key: ObjectKey) -> Actor:
        """See `Attribution.actor`."""
        path = self._files.get(key, self._folder / "-")
        with self._lock:
            known = self._answers.get(path)
        if known is None:
            known = self._ask(path)
            with self._lock:
                self._answers[path] = known
        return known

    def fingerprint(self, key: ObjectKey) -> str:
        """See `Attribution.fingerprint`."""
        return self._texts.get(key, "")

    def actor_of_file(self, path: Path) -> Actor:
        """Who changed a file that holds no objects, such as `users.csv`."""
        return self._told_by(git.last_change(path.absolute()))

    def _ask(self, path: Path) -> Actor:
        return self._told_by(git.last_change(path) if path in self._files.values() else None)

    def _told_by(self, change: git.LastChange | None) -> Actor:
        if change is not None:
            return Actor(email=change.author, ip_address=LOOPBACK, author=change.author, commit=change.commit)
        return Actor(email=local_user(self._folder), ip_address=LOOPBACK)


def local_user(folder: Path) -> str:
    """Whoever runs this: the e-mail address git is set to use, else the operating system's user."""
    return git.user_email(folder) or system_user()
