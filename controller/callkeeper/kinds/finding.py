"""What is said about an object that was read: one finding per thing wrong or surprising.

A finding names the object and the path inside it. Where that is in a file, line and column, is known to whoever read
the file (`manifests`), never here: the same finding is said by the command line, the admission webhook and the
operator's conditions.
"""

from dataclasses import dataclass
from enum import StrEnum

PathPart = str | int
"""One step of a JSON path: a field's name or a list's index."""


class Severity(StrEnum):
    """How much a finding weighs.

    Attributes:
        ERROR: the object (or the set of objects) is wrong and does not come into force.
        WARNING: legal, and probably not what was meant.
        NOTE: legal, and worth knowing; never fails a run.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ObjectKey:
    """Names one object: what Kubernetes and a folder of files agree on.

    Attributes:
        kind: as written in the manifest, `Blacklist`.
        namespace: never empty; an object without one is in `default`.
        name: `metadata.name`.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> "ObjectKey":
        """Read `kind/namespace/name` back.

        Raises:
            ValueError: the text has not exactly three parts.
        """
        kind, namespace, name = text.split("/")
        return cls(kind=kind, namespace=namespace, name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing said about one object.

    Attributes:
        rule: the machine-readable id of the rule, `blacklist.pattern`; each has a line in docs/reference/rules.md.
        severity: how much it weighs.
        message: what is wrong, in one sentence without a final stop.
        hint: what to do next, or None.
        key: the object, or None when the document could not be read so far.
        path: where in the object, as field names and list indexes; empty for the object as a whole.
        on_key: True when the field's name is wrong, not its value (an unknown field).
    """

    rule: str
    severity: Severity
    message: str
    hint: str | None = None
    key: ObjectKey | None = None
    path: tuple[PathPart, ...] = ()
    on_key: bool = False

    @property
    def json_path(self) -> str:
        """The path in JSON path notation (RFC 9535), `$.spec.numbers[3].pattern`; other names are put in brackets."""
        return "$" + "".join(_step(part) for part in self.path)


def _step(part: PathPart) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    if part.isidentifier():
        return f".{part}"
    return "['" + part.replace("\\", "\\\\").replace("'", "\\'") + "']"
