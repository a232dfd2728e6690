"""The settings folder as a source: what it holds now, or why that cannot be taken.

A set of files is taken as a whole or not at all: where a file cannot be read as YAML, an object has no name, or one
stands twice, nobody can say what the set means, and what is in force stays. Objects that are wrong by themselves are
taken; `compile` keeps what is in force of them.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.terms import USERS_FILE
from callkeeper.local.unknown_users import unknown_users
from callkeeper.local.users import FolderUsers, read_users
from callkeeper.manifests.files import KUSTOMIZATION_NAMES, MANIFEST_SUFFIXES, ManifestsError
from callkeeper.manifests.loading import Manifests, read_folder
from callkeeper.manifests.located import LocatedFinding

MAX_WALKED = 50_000
"""Files looked at for changes; beyond it the folder is hardly one of settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderContent:
    """What the folder holds at one moment.

    Attributes:
        digest: of the contents of all its files: equal digests mean that nothing changed.
        manifests: what was read; None where not even that worked.
        findings: what is wrong or surprising with the files and with each object by itself.
        broken: whether the set cannot be taken, so that what is in force stays.
        users: what `users.csv` says.
    """

    digest: str
    manifests: Manifests | None
    findings: tuple[LocatedFinding, ...]
    broken: bool
    users: FolderUsers

    @property
    def readings(self) -> tuple[ObjectReading, ...]:
        """The objects, where the set can be taken."""
        return self.manifests.readings if self.manifests is not None else ()


def content_digest(folder: Path) -> str:
    """SHA-256 over names and contents of every file that has a say; of a folder that cannot be listed, its own."""
    whole = sha256()
    for path in watched_files(folder):
        whole.update(str(path.relative_to(folder)).encode("utf-8", "surrogateescape") + b"\0")
        try:
            whole.update(sha256(path.read_bytes()).digest())
        except OSError as error:
            whole.update(f"unreadable {error.errno}".encode())
    if not folder.is_dir():
        whole.update(b"gone")
    return whole.hexdigest()


def watched_files(folder: Path) -> list[Path]:
    """Files of the folder that have a say: manifests, kustomizations, users; hidden ones have none.

    Total: what vanishes while it is being listed is left out.
    """
    found, walked = [], 0
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        walked += len(folders) + len(names)
        if walked > MAX_WALKED:
            break
        found += [Path(parent, name) for name in names if _has_a_say(name)]
    return sorted(path for path in found if path.is_file())


def _has_a_say(name: str) -> bool:
    named = name.lower().endswith(MANIFEST_SUFFIXES) or name in {*KUSTOMIZATION_NAMES, USERS_FILE}
    return named and not name.startswith(".")


def read_content(folder: Path) -> FolderContent:
    """Read the whole folder. Total: whatever is wrong is a finding."""
    digest = content_digest(folder)
    users = read_users(folder)
    try:
        manifests = read_folder(folder)
    except ManifestsError as error:
        finding = Finding(
            rule="folder.unreadable",
            severity=Severity.ERROR,
            message=error.message,
            hint="what is in force stays until the folder can be read again",
        )
        located = LocatedFinding(finding=finding, file="", line=0, column=0)
        return FolderContent(digest=digest, manifests=None, findings=(located,), broken=True, users=users)
    broken = any(one.is_error and _unplaced(one) for one in manifests.findings)
    unknown = () if users.directory is None else unknown_users(manifests.readings, users.directory)
    findings = (*manifests.findings, *map(manifests.place, unknown))
    return FolderContent(digest=digest, manifests=manifests, findings=findings, broken=broken, users=users)


def _unplaced(one: LocatedFinding) -> bool:
    """Whether it keeps the set from being understood: no object can be blamed alone."""
    return one.finding.key is None or one.finding.rule == "object.duplicate"


def last_saved(folder: Path) -> float | None:
    """When the file saved last was saved, in seconds since the epoch."""
    newest = None
    for path in watched_files(folder):
        try:
            saved = path.stat().st_mtime
        except OSError:
            continue
        newest = saved if newest is None else max(newest, saved)
    return newest
