"""What `explain` explains with: a folder's settings compiled as they would be programmed, and its user directory.

Nothing is decided here. Errors in the settings are no reason to stop: what comes into force in spite of them is what is
explained, and they are named.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callkeeper.cli.main import CouldNotRun
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.kinds.terms import USERS_FILE
from callkeeper.local.users import FolderUsers, read_users
from callkeeper.manifests.files import ManifestsError
from callkeeper.manifests.loading import Manifests, read_folder
from callkeeper.manifests.located import Place
from callkeeper.policy.compile import compile as compile_settings
from callkeeper.policy.config import RecorderConfig, Source
from callkeeper.policy.directory import Directory, Licence, User

SHOWN_PROBLEMS = 5
"""Problems of a users file printed before the rest is counted."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A folder, read.

    Attributes:
        recorder: the Recorder that is explained.
        config: what it would be programmed with.
        directory: the users.
        notes: what whoever reads the explanation must know, a sentence each.
        manifests: finds the places.
    """

    recorder: ObjectKey
    config: RecorderConfig
    directory: Directory
    notes: tuple[str, ...]
    manifests: Manifests

    def place(self, source: Source | None) -> Place | None:
        """Where the object and entry stand, or None where a default or a fact decided."""
        return None if source is None else self.manifests.locate(source.object, source.entry)


def load(folder: Path, *, recorder: str | None, user: str | None) -> Settings:
    """Read a folder's settings and users.

    Args:
        folder: the settings folder, or a single file of manifests.
        recorder: `name` or `namespace/name`, where the folder has several.
        user: stands in for the directory where there is no `users.csv`.

    Raises:
        CouldNotRun: the folder or its users cannot be read, or it is not clear which recorder is meant.
    """
    try:
        manifests = read_folder(folder)
    except ManifestsError as error:
        raise CouldNotRun(error.message) from error
    notes = []
    if any(finding.is_error and finding.finding.key is None for finding in manifests.findings):
        notes.append("some files could not be read; callkeeper validate says which")
    return _settings(
        manifests.readings,
        recorder=_recorder(manifests.readings, recorder, folder),
        directory=lambda: _directory(folder, user),
        notes=notes,
        manifests=manifests,
    )


def load_cluster(documents: Iterable[Mapping[str, Any]], *, recorder: str | None, user: str | None) -> Settings:
    """Settings of a cluster's objects; its users are the recorder's, so the one named stands in for them.

    Args:
        documents: the objects.
        recorder: as for `load`.
        user: who would be recorded.

    Raises:
        CouldNotRun: it is not clear which recorder is meant.
    """
    from callkeeper.operator.reading.standing import readings_of  # noqa: PLC0415 - a folder needs nothing of it

    readings = readings_of(documents)
    return _settings(
        readings,
        recorder=_recorder(readings, recorder, "the cluster"),
        directory=lambda: _stand_in(user, "directory at hand"),
        notes=[],
        manifests=Manifests(documents=0, objects=(), findings=(), skipped=0, files=()),
    )


def _settings(
    readings: Sequence[ObjectReading],
    *,
    recorder: ObjectKey,
    directory: Callable[[], tuple[Directory, tuple[str, ...]]],
    notes: Iterable[str],
    manifests: Manifests,
) -> Settings:
    compiled = compile_settings(readings, recorder=recorder)

    def placed(key: ObjectKey) -> str:
        place = manifests.locate(str(key))
        return str(key) if place is None else f"{place}: {key}"

    if compiled.config is None:
        reason = compiled.results[recorder].message if recorder in compiled.results else "it is not valid"
        raise CouldNotRun(f"{placed(recorder)} cannot be programmed: {reason}")
    refused = [result for result in compiled.results.values() if not result.accepted]
    users, users_notes = directory()
    return Settings(
        recorder=recorder,
        config=compiled.config,
        directory=users,
        notes=(
            *(f"{placed(result.key)} is not in force: {result.message}" for result in refused),
            *notes,
            *users_notes,
        ),
        manifests=manifests,
    )


def _recorder(readings: Iterable[ObjectReading], wanted: str | None, folder: Path | str) -> ObjectKey:
    """The Recorder that is meant: the only one that the folder defines or refers to, or the one named."""
    known = sorted(
        {
            ObjectKey(kind="Recorder", namespace=reading.key.namespace, name=reading.recorder)
            for reading in readings
            if reading.recorder
        }
    )
    if wanted is not None:
        namespace, slash, name = wanted.rpartition("/")
        known_here = known
        known = [key for key in known if key.name == name and (not slash or key.namespace == namespace)]
        if not known:
            raise CouldNotRun(f"{folder} has no settings for a recorder {wanted}; {_listed(known_here)}")
    if not known:
        raise CouldNotRun(f"{folder} has no settings of callkeeper.dev; callkeeper validate says what is in it")
    if len(known) > 1:
        raise CouldNotRun(f"{folder} has settings for several recorders; name one with --recorder: {_listed(known)}")
    return known[0]


def _listed(keys: Iterable[ObjectKey]) -> str:
    return "there are " + (", ".join(f"{key.namespace}/{key.name}" for key in keys) or "none")


def _directory(folder: Path, user: str | None) -> tuple[Directory, tuple[str, ...]]:
    """The users, as `callkeeper up` reads them, and what must be said about them."""
    read = read_users(folder) if folder.is_dir() else FolderUsers(directory=None)
    if read.findings:
        lines = [f"{found.file}:{found.line}: {found.finding.message}" for found in read.findings]
        more = len(lines) - SHOWN_PROBLEMS
        shown = [*lines[:SHOWN_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]
        raise CouldNotRun("the user directory has problems\n" + "\n".join(shown))
    return _stand_in(user, str(folder / USERS_FILE)) if read.directory is None else (read.directory, ())


def _stand_in(user: str | None, path: str) -> tuple[Directory, tuple[str, ...]]:
    """A directory of the one user named, who is taken as licensed."""
    if user is None:
        note = f"there is no {path}, so nobody is known to have a licence or a line; add it, or name a user with --user"
        return Directory(), (note,)
    person = User(id=user, email=user if "@" in user else "", licences=frozenset({Licence.CALL_RECORDING}))
    note = f"there is no {path}: {user} is taken as a licensed user, and no number is known as anybody's line"
    return Directory.of([person]), (note,)
