"""`Recorder`: a running recorder, how it is reached and how firmly its settings are held."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, Strict

from callkeeper.kinds.finding import Finding, Severity
from callkeeper.kinds.resource import (
    KEY_REGEX,
    WHOLE_FLOATS,
    Name,
    Part,
    Resource,
    Switch,
    Text,
    Wording,
    no_match,
    shorten,
)
from callkeeper.kinds.terms import DriftPolicy

MAX_ENDPOINT_LENGTH = 2048
"""As long as common HTTP software takes a URL without being asked."""

MAX_FILE_PATH_LENGTH = 1024

_PORT = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
ENDPOINT_REGEX = rf"^https?://{_HOST}(?::{_PORT})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?$"

_FILE_PATH_SEGMENT = r"\.?[A-Za-z0-9_-][A-Za-z0-9._-]*"
FILE_PATH_REGEX = f"^{_FILE_PATH_SEGMENT}(?:/{_FILE_PATH_SEGMENT})*$"


def _endpoint_message(text: str) -> str:
    scheme, found, rest = text.partition("://")
    if not found or scheme not in {"http", "https"}:
        return f"{shorten(text)} is not a URL that starts with http:// or https://"
    if len(text) > MAX_ENDPOINT_LENGTH:
        return f"the URL has {len(text)} characters, more than {MAX_ENDPOINT_LENGTH}"
    if "@" in rest.partition("/")[0]:
        # Not quoted: what stands before the @ is a secret.
        return "the URL carries a user or password, which would stand in git for all to read"
    if "?" in rest or "#" in rest:
        # Not quoted either: queries carry tokens.
        return "the URL has a query or fragment, which a base URL cannot have"
    return f"{shorten(text)} is not a URL of a host, an optional port from 1 to 65535 and an optional path"


_Key = Annotated[
    Text,
    Field(pattern=KEY_REGEX, min_length=1, max_length=253),
    no_match("key", "a key of a Secret or ConfigMap (letters, digits, `-`, `_` and `.`, at most 253 characters)"),
]


class CertificateAuthorityKind(StrEnum):
    """The kinds of object a certificate authority may be kept in."""

    SECRET = "Secret"  # noqa: S105 - the name of a Kubernetes kind
    CONFIG_MAP = "ConfigMap"


class CredentialsReference(Part):
    """Where in the cluster the recorder's bearer token is kept."""

    name: Name
    """Name of the Secret, in the namespace of the Recorder. Required."""
    key: _Key = "token"
    """The key of the Secret that holds the token. Default `token`."""


class CertificateAuthorityReference(Part):
    """Where in the cluster the certificate authority of the recorder's endpoint is kept."""

    kind: CertificateAuthorityKind
    """What holds the certificates: `Secret` or `ConfigMap`. Required."""
    name: Name
    """Name of the Secret or ConfigMap, in the namespace of the Recorder. Required."""
    key: _Key = "ca.crt"
    """The key that holds the certificates, PEM encoded. Default `ca.crt`."""


class ClientCertificateReference(Part):
    """Where in the cluster the certificate is kept that the operator shows to the recorder."""

    name: Name
    """Name of a Secret of type `kubernetes.io/tls` (keys `tls.crt` and `tls.key`), in the namespace of the Recorder.
    Required."""


class Guardrails(Part):
    """Limits beyond which a change of settings asks for a word first."""

    max_changed_decisions_percent: Annotated[int, Strict(), Field(ge=0, le=100), WHOLE_FLOATS] | None = None
    """When more than this share of the calls of the last 30 days would be decided otherwise, the change waits for the
    annotation `callkeeper.dev/confirm: "changes<=12%"` on the Recorder. 0 to 100. Absent: no limit; the effect is shown
    all the same."""


class RecorderSpec(Part):
    """How the recorder is reached and how firmly its settings are held."""

    cel: ClassVar[tuple[tuple[str, str], ...]] = (
        (
            "!(has(self.credentialsSecretRef) && has(self.credentialsFile))",
            "give either credentialsSecretRef (in a cluster) or credentialsFile (in a folder), not both",
        ),
    )

    endpoint: (
        Annotated[
            Text,
            Field(pattern=ENDPOINT_REGEX, min_length=1, max_length=MAX_ENDPOINT_LENGTH),
            Wording(
                rule="endpoint",
                explain=_endpoint_message,
                hint="write the base URL alone, `https://recorder.example.com:8443`; "
                "credentials go into credentialsSecretRef or credentialsFile",
            ),
        ]
        | None
    ) = None
    """Base URL of the recorder's API, `http://` or `https://`, without user, query and fragment, at most 2048
    characters. Absent: the recorder embedded in `callkeeper up`; the operator has no such recorder and says so."""
    credentials_secret_ref: CredentialsReference | None = None
    """The Secret with the bearer token for the endpoint; read by the operator. Absent: no token is sent."""
    credentials_file: (
        Annotated[
            Text,
            Field(pattern=FILE_PATH_REGEX, min_length=1, max_length=MAX_FILE_PATH_LENGTH),
            no_match(
                "credentials-file",
                "a path inside the settings folder (letters, digits, `.`, `_`, `-` and `/`, no `..`, not absolute)",
            ),
        ]
        | None
    ) = None
    """The file with the bearer token for the endpoint, as a path relative to the settings folder; read by
    `callkeeper up`, and best kept out of git. At most 1024 characters. Not together with `credentialsSecretRef`.
    Absent: no token is sent."""
    ca_ref: CertificateAuthorityReference | None = None
    """The certificates that the endpoint's own certificate is checked against. Absent: those of the system."""
    client_certificate_ref: ClientCertificateReference | None = None
    """The certificate shown to an endpoint that asks for one (mutual TLS); read by the operator. Absent: none is
    shown."""
    drift_policy: DriftPolicy = DriftPolicy.CORRECT
    """What to do when somebody else programmed the recorder: `Correct` programs it again, `Report` only says so.
    Default `Correct`."""
    suspend: Switch = False
    """True leaves the recorder as it is, whatever changes here. Default false."""
    guardrails: Guardrails | None = None
    """Limits beyond which a change of settings asks for a word first. Absent: none beyond the built-in ones."""


class Recorder(Resource):
    """A running recorder; settings attach to it by `spec.recorderRef.name`."""

    # Besides its own guardrail: what is confirmed for a settings object that is gone and can carry nothing any more.
    confirmable: ClassVar[frozenset[str]] = frozenset(
        {"changes", "removes", "retention", "extraRetention", "shortens", "deletes", "holds", "auditRetention"}
    )

    api_version: Literal["callkeeper.dev/v1alpha1"]
    """Version of the schema of this object: `callkeeper.dev/v1alpha1`. Required."""
    kind: Literal["Recorder"]
    """What this object is: `Recorder`. Required."""
    spec: RecorderSpec = Field(default_factory=RecorderSpec)
    """How the recorder is reached and how firmly its settings are held. Absent: the embedded recorder, all defaults."""

    def check(self) -> Iterator[Finding]:
        """Two sources of credentials are an error; what only an endpoint uses is a warning without one."""
        spec = self.spec
        if spec.credentials_secret_ref is not None and spec.credentials_file is not None:
            yield self.finding(
                "credentials",
                Severity.ERROR,
                "give either credentialsSecretRef (in a cluster) or credentialsFile (in a folder), not both",
                ("spec", "credentialsFile"),
            )
        if spec.endpoint is not None:
            return
        for name in ("credentialsSecretRef", "credentialsFile", "caRef", "clientCertificateRef"):
            if name in _given(spec):
                yield self.finding(
                    "unused",
                    Severity.WARNING,
                    f"{name} has no effect without an endpoint",
                    ("spec", name),
                    hint="give the recorder's `endpoint`, or leave this out for the embedded recorder",
                )


def _given(spec: RecorderSpec) -> list[str]:
    values = {
        "credentialsSecretRef": spec.credentials_secret_ref,
        "credentialsFile": spec.credentials_file,
        "caRef": spec.ca_ref,
        "clientCertificateRef": spec.client_certificate_ref,
    }
    return [name for name, value in values.items() if value is not None]
