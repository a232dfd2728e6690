"""Where the API server is and as whom to speak to it: from the pod's service account, or from a kubeconfig file.

Tokens in files are read again whenever one is needed: the kubelet replaces them, and a process that remembers its first
one is refused after an hour.

Facts
    `KUBECONFIG` wins, then the service account of the pod, then `~/.kube/config`. Of a kubeconfig the current context
    counts: server, authority, client certificate, token or token file. Credential plug-ins (`exec`) are not run: a
    program from a configuration file has no business in an operator.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from callkeeper.operator.connection import Connection
from callkeeper.operator.errors import ApiUnavailable, CannotStart

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_FILE_SECONDS = 60.0
"""A token read from a file is used this long: the kubelet renews it many minutes before it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach the API server.

    Attributes:
        info: address, authority and client certificate, and a token that stands in the configuration itself.
        token_file: the file the token is in, or None.
        namespace: the namespace this process belongs to.
    """

    info: Connection
    token_file: Path | None = None
    namespace: str = "default"

    def connection(self) -> Connection:
        """With the token as it is now.

        Raises:
            CannotStart: the token's file cannot be read.
        """
        if self.token_file is None:
            return self.info
        try:
            token = self.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise CannotStart(f"the token in {self.token_file} cannot be read: {error.strerror}") from error
        return replace(self.info, token=token)


class Authorization:
    """What is sent with each request, read anew now and then; for one event loop."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._until = float("-inf")
        self._headers: dict[str, str] = {}

    def headers(self) -> dict[str, str]:
        """Those that say who one is.

        Raises:
            ApiUnavailable: the token cannot be read. That is a passing thing: its file is replaced at that instant.
        """
        now = time.monotonic()
        if self._until < now:
            try:
                self._headers = self._access.connection().headers()
            except CannotStart as error:
                raise ApiUnavailable(str(error)) from error
            self._until = now + TOKEN_FILE_SECONDS
        return self._headers

    def refused(self) -> bool:
        """Whether those that were refused may be others by now; they are read anew then."""
        self._until = float("-inf")
        return self._access.token_file is not None


def find_access(environment: Mapping[str, str]) -> Access:
    """The access this process was given.

    Raises:
        CannotStart: there is none, or it cannot be read.
    """
    if files := environment.get("KUBECONFIG"):
        return from_kubeconfig(Path(files.split(os.pathsep)[0]))
    host = environment.get("KUBERNETES_SERVICE_HOST")
    if host and (SERVICE_ACCOUNT / "token").exists():
        return from_service_account(SERVICE_ACCOUNT, host, environment.get("KUBERNETES_SERVICE_PORT", "443"))
    usual = Path.home() / ".kube" / "config"
    if usual.exists():
        return from_kubeconfig(usual)
    raise CannotStart("no cluster is configured: run in a pod with a service account, or set KUBECONFIG")


def from_service_account(folder: Path, host: str, port: str) -> Access:
    """The access of a pod."""
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    own = folder / "namespace"
    return Access(
        info=Connection(server=server, ca_path=str(folder / "ca.crt")),
        token_file=folder / "token",
        namespace=own.read_text(encoding="utf-8").strip() if own.exists() else "default",
    )


def from_kubeconfig(path: Path) -> Access:
    """The access of a kubeconfig's current context.

    Raises:
        CannotStart: it cannot be read, or asks for what is not done.
    """
    try:
        value = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        context = _named(value["contexts"], value["current-context"], "context")
        cluster = _named(value["clusters"], context["cluster"], "cluster")
        name = str(context.get("user") or "")
        user = _named(value.get("users") or [], name, "user") if name else {}
    except OSError as error:
        raise CannotStart(f"{path} cannot be read: {error.strerror}") from error
    except (YAMLError, KeyError, TypeError, StopIteration) as error:
        raise CannotStart(f"{path} is no kubeconfig with a current context, its cluster and its user") from error
    if "exec" in user or "auth-provider" in user:
        raise CannotStart(
            f"{path} names a credential plug-in, which is not run; give a token, tokenFile or certificate"
        )
    return Access(info=_connection(path.parent, cluster, user), token_file=_file(path.parent, user.get("tokenFile")),
                  namespace=context.get("namespace") or "default")  # fmt: skip


def _connection(folder: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> Connection:
    def path(fields: Mapping[str, Any], name: str) -> str | None:
        found = _file(folder, fields.get(name)) if not fields.get(f"{name}-data") else None
        return str(found) if found else None

    return Connection(
        server=cluster["server"],
        ca_path=path(cluster, "certificate-authority"),
        ca_data=cluster.get("certificate-authority-data"),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        certificate_path=path(user, "client-certificate"),
        certificate_data=user.get("client-certificate-data"),
        private_key_path=path(user, "client-key"),
        private_key_data=user.get("client-key-data"),
        username=user.get("username"),
        password=user.get("password"),
        token=user.get("token"),
    )


def _file(folder: Path, name: str | None) -> Path | None:
    return folder / name if name else None


def _named(entries: list[dict[str, Any]], name: str, what: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in entries if entry["name"] == name)[what]
    return found
