"""What all kinds have in common: the envelope of a Kubernetes object, and the strictness of its values.

Names are camelCase in a manifest and snake_case here; unknown fields are errors; a number is no text and a text no
boolean, while `60.0` is 60. Values are frozen. Each field's docstring is its description in the CRD and the published
schema: meaning, default or what absence means, limits.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic.alias_generators import to_camel

from callkeeper.kinds.finding import Finding, ObjectKey, PathPart, Severity
from callkeeper.kinds.terms import CONFIRM_ANNOTATION, DEFAULT_NAMESPACE

MAX_COMMENT_LENGTH = 256
"""A line or two; the story behind an entry belongs in the commit message."""

MAX_USER_LENGTH = 254
"""The longest e-mail address (RFC 5321, section 4.5.3.1.3, less the angle brackets)."""

MAX_NAME_LENGTH = 253
"""A DNS-1123 subdomain, as the API server has it."""

MAX_LABEL_LENGTH = 63
"""A DNS label (RFC 1035, section 2.3.4), which namespaces and label values are."""

_MAX_SHOWN = 40
"""Characters of a value that a message quotes: enough to find it, on one line with the rest."""

_DNS_LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
NAME_REGEX = rf"^{_DNS_LABEL}(?:\.{_DNS_LABEL})*$"
NAMESPACE_REGEX = f"^{_DNS_LABEL}$"
KEY_REGEX = r"^[-._a-zA-Z0-9]+$"
LABEL_VALUE_REGEX = "^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
QUALIFIED_NAME_REGEX = rf"^(?:{_DNS_LABEL}(?:\.{_DNS_LABEL})*/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$"

CONTROL_CHARACTERS = r"\x00-\x1f\x7f-\x9f" + "\u2028\u2029"
"""For use inside a character class. All expression dialects know `\\xhh`, and none of the escapes for more is common to
all, so the others stand there themselves."""

WHITE_SPACE = r"\x20\xa0" + "\u1680\u2000-\u200a\u202f\u205f\u3000"
"""What Unicode counts as white space, less the controls; for use inside a character class."""

USER_REGEX = f"^[^{CONTROL_CHARACTERS}{WHITE_SPACE}]+$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What to say when a text does not have the form its field asks for. Put beside the constraint it words.

    Attributes:
        rule: the last part of the rule's id, `pattern`.
        explain: makes the message from the text that was found.
        hint: what to do next, or None.
    """

    rule: str
    explain: Callable[[str], str]
    hint: str | None = None


def shorten(text: str) -> str:
    """The text as a message quotes it: in backquotes, 40 characters at most, nothing that breaks the line."""
    if not text:
        return "an empty text"
    shown = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
    if not shown.isprintable():
        shown = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in shown)
    return f"`{shown}`"


def no_match(rule: str, what: str, *, hint: str | None = None) -> Wording:
    """A wording that reads "`text` is not <what>"."""
    return Wording(rule=rule, explain=lambda text: f"{shorten(text)} is not {what}", hint=hint)


def _whole(value: Any) -> Any:
    """Take 60.0 for 60, as the API server does; leave everything else to the strict check behind."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_NAME_WORDING = no_match(
    "name",
    "a name (lower case letters, digits, `-` and `.`, a letter or digit at both ends of each part, "
    f"at most {MAX_NAME_LENGTH} characters)",
)

Text = Annotated[str, Strict()]
Switch = Annotated[bool, Strict()]
WHOLE_FLOATS = BeforeValidator(_whole)
"""Put last behind `Annotated[int, Strict(), …]`: in front of other constraints it would hide them from the schema."""

WholeNumber = Annotated[int, Strict(), WHOLE_FLOATS]
Name = Annotated[Text, Field(pattern=NAME_REGEX, min_length=1, max_length=MAX_NAME_LENGTH), _NAME_WORDING]
Comment = Annotated[Text, Field(max_length=MAX_COMMENT_LENGTH)]
UserReference = Annotated[
    Text,
    Field(pattern=USER_REGEX, min_length=1, max_length=MAX_USER_LENGTH),
    no_match("user", f"a user: an id or e-mail address of 1 to {MAX_USER_LENGTH} characters without white space"),
]
Namespace = Annotated[
    Text,
    Field(pattern=NAMESPACE_REGEX, min_length=1, max_length=MAX_LABEL_LENGTH),
    no_match(
        "namespace",
        f"a namespace (lower case letters, digits and `-`, a letter or digit at both ends, at most {MAX_LABEL_LENGTH} "
        "characters)",
    ),
]
_QualifiedName = Annotated[Text, Field(pattern=QUALIFIED_NAME_REGEX, max_length=MAX_NAME_LENGTH + 64)]
_LabelValue = Annotated[Text, Field(pattern=LABEL_VALUE_REGEX, max_length=MAX_LABEL_LENGTH)]


class Part(BaseModel):
    """Anything people write: camelCase, nothing unknown, never changed."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_default=False,
        regex_engine="rust-regex",
        # Built when a kind is first read: checking one file waits for the kinds in it alone.
        defer_build=True,
    )

    cel: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Rules across fields for the API server: an expression of its language (CEL) and the message. Each says what
    `check` of the same kind says, and holds where fields are absent."""


class RecorderReference(Part):
    """Names the Recorder that an object belongs to; it lives in the same namespace."""

    name: Name
    """`metadata.name` of the Recorder, in the namespace of this object. Required. A name of at most 253 characters."""


class OwnerReference(Part):
    """An object that this one goes with."""

    api_version: Text
    """Of the owner. Required."""
    kind: Text
    """Of the owner. Required."""
    name: Text
    """Of the owner. Required."""
    uid: Text
    """Of the owner. Required."""
    controller: Switch | None = None
    """Whether the owner manages this object. Absent: it does not."""
    block_owner_deletion: Switch | None = None
    """Whether the owner stays until this object is gone. Absent: it does not."""


class Metadata(Part):
    """What names an object, as the API server has it.

    The fields the API server writes itself are taken as they come, so that what `kubectl get -o yaml` printed reads.
    """

    name: Name
    """Names the object among those of its kind in its namespace. Required. Lower case letters, digits, `-` and `.`, at
    most 253 characters."""
    namespace: Namespace = DEFAULT_NAMESPACE
    """Where the object lives; settings belong to a Recorder of the same namespace. Default `default`. At most 63
    characters."""
    labels: dict[_QualifiedName, _LabelValue] = Field(default_factory=dict)
    """Text by name, for selecting objects. Default none. Values have at most 63 characters."""
    annotations: dict[_QualifiedName, Text] = Field(default_factory=dict)
    """Text by name, for tools. Default none. Those of Callkeeper are `callkeeper.dev/confirm`,
    `callkeeper.dev/changed-by`, `callkeeper.dev/commit` and `callkeeper.dev/protect`."""
    generate_name: Text | None = None
    """The prefix the API server made the name from. No replacement for `name`: settings have names of their own."""
    uid: Text | None = None
    """Written by the API server."""
    resource_version: Text | None = None
    """Written by the API server."""
    generation: WholeNumber | None = None
    """Written by the API server: grows with every change of the spec."""
    creation_timestamp: Text | None = None
    """Written by the API server: of several singletons the oldest stays in force."""
    deletion_timestamp: Text | None = None
    """Written by the API server while the object is being deleted."""
    deletion_grace_period_seconds: WholeNumber | None = None
    """Written by the API server while the object is being deleted, in seconds."""
    self_link: Text | None = None
    """Written by API servers of old."""
    finalizers: tuple[Text, ...] = ()
    """Who must be done before the object is deleted. Callkeeper sets none. Default none."""
    owner_references: tuple[OwnerReference, ...] = ()
    """Objects this one goes with. Callkeeper sets none. Default none."""
    managed_fields: tuple[dict[str, Any], ...] = ()
    """Written by the API server: who owns which field."""


class Resource(Part):
    """One object: what every kind's model extends with its `kind` and `spec`.

    Rules across fields that no schema can hold are said by `check`; `reading.read_object` is the door that asks both.
    """

    confirmable: ClassVar[frozenset[str]] = frozenset()
    """The parts a `callkeeper.dev/confirm` annotation may have on this kind; empty: nothing of it needs one."""

    metadata: Metadata
    """Name, namespace, labels and annotations of the object. Required."""
    status: dict[str, Any] | None = None
    """Written by the operator. Accepted here and ignored."""

    @property
    def key(self) -> ObjectKey:
        """The object's name among all."""
        return ObjectKey(kind=type(self).__name__, namespace=self.metadata.namespace, name=self.metadata.name)

    @property
    def confirmation(self) -> str | None:
        """The text of the annotation `callkeeper.dev/confirm`, or None without it."""
        return self.metadata.annotations.get(CONFIRM_ANNOTATION)

    def check(self) -> Iterator[Finding]:
        """Say what is wrong or surprising within this object beyond the form of its values."""
        yield from ()

    def finding(
        self, what: str, severity: Severity, message: str, path: tuple[PathPart, ...], *, hint: str | None = None
    ) -> Finding:
        """A finding about this object; `what` is the last part of the rule's id."""
        rule = f"{type(self).__name__.lower()}.{what}"
        return Finding(rule=rule, severity=severity, message=message, hint=hint, key=self.key, path=path)
