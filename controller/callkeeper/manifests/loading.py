"""Manifests loaded: paths in, objects of our group and findings out, each with its place.

`read_paths` is the way in. It reads files, folders, kustomizations and standard input, skips (and counts) the
documents of other groups, takes lists apart, and hands each object to `kinds`. Rules that hold across objects are in
`policy`; the only such rule here is that no object stands twice, because only here both places are known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from callkeeper.kinds.finding import Finding, ObjectKey
from callkeeper.kinds.reading import ObjectReading
from callkeeper.manifests.collect import Collector
from callkeeper.manifests.files import (
    KUSTOMIZATION_NAMES,
    ManifestsError,
    cannot_read,
    kustomization_of,
    read_file,
    read_stream,
    walk,
)
from callkeeper.manifests.index import EntryIndex
from callkeeper.manifests.located import LocatedFinding, LocatedObject, Place

STDIN = "<stdin>"
"""What standard input is called in findings."""


@dataclass(frozen=True, kw_only=True)
class Manifests:
    """What a set of paths holds.

    Attributes:
        documents: how many documents that are not empty were read, ours or not.
        objects: the objects of our group, in the order of the files.
        findings: everything that YAML, the files and each object by itself have to say.
        skipped: documents of other groups.
        files: the files that were read.
    """

    documents: int
    objects: tuple[LocatedObject, ...]
    findings: tuple[LocatedFinding, ...]
    skipped: int
    files: tuple[str, ...]
    _indexes: dict[ObjectKey, EntryIndex] = field(default_factory=dict, repr=False, compare=False)

    @property
    def readings(self) -> tuple[ObjectReading, ...]:
        """One reading for each key: of two objects with the same key, the first."""
        return tuple(one.reading for one in self._by_key().values())

    def object_of(self, key: ObjectKey) -> LocatedObject | None:
        """The (first) object with this key."""
        return self._by_key().get(key)

    def place(self, finding: Finding) -> LocatedFinding:
        """Put a finding where the object it names stands; without such an object it stands nowhere."""
        one = self.object_of(finding.key) if finding.key is not None else None
        if one is None:
            return LocatedFinding(finding=finding, file="", line=0, column=0)
        return one.locate(finding)

    def locate(self, object_key: str, entry: str = "") -> Place | None:
        """Where an entry of an object stands.

        Args:
            object_key: `kind/namespace/name`.
            entry: a canonical pattern, a range `first-last`, a user (case-folded), or a field of `spec`. Where the
                object has no such entry, its first line answers: a default stands nowhere else.

        Returns:
            The place; None when no such object was read.
        """
        try:
            key = ObjectKey.parse(object_key)
        except ValueError:
            return None
        one = self.object_of(key)
        if one is None:
            return None
        index = self._indexes.get(key)
        if index is None:
            index = self._indexes[key] = EntryIndex(one)
        return index.place(entry)

    def _by_key(self) -> dict[ObjectKey, LocatedObject]:
        cached: dict[ObjectKey, LocatedObject] | None = self.__dict__.get("_keys")
        if cached is None:
            cached = {}
            for one in self.objects:
                if one.key is not None:
                    cached.setdefault(one.key, one)
            self.__dict__["_keys"] = cached
        return cached


def read_paths(
    paths: Iterable[str | Path], *, stdin: BinaryIO | None = None, namespace: str | None = None
) -> Manifests:
    """Read everything that the paths stand for.

    Args:
        paths: files, folders, or `-` for standard input.
        stdin: what `-` reads.
        namespace: of objects that name none, as `kubectl apply --namespace` has it; by default `default`.

    Raises:
        ManifestsError: a path does not exist or cannot be read; the message names it.
    """
    collector = Collector(namespace=namespace)
    for path in paths:
        if str(path) == "-":
            if stdin is None:
                raise ManifestsError("cannot read -: there is no standard input")
            collector.add_data(STDIN, read_stream(stdin))
        else:
            _read_path(Path(path), collector)
    return Manifests(
        documents=collector.documents,
        objects=tuple(collector.objects),
        findings=tuple(collector.findings),
        skipped=collector.skipped,
        files=tuple(collector.files),
    )


def read_folder(folder: str | Path) -> Manifests:
    """Read one folder; see `read_paths`."""
    return read_paths([folder])


def _read_path(path: Path, collector: Collector) -> None:
    try:
        is_folder = path.is_dir()
        path.stat()
    except (OSError, ValueError) as error:
        raise cannot_read(path, error if isinstance(error, OSError) else OSError(str(error))) from error
    if path.name in KUSTOMIZATION_NAMES and not is_folder:
        _read_kustomizations([path.parent], collector)
    elif not is_folder:
        collector.add_data(str(path), read_file(path))
    elif kustomization_of(path) is not None:
        _read_kustomizations([path], collector)
    else:
        _read_folder(path, collector)


def _read_folder(folder: Path, collector: Collector) -> None:
    found = list(walk(folder))
    folders = {path for path in found if path.is_dir()}
    for path in found:
        if path not in folders:
            collector.add_data(str(path), read_file(path))
    if folders:
        _read_kustomizations(sorted(folders), collector)


def _read_kustomizations(folders: Sequence[Path], collector: Collector) -> None:
    # Imported where there is one: most folders of settings have none.
    from callkeeper.manifests.kustomize import read_kustomization, unreferenced  # noqa: PLC0415 - see above

    # A base that an overlay refers to is read through the overlay, with its namespace, and not once more by itself.
    roots = unreferenced(folders)
    for folder in folders:
        if folder in roots:
            read_kustomization(folder, collector)
