"""Writes who changed a manifest last, and with which commit, into the manifest: for clusters, where git is far away.

Per file, from git: the author's e-mail address and the hash of the last commit that touched the file. Edits keep
comments, order and quotes (the round-trip loader); documents of other groups are left as they are, and a file that says
so already is not written. A commit that only brings stamps does not count: its author is not who changed the settings.
"""

import copy
import io
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from callkeeper.kinds.terms import CHANGED_BY_ANNOTATION, COMMIT_ANNOTATION, GROUP
from callkeeper.local import git
from callkeeper.manifests.documents import read_text
from callkeeper.manifests.files import walk

_STAMPS = (CHANGED_BY_ANNOTATION, COMMIT_ANNOTATION)

WIDE = 4096
"""Columns before a line would be folded: none is, since nobody asked for it."""


class CannotStamp(Exception):  # noqa: N818 - says what is the matter
    """A file cannot be stamped; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """What became of a file.

    Attributes:
        path: the file.
        stale: whether what it said was not what git says; after stamping it does.
        reason: why it was passed over, or None.
    """

    path: Path
    stale: bool = False
    reason: str | None = None


def files_under(path: Path) -> list[Path]:
    """The manifest files a path stands for; JSON has no place for comments and is stamped likewise."""
    if not path.is_dir():
        return [path]
    found = []
    for one in walk(path):
        found += files_under(one) if one.is_dir() else [one]
    return found


def stamp_file(path: Path, *, check: bool) -> Stamped:
    """Bring the stamps of a file up to date, or only see whether they are.

    Raises:
        CannotStamp: the file cannot be read, is no YAML, or cannot be written.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStamp(f"cannot read {path}: {error}") from error
    if GROUP not in text:
        return Stamped(path=path, reason="no document of ours")
    change = git.committed_change(path.absolute(), path.absolute().parent)
    if change is None:
        return Stamped(path=path, reason="not committed to git")
    stamps = _stamps_of(path.absolute(), change)
    loader = _loader(text)
    try:
        documents = list(loader.load_all(text))
    except YAMLError as error:
        raise CannotStamp(
            f"{path} is not YAML: {str(error).splitlines()[0]}; see `callkeeper validate {path}`"
        ) from error
    stale = [one for one in documents if _is_ours(one) and _said(one) != stamps]
    if not stale:
        return Stamped(path=path)
    if check:
        return Stamped(path=path, stale=True)
    for document in stale:
        _write_into(document, stamps)
    out = io.StringIO()
    loader.dump_all(documents, out)
    try:
        path.write_text(out.getvalue(), encoding="utf-8")
    except OSError as error:
        raise CannotStamp(f"cannot write {path}: {error.strerror}") from error
    return Stamped(path=path, stale=True)


def _stamps_of(path: Path, change: git.LastChange) -> dict[str, str]:
    """What the file is to say: the last commit that changed more than the stamps."""
    history = git.history(path)
    for newer, older in itertools.pairwise(history):
        before, after = git.text_at(path, older.commit), git.text_at(path, newer.commit)
        change = newer
        if before is None or after is None or _without_stamps(before) != _without_stamps(after):
            break
        change = older
    return {CHANGED_BY_ANNOTATION: change.author, COMMIT_ANNOTATION: change.commit}


def _without_stamps(text: str) -> list[Any]:
    """The documents of a file as values, less the stamps: what somebody changed who changed more than those."""
    documents = [copy.deepcopy(one.value) for one in read_text(text, "").documents]
    for document in documents:
        if _is_ours(document):
            annotations = document["metadata"].pop("annotations", None) or {}
            kept = {name: value for name, value in annotations.items() if name not in _STAMPS}
            document["metadata"]["annotations"] = kept
    return documents


def _loader(text: str) -> YAML:
    loader = YAML(typ="rt")
    loader.preserve_quotes = True
    loader.width = WIDE
    loader.explicit_start = text.lstrip().startswith("---")
    indented = any(
        line.startswith("  ") and line.lstrip().startswith("- ") and previous.rstrip().endswith(":")
        and len(line) - len(line.lstrip()) > len(previous) - len(previous.lstrip())
        for previous, line in zip(text.splitlines(), text.splitlines()[1:], strict=False)
    )  # fmt: skip
    loader.indent(mapping=2, sequence=4 if indented else 2, offset=2 if indented else 0)
    return loader


def _is_ours(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and str(document.get("apiVersion", "")).startswith(f"{GROUP}/")
        and isinstance(document.get("metadata"), dict)
    )


def _said(document: Any) -> dict[str, str]:
    annotations = document["metadata"].get("annotations") or {}
    return {name: annotations[name] for name in _STAMPS if name in annotations}


def _write_into(document: Any, stamps: dict[str, str]) -> None:
    metadata = document["metadata"]
    if not metadata.get("annotations"):
        metadata["annotations"] = dict(stamps)
    else:
        metadata["annotations"].update(stamps)
