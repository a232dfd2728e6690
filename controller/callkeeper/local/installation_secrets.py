"""The Secrets of an installation in a cluster: tokens that its parts show each other, and files with their hashes.

Made in one go, so that both sides of each token agree. Applied again they rotate every token: whoever reads them
follows without a restart. The key that signs the audit log is not rotated like that: the new key must be introduced by
the old one. What is installed (deploy/) refers to the Secrets by these names.
"""

import base64
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from callkeeper.audit.collector.principals import CollectorRole
from callkeeper.policy.directory import Role

# Names of Secrets, each with the keys that are in it.
OPERATOR_COLLECTOR_TOKEN = "callkeeper-operator-collector-token"  # noqa: S105 - the name of a Secret
RECORDER_COLLECTOR_TOKEN = "callkeeper-recorder-collector-token"  # noqa: S105 - the name of a Secret
CHANGES_TOKEN = "callkeeper-changes-token"  # noqa: S105 - the name of a Secret
AUDIT_WEBHOOK_TOKEN = "callkeeper-audit-webhook-token"  # noqa: S105 - the name of a Secret
COLLECTOR_PRINCIPALS = "callkeeper-collector-principals"
COLLECTOR_SIGNING_KEY = "callkeeper-collector-signing-key"
RECORDER_PRINCIPALS = "callkeeper-recorder-principals"
ADMINISTRATOR = "callkeeper-administrator"
MONITORING = "callkeeper-monitoring"
INGEST_TOKEN = "callkeeper-ingest-token"  # noqa: S105 - the name of a Secret

RECORDER_TOKEN = "callkeeper-recorder-token"  # noqa: S105 - the name of a Secret
"""In the namespace of the settings: what `credentialsSecretRef` of the Recorder names."""

PRINCIPALS_KEY = "tokens.json"
SIGNING_KEY = "signing.key"
TOKEN_KEY = "token"  # noqa: S105 - the key in a Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What the Secrets are for.

    Attributes:
        namespace: where the parts run.
        settings_namespace: where the Recorder and its settings are.
        log: of the recorder, as `namespace/recorder`.
        administrator: e-mail address of the person who gets all rights.
    """

    namespace: str
    settings_namespace: str
    log: str
    administrator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bearer:
    """Somebody with a token of their own, made here and kept nowhere else."""

    id: str
    roles: tuple[str, ...]
    token: str
    email: str = ""
    logs: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()

    def entry(self) -> dict[str, Any]:
        found: dict[str, Any] = {"id": self.id, "roles": list(self.roles)}
        if self.email:
            found["email"] = self.email
        if self.logs:
            found["logs"] = list(self.logs)
        if self.senders:
            found["senders"] = list(self.senders)
        return {**found, "tokenSha256": sha256(self.token.encode()).hexdigest()}


def installation_secrets(installation: Installation, *, signing_key: bool = True) -> tuple[dict[str, Any], ...]:
    """The Secrets, with tokens made now; the audit log's signing key only where it is asked for."""
    here, settings = installation.namespace, installation.settings_namespace
    person = installation.administrator
    collector = {
        "operator": _bearer("operator", CollectorRole.OPERATOR),
        "recorder": _bearer("recorder", CollectorRole.SENDER, logs=(installation.log,)),
        # May read metrics, and rows of nobody.
        "monitoring": _bearer("monitoring", CollectorRole.SENDER, logs=(installation.log,), senders=("monitoring",)),
        "person": _bearer(person, CollectorRole.ADMINISTRATOR, CollectorRole.AUDITOR, email=person),
    }
    recorder = {
        "operator": _bearer("operator", Role.SETTINGS),
        "platform": _bearer("platform", Role.INGEST),
        "monitoring": _bearer("monitoring", Role.AUDITOR),
        "person": _bearer(person, Role.ADMINISTRATOR, Role.AUDITOR, email=person),
    }
    return (
        _secret(here, OPERATOR_COLLECTOR_TOKEN, {TOKEN_KEY: collector["operator"].token}),
        _secret(here, RECORDER_COLLECTOR_TOKEN, {TOKEN_KEY: collector["recorder"].token}),
        _secret(here, COLLECTOR_PRINCIPALS, {PRINCIPALS_KEY: _principals(collector.values())}),
        *([_secret(here, COLLECTOR_SIGNING_KEY, {SIGNING_KEY: _signing_key()})] if signing_key else []),
        _secret(here, RECORDER_PRINCIPALS, {PRINCIPALS_KEY: _principals(recorder.values())}),
        _secret(here, CHANGES_TOKEN, {TOKEN_KEY: _token()}),
        _secret(here, AUDIT_WEBHOOK_TOKEN, {TOKEN_KEY: _token()}),
        *(
            _secret(here, name, {"recorder-token": recorder[who].token, "collector-token": collector[who].token})
            for name, who in ((ADMINISTRATOR, "person"), (MONITORING, "monitoring"))
        ),
        _secret(here, INGEST_TOKEN, {TOKEN_KEY: recorder["platform"].token}),
        _secret(settings, RECORDER_TOKEN, {TOKEN_KEY: recorder["operator"].token}),
    )


def _bearer(
    name: str, *roles: str, email: str = "", logs: tuple[str, ...] = (), senders: tuple[str, ...] = ()
) -> _Bearer:
    return _Bearer(id=name, roles=tuple(sorted(roles)), token=_token(), email=email, logs=logs, senders=senders)


def _token() -> str:
    return secrets.token_urlsafe(32)


def _principals(bearers: Iterable[_Bearer]) -> str:
    return json.dumps({"principals": [one.entry() for one in bearers]}, indent=1)


def _signing_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _secret(namespace: str, name: str, data: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/name": "callkeeper"}},
        "type": "Opaque",
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
    }
