"""Kustomizations read as far as they matter to settings: `resources` and `namespace`.

That is the plain base and overlay. What a kustomization also asks for, and what would change our objects, is not
applied but named, with the way out: `kustomize build | callkeeper validate -`. Nothing is fetched from anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callkeeper.kinds.finding import Finding, PathPart, Severity
from callkeeper.manifests.collect import Collector
from callkeeper.manifests.documents import Document, read_bytes, too_large
from callkeeper.manifests.files import cannot_read, kustomization_of, read_file
from callkeeper.manifests.located import LocatedFinding

MAX_KUSTOMIZATION_DEPTH = 16
"""Overlays of overlays; people write three."""

_READ = frozenset(("apiVersion", "kind", "metadata", "namespace", "resources", "bases"))

_WITHOUT_EFFECT = frozenset(
    (
        "buildMetadata",
        "commonLabels",
        "configMapGenerator",
        "configurations",
        "crds",
        "generatorOptions",
        "images",
        "labels",
        "openapi",
        "replicas",
        "secretGenerator",
        "sortOptions",
    )
)
"""Fields that leave the settings in our objects as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kustomization:
    """One kustomization that is being read.

    Attributes:
        folder: where it stands.
        file: the path of its file.
        document: what it says.
    """

    folder: Path
    file: Path
    document: Document

    def say(
        self, collector: Collector, rule: str, severity: Severity, message: str, *, path: Sequence[PathPart], hint: str
    ) -> None:
        is_field = len(path) == 1
        line, column = self.document.places.position(path, key=is_field)
        finding = Finding(rule=rule, severity=severity, message=message, hint=hint, path=tuple(path), on_key=is_field)
        collector.findings.append(LocatedFinding(finding=finding, file=str(self.file), line=line, column=column))


def read_kustomization(folder: Path, collector: Collector) -> None:
    """Read what the kustomization of a folder refers to.

    Args:
        folder: a folder with a kustomization.
        collector: takes objects and findings.

    Raises:
        ManifestsError: a file that is there cannot be read.
    """
    _read(folder, collector, namespace=None, above=())


def unreferenced(folders: Sequence[Path]) -> set[Path]:
    """Of several kustomization folders, those that no other one refers to; all of them if they go in a circle.

    Raises:
        ManifestsError: a file that is there cannot be read.
    """
    referenced: set[Path] = set()
    for folder in folders:
        document = _document(folder, Collector())
        if document is not None:
            resources = (folder / entry for _, entry in _resources(document.document.value))
            referenced.update(path.resolve() for path in resources if path.is_dir())
    roots = {folder for folder in folders if folder.resolve() not in referenced}
    return roots or set(folders)


def _document(folder: Path, collector: Collector) -> _Kustomization | None:
    """The kustomization of a folder; None when it cannot be understood, which is then on record."""
    file = kustomization_of(folder)
    assert file is not None
    data = read_file(file)
    collector.files[str(file)] = None
    if data is None:
        collector.findings.append(too_large(str(file)))
        return None
    content = read_bytes(data, str(file))
    collector.findings.extend(content.findings)
    documents = [document for document in content.documents if document.value is not None]
    for document in documents:
        collector.findings.extend(document.findings)
    if len(documents) == 1 and isinstance(documents[0].value, dict):
        return _Kustomization(folder=folder, file=file, document=documents[0])
    if not content.findings:
        finding = Finding(
            rule="kustomize.syntax", severity=Severity.ERROR, message="a kustomization is one document with fields"
        )
        collector.findings.append(LocatedFinding(finding=finding, file=str(file), line=1, column=1))
    return None


def _read(folder: Path, collector: Collector, *, namespace: str | None, above: tuple[Path, ...]) -> None:
    kustomization = _document(folder, collector)
    if kustomization is None:
        return
    value: dict[str, Any] = kustomization.document.value
    if namespace is None and isinstance(value.get("namespace"), str):
        namespace = value["namespace"]  # the outermost overlay is applied last, so its namespace stands
    _name_what_is_left_out(kustomization, collector)
    for path, entry in _resources(value):
        _resource(kustomization, collector, path, entry, namespace=namespace, above=(*above, folder.resolve()))


def _resources(value: Any) -> list[tuple[tuple[PathPart, ...], str]]:
    """The entries of `resources`, and of `bases` as it was called before, with their paths."""
    found: list[tuple[tuple[PathPart, ...], str]] = []
    for name in ("resources", "bases"):
        entries = value.get(name) if isinstance(value, dict) else None
        if isinstance(entries, list):
            found.extend(((name, index), entry) for index, entry in enumerate(entries) if isinstance(entry, str))
    return found


def _name_what_is_left_out(kustomization: _Kustomization, collector: Collector) -> None:
    for name, content in kustomization.document.value.items():
        if name in _READ or name in _WITHOUT_EFFECT or not content:
            continue
        kustomization.say(
            collector,
            "kustomize.not-applied",
            Severity.WARNING,
            f"`{name}` is not applied here",
            path=(name,),
            hint="run `kustomize build | callkeeper validate -`",
        )


def _resource(
    kustomization: _Kustomization,
    collector: Collector,
    path: tuple[PathPart, ...],
    entry: str,
    *,
    namespace: str | None,
    above: tuple[Path, ...],
) -> None:
    target = kustomization.folder / entry

    def refuse(
        message: str, hint: str, *, rule: str = "kustomize.resource", severity: Severity = Severity.ERROR
    ) -> None:
        kustomization.say(collector, rule, severity, message, path=path, hint=hint)

    if _is_remote(entry) and not target.exists():
        refuse(
            f"`{entry}` is elsewhere and is not fetched",
            "run `kustomize build | callkeeper validate -`",
            rule="kustomize.not-applied",
            severity=Severity.WARNING,
        )
    elif not target.exists():
        refuse(f"`{entry}` does not exist", f"it is looked for at {target}")
    elif target.is_dir():
        if kustomization_of(target) is None:
            refuse(
                f"`{entry}` is a folder without a kustomization", "add a kustomization.yaml there, or name its files"
            )
        elif target.resolve() in above:
            refuse(f"`{entry}` leads back to this kustomization", "remove it", rule="kustomize.cycle")
        elif len(above) >= MAX_KUSTOMIZATION_DEPTH:
            refuse(
                f"kustomizations are followed {MAX_KUSTOMIZATION_DEPTH} deep", "flatten them", rule="kustomize.cycle"
            )
        else:
            _read(_display(target), collector, namespace=namespace, above=above)
    elif not target.resolve().is_relative_to(kustomization.folder.resolve()):
        refuse(
            f"`{entry}` is outside the kustomization's folder; kustomize refuses it",
            "move it into the folder, or give its folder a kustomization and name that",
        )
    else:
        collector.add_data(str(_display(target)), read_file(target), namespace=namespace)


def _display(path: Path) -> Path:
    """The path without `..`, where that names the same file."""
    try:
        shorter = Path(*_without_parents(path.parts))
        return shorter if shorter.samefile(path) else path
    except OSError as error:
        raise cannot_read(path, error) from error


def _without_parents(parts: tuple[str, ...]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == ".." and kept and kept[-1] not in ("..", "/"):
            kept.pop()
        else:
            kept.append(part)
    return kept


def _is_remote(entry: str) -> bool:
    return "://" in entry or "?ref=" in entry or entry.startswith(("git@", "github.com/"))
