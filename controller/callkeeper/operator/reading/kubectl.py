"""Reads a cluster by running kubectl: as whoever is at the terminal, with every way to log in that kubectl knows.

Facts
    Kubeconfigs of managed clusters name programs that fetch tokens. kubectl runs them, follows contexts and proxies,
    and is there wherever a plug-in of it is started. One call lists all kinds.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callkeeper.kinds.crd_names import NAMES
from callkeeper.kinds.terms import DEFAULT_NAMESPACE, GROUP

ANSWER_SECONDS = 60.0
"""For a whole listing of 5,000 objects over a slow line, and a program that fetches a token first."""

MAX_DETAIL = 500
"""Characters of kubectl's own words that are passed on."""

_NO_KUBECONFIG = "localhost:8080 was refused"
"""Where kubectl looks when nothing tells it of a cluster."""

_NO_SUCH_KINDS = "the server doesn't have a resource type"


class ReadingError(Exception):
    """The cluster could not be read; the message says what failed and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which cluster and which part of it.

    Attributes:
        namespace: one namespace; None for that of the context.
        all_namespaces: the whole cluster.
        context: of the kubeconfig; None for the current one.
        kubeconfig: the file; None for kubectl's usual.
    """

    namespace: str | None = None
    all_namespaces: bool = False
    context: str | None = None
    kubeconfig: str | None = None

    @property
    def words(self) -> str:
        """For a heading."""
        where = f"context {self.context}" if self.context else "the current context"
        if self.all_namespaces:
            return f"all namespaces of {where}"
        return f"namespace {self.namespace} of {where}" if self.namespace else f"the namespace of {where}"


class Kubectl:
    """Runs kubectl for one scope."""

    def __init__(self, scope: Scope, *, command: str = "kubectl") -> None:
        self._scope = scope
        self._command = command

    async def objects(self) -> tuple[dict[str, Any], ...]:
        """Every object of our kinds in the scope, as the API server has it.

        Raises:
            ReadingError: kubectl could not list them.
        """
        kinds = ",".join(f"{names.plural}.{GROUP}" for names in NAMES.values())
        where = ["--all-namespaces"] if self._scope.all_namespaces else self._in(self._scope.namespace)
        answer = await self._json(["get", kinds, *where])
        return tuple(item for item in answer.get("items", ()) if isinstance(item, dict))

    async def namespace(self) -> str:
        """The namespace that an object without one is applied to: the scope's, else that of the context."""
        if self._scope.namespace is not None:
            return self._scope.namespace
        try:
            config = await self._json(["config", "view", "--minify"])
        except ReadingError:
            return DEFAULT_NAMESPACE  # no kubeconfig, as within a cluster
        contexts = config.get("contexts") or [{}]
        return str((contexts[0].get("context") or {}).get("namespace") or DEFAULT_NAMESPACE)

    async def data(self, kind: str, namespace: str, name: str) -> Mapping[str, str]:
        """The entries of a Secret (decoded) or ConfigMap.

        Raises:
            ReadingError: it is not there, or this person may not read it.
        """
        answer = await self._json(["get", f"{kind.lower()}/{name}", *self._in(namespace)])
        data = answer.get("data") or {}
        if kind != "Secret":
            return {key: str(text) for key, text in data.items()}
        try:
            return {key: base64.b64decode(text).decode() for key, text in data.items()}
        except (ValueError, binascii.Error) as error:
            raise ReadingError(f"Secret {namespace}/{name} holds what is no text") from error

    async def _json(self, arguments: Sequence[str]) -> dict[str, Any]:
        try:
            value = json.loads(await self._run([*arguments, "--output=json"]))
        except ValueError as error:
            raise ReadingError(f"kubectl {arguments[0]} answered something else than JSON") from error
        if not isinstance(value, dict):
            raise ReadingError(f"kubectl {arguments[0]} answered no object")
        return value

    async def _run(self, arguments: Sequence[str]) -> bytes:
        scope = self._scope
        options = [f"--context={scope.context}"] if scope.context else []
        options += [f"--kubeconfig={scope.kubeconfig}"] if scope.kubeconfig else []
        try:
            process = await asyncio.create_subprocess_exec(
                self._command,
                *arguments,
                *options,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError as error:
            raise ReadingError("kubectl is not on the PATH; the cluster is read through it") from error
        except OSError as error:
            raise ReadingError(f"kubectl cannot be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                output, said = await process.communicate()
        except TimeoutError as error:
            raise ReadingError(
                f"kubectl did not answer within {ANSWER_SECONDS:g} s; see that the cluster is reachable"
            ) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise ReadingError(_in_words(said.decode(errors="replace")))
        return output

    def _in(self, namespace: str | None) -> list[str]:
        return [f"--namespace={namespace}"] if namespace else []


def _in_words(said: str) -> str:
    if _NO_SUCH_KINDS in said:
        return "this cluster does not know our kinds; install the CRDs first (kubectl apply -k deploy/kustomize/crds)"
    if _NO_KUBECONFIG in said:
        return "the cluster cannot be read: no kubeconfig says which it is; set KUBECONFIG, or use --kubeconfig"
    lines = said.strip().splitlines() or ["kubectl failed without a word"]
    return f"the cluster cannot be read: {lines[-1][:MAX_DETAIL]}"  # above it, kubectl tells of each try
