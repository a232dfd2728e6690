"""The certificates that all replicas share, in one Secret; every write names the version it replaces."""

import base64
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from callkeeper.operator import paths
from callkeeper.operator.api import KubeApi
from callkeeper.operator.certificates.authority import Certificates, Pair
from callkeeper.operator.errors import ApiConflict, ApiNotFound

_AUTHORITY, _AUTHORITY_KEY, _BUNDLE, _LEAF, _LEAF_KEY = "ca.crt", "ca.key", "bundle.crt", "tls.crt", "tls.key"
_END = b"-----END CERTIFICATE-----\n"


class CertificateSecret:
    """Reads and writes the Secret."""

    def __init__(self, api: KubeApi, namespace: str, name: str) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self._version: str | None = None

    async def read(self) -> Certificates | None:
        """What it holds; None where it is not there, or holds nothing that can be used.

        Raises:
            ApiError: it cannot be read.
        """
        try:
            found = await self._api.get(paths.secret(self._namespace, self._name))
        except ApiNotFound:
            self._version = None
            return None
        self._version = found["metadata"]["resourceVersion"]
        return _certificates(found.get("data") or {})

    async def write(self, certificates: Certificates) -> bool:
        """Replace what was read; False where somebody else did so first.

        Raises:
            ApiError: it cannot be written.
        """
        metadata: dict[str, Any] = {
            "name": self._name,
            "namespace": self._namespace,
            "labels": {"app.kubernetes.io/managed-by": "callkeeper-webhook"},
        }
        if self._version is not None:
            metadata["resourceVersion"] = self._version
        document = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata}
        document["data"] = {name: base64.b64encode(text).decode() for name, text in _entries(certificates).items()}
        try:
            if self._version is None:
                written = await self._api.create(paths.secret(self._namespace, "").rstrip("/"), document)
            else:
                written = await self._api.replace(paths.secret(self._namespace, self._name), document)
        except (ApiConflict, ApiNotFound):
            return False
        self._version = written["metadata"]["resourceVersion"]
        return True


def _entries(held: Certificates) -> Mapping[str, bytes]:
    return {
        _AUTHORITY: held.authority.certificate,
        _AUTHORITY_KEY: held.authority.key,
        _BUNDLE: held.bundle_pem,
        _LEAF: held.leaf.certificate,
        _LEAF_KEY: held.leaf.key,
    }


def _certificates(data: Mapping[str, str]) -> Certificates | None:
    try:
        texts = {name: base64.b64decode(data[name]) for name in (_AUTHORITY, _AUTHORITY_KEY, _BUNDLE, _LEAF, _LEAF_KEY)}
        bundle = tuple(one.lstrip() + _END for one in texts[_BUNDLE].split(_END) if one.strip())
        for one in (texts[_AUTHORITY], texts[_LEAF], *bundle):
            x509.load_pem_x509_certificate(one)
        for one in (texts[_AUTHORITY_KEY], texts[_LEAF_KEY]):
            serialization.load_pem_private_key(one, password=None)
    except (KeyError, ValueError, TypeError):
        return None
    return Certificates(
        authority=Pair(certificate=texts[_AUTHORITY], key=texts[_AUTHORITY_KEY]),
        bundle=bundle,
        leaf=Pair(certificate=texts[_LEAF], key=texts[_LEAF_KEY]),
    )
