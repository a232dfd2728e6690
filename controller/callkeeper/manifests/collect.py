"""From a file's documents to objects of our group, one file after the other.

The collector decides what a document is: empty, of another group, a list to be taken apart, one of ours, or no object
at all. It keeps what only the whole set shows: that a key stands twice.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from callkeeper.kinds.finding import Finding, ObjectKey, PathPart, Severity
from callkeeper.kinds.reading import KINDS, read_object
from callkeeper.kinds.terms import API_VERSION, GROUP
from callkeeper.manifests.documents import Document, read_bytes, too_large
from callkeeper.manifests.located import LocatedFinding, LocatedObject
from callkeeper.manifests.size import SMALL_ENOUGH, size_finding


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """The document an object stands in.

    Attributes:
        document: the whole document.
        file: its path.
        namespace: what a kustomization puts every object into.
        text_bytes: the size of the file.
    """

    document: Document
    file: str
    namespace: str | None
    text_bytes: int


class Collector:
    """What has been read so far.

    Attributes:
        documents: see `Manifests`.
        skipped: likewise.
        files: likewise.
        objects: likewise.
        findings: likewise.
    """

    def __init__(self, *, namespace: str | None = None) -> None:
        """Start with nothing.

        Args:
            namespace: of objects that name none; None leaves them as they are.
        """
        self._namespace = namespace
        self.documents = 0
        self.skipped = 0
        self.files: dict[str, None] = {}
        self.objects: list[LocatedObject] = []
        self.findings: list[LocatedFinding] = []
        self._first: dict[ObjectKey, LocatedObject] = {}

    def add_data(self, file: str, data: bytes | None, *, namespace: str | None = None) -> None:
        """Take in a file.

        Args:
            file: its path.
            data: its bytes; None when it is too large to be read.
            namespace: what a kustomization puts every object into.
        """
        self.files[file] = None
        if data is None:
            self.findings.append(too_large(file))
            return
        content = read_bytes(data, file)
        for document in content.documents:
            context = _Context(document=document, file=file, namespace=namespace, text_bytes=len(data))
            self._add_document(context)
        self.findings.extend(content.findings)

    def _add_document(self, context: _Context) -> None:
        value = context.document.value
        if value is None:
            self.findings.extend(context.document.findings)
            return
        self.documents += 1
        if not isinstance(value, dict):
            what = "a list" if isinstance(value, list) else "a single value"
            self._refuse(context, f"a manifest has fields, and this document is {what}")
        elif _is_list(value):
            self._add_list(context, value)
        else:
            self._add_mapping(context, value, ())

    def _add_list(self, context: _Context, value: dict[str, Any]) -> None:
        """Take a list apart; the API's own lists name the kind of their items once, at the top."""
        kind: str = value["kind"]
        inherited = {} if kind == "List" else {"apiVersion": value["apiVersion"], "kind": kind.removesuffix("List")}
        self.documents += len(value["items"]) - 1
        for index, item in enumerate(value["items"]):
            if isinstance(item, dict):
                self._add_mapping(context, {**inherited, **item}, ("items", index))
            else:
                self._refuse(context, "an item of this list is no object", ("items", index))

    def _add_mapping(self, context: _Context, value: dict[str, Any], base: tuple[PathPart, ...]) -> None:
        api_version, kind = value.get("apiVersion"), value.get("kind")
        if isinstance(api_version, str):
            group = api_version.partition("/")[0]
            if group == GROUP:
                self._add_ours(context, value, base)
                return
            self.skipped += 1
            self.findings.extend(context.document.findings)
            if kind in KINDS and _resembles_our_group(group):
                self._misspelt_group(context, api_version, base)
        elif api_version is None and kind in KINDS:
            self._add_ours(context, value, base)
        else:
            missing = " and ".join(name for name in ("apiVersion", "kind") if not isinstance(value.get(name), str))
            self._refuse(context, f"this document is no Kubernetes object: {missing} must be there, as text", base)

    def _add_ours(self, context: _Context, value: dict[str, Any], base: tuple[PathPart, ...]) -> None:
        metadata = value.get("metadata")
        if isinstance(metadata, dict):
            namespace = context.namespace or (None if metadata.get("namespace") else self._namespace)
            if namespace is not None:
                value = {**value, "metadata": {**metadata, "namespace": namespace}}
        places = context.document.places
        line, column = places.position(base)
        reading = read_object(value)
        one = LocatedObject(
            reading=reading, document=value, file=context.file, line=line, column=column, places=places, base=base
        )
        located: list[LocatedFinding] = []
        extra: list[Finding] = []
        for found in context.document.findings:
            if found.finding.path[: len(base)] == base:
                finding = replace(found.finding, key=one.key, path=found.finding.path[len(base) :])
                extra.append(finding)
                located.append(replace(found, finding=finding))
        if context.text_bytes > SMALL_ENOUGH or context.document.expanded:
            size = size_finding(value, one.key)
            if size is not None:
                extra.append(size)
                located.append(one.locate(size))
        located.extend(one.locate(finding) for finding in reading.findings)
        self._add_object(with_findings(one, tuple(extra)), located)

    def _add_object(self, one: LocatedObject, located: list[LocatedFinding]) -> None:
        """Take in an object with the findings about it, unless it has been read from the same place before."""
        key = one.key
        first = self._first.get(key) if key is not None else None
        if key is not None and first is not None:
            if (first.file, first.line, first.column) == (one.file, one.line, one.column):
                return  # two kustomizations share this file
            duplicate = Finding(
                rule="object.duplicate",
                severity=Severity.ERROR,
                message=f"{key} stands here a second time; the first is at {first.file}:{first.line}",
                hint="remove one of them, or give it another name",
                key=key,
                path=("metadata", "name"),
            )
            one = with_findings(one, (duplicate,))
            located.append(one.locate(duplicate))
        elif key is not None:
            self._first[key] = one
        self.objects.append(one)
        self.findings.extend(located)

    def _refuse(self, context: _Context, message: str, path: tuple[PathPart, ...] = ()) -> None:
        self.findings.extend(context.document.findings)
        finding = Finding(
            rule="document.not-an-object",
            severity=Severity.ERROR,
            message=message,
            hint="keep files that are no manifests elsewhere, or start their names with a dot",
            path=path,
        )
        self._say(context, finding, path)

    def _misspelt_group(self, context: _Context, api_version: str, base: tuple[PathPart, ...]) -> None:
        path = (*base, "apiVersion")
        finding = Finding(
            rule="document.api-group",
            severity=Severity.WARNING,
            message=f"`{api_version}` is of another group, so this document was skipped",
            hint=f"did you mean `{API_VERSION}`?",
            path=path,
        )
        self._say(context, finding, path)

    def _say(self, context: _Context, finding: Finding, path: tuple[PathPart, ...]) -> None:
        line, column = context.document.places.position(path)
        self.findings.append(LocatedFinding(finding=finding, file=context.file, line=line, column=column))


def _is_list(value: dict[str, Any]) -> bool:
    api_version, kind = value.get("apiVersion"), value.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str) or not isinstance(value.get("items"), list):
        return False
    return (api_version, kind) == ("v1", "List") or (api_version.partition("/")[0] == GROUP and kind.endswith("List"))


def _resembles_our_group(group: str) -> bool:
    """Whether somebody may have meant our group: cheap, and wrong only towards a warning."""
    letters = re.sub(r"[^a-z]", "", group.lower())
    return letters.startswith("cal") and "ke" in letters


def with_findings(one: LocatedObject, findings: tuple[Finding, ...]) -> LocatedObject:
    """The object with findings that only its text shows; an error among them keeps it out of force."""
    if not findings:
        return one
    reading = one.reading
    is_wrong = any(finding.severity is Severity.ERROR for finding in findings)
    resource = None if is_wrong else reading.resource
    return replace(one, reading=replace(reading, resource=resource, findings=(*findings, *reading.findings)))
