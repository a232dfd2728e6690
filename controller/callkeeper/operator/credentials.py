"""What a recorder's address needs besides itself: token, authority and client certificate, from Secrets and ConfigMaps.

Read by name, never listed or watched: a role that names these few objects is enough. They are read anew every minute
and whenever the recorder refuses what it was given, so that rotating them takes no restart.
"""

import base64
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from callkeeper.kinds.recorder import CertificateAuthorityKind, RecorderSpec
from callkeeper.operator import paths
from callkeeper.operator.api import KubeApi
from callkeeper.operator.errors import ApiError, ApiNotFound, ApiUnavailable
from callkeeper.reconcile.errors import Refused, Unreachable

MAX_TOKEN_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What is sent and trusted.

    Attributes:
        token: the bearer token, or None.
        authority: PEM certificates to trust, or None for the system's.
        certificate: PEM client certificate and key, or None.
    """

    token: str | None = None
    authority: str | None = None
    certificate: tuple[str, str] | None = None

    @property
    def digest(self) -> str:
        """Tells two apart without holding either."""
        return sha256(repr((self.token, self.authority, self.certificate)).encode()).hexdigest()

    def tls(self) -> ssl.SSLContext | None:
        """The context for connections; None where the usual one does.

        Raises:
            Refused: the certificates cannot be used.
        """
        if self.authority is None and self.certificate is None:
            return None
        try:
            context = ssl.create_default_context(cadata=self.authority)
            if self.certificate is not None:
                _load(context, *self.certificate)
        except (ssl.SSLError, ValueError) as error:
            raise Refused(
                "the certificates that caRef or clientCertificateRef name cannot be used; see that they are PEM and "
                "that certificate and key belong together"
            ) from error
        return context


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Python's ssl reads certificates from files only."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "client.pem"
        path.touch(mode=0o600)
        path.write_text(f"{certificate}\n{key}\n", encoding="ascii")
        context.load_cert_chain(path)


async def read_credentials(api: KubeApi, namespace: str, spec: RecorderSpec) -> Credentials:
    """Read what a Recorder names.

    Raises:
        Refused: something named is not there, or may not be read.
        Unreachable: the API server does not answer.
    """
    token = authority = certificate = None
    if spec.credentials_secret_ref is not None:
        ref = spec.credentials_secret_ref
        secret = await _data(api, paths.secret(namespace, ref.name), f"Secret {namespace}/{ref.name}")
        token = _entry(secret, ref.key, f"Secret {namespace}/{ref.name}").strip()
        if not token.isascii() or not token.isprintable() or len(token) > MAX_TOKEN_BYTES:
            raise Refused(f"key {ref.key} of Secret {namespace}/{ref.name} holds no token; put the recorder's there")
    if spec.ca_ref is not None:
        ca, what = spec.ca_ref, f"{spec.ca_ref.kind.value} {namespace}/{spec.ca_ref.name}"
        is_secret = ca.kind is CertificateAuthorityKind.SECRET
        path = paths.secret(namespace, ca.name) if is_secret else paths.config_map(namespace, ca.name)
        authority = _entry(await _data(api, path, what), ca.key, what)
    if spec.client_certificate_ref is not None:
        name = spec.client_certificate_ref.name
        what = f"Secret {namespace}/{name}"
        secret = await _data(api, paths.secret(namespace, name), what)
        certificate = _entry(secret, "tls.crt", what), _entry(secret, "tls.key", what)
    return Credentials(token=token, authority=authority, certificate=certificate)


async def _data(api: KubeApi, path: str, what: str) -> Mapping[str, str]:
    try:
        document = await api.get(path)
    except ApiNotFound as error:
        raise Refused(f"{what} is not there; make it, or correct the Recorder that names it") from error
    except ApiUnavailable as error:
        raise Unreachable(f"{what} cannot be read now: {error}") from error
    except ApiError as error:
        raise Refused(f"{what} may not be read; grant the operator `get` on it by name") from error
    if document.get("kind") == "Secret":
        return {name: _decoded(value) for name, value in (document.get("data") or {}).items()}
    return document.get("data") or {}


def _entry(data: Mapping[str, str], key: str, what: str) -> str:
    value = data.get(key)
    if not value:
        raise Refused(f"{what} has no key {key}; add it, or correct the key in the Recorder")
    return value


def _decoded(value: str) -> str:
    return base64.b64decode(value).decode("utf-8", "replace")
