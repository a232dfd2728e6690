"""A recorder as its Recorder object names it: the HTTP adapter of `reconcile`, with credentials kept fresh.

Nothing is put by a replica that does not lead at that instant.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from callkeeper.kinds.recorder import RecorderSpec
from callkeeper.operator.api import KubeApi
from callkeeper.operator.credentials import read_credentials
from callkeeper.policy.compile import Effects
from callkeeper.policy.config import RecorderConfig
from callkeeper.reconcile.errors import RecorderError, Refused, StaleEpoch, Terminal
from callkeeper.reconcile.http_recorder import HttpRecorder
from callkeeper.reconcile.port import Envelope, RecorderState
from callkeeper.reconcile.reasons import Reason

CREDENTIALS_SECONDS = 60.0
"""How long a rotated token or authority may go unseen while the old one still works."""

REFUSED_SECONDS = 5.0
"""Credentials that were refused are read again at most this often."""

Answer = TypeVar("Answer")


class Unusable(Terminal):
    """The Recorder says nothing that could be reached from a cluster."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NowhereRecorder:
    """Stands for a Recorder that names no place: everything asked of it fails with the same words."""

    def __init__(self, reason: Reason, message: str) -> None:
        self._error = reason, message

    async def close(self) -> None:
        """Nothing is open."""

    async def read(self) -> RecorderState:
        """See `RecorderPort.read`."""
        raise Unusable(*self._error)

    async def runs(self, state: RecorderState) -> bool:  # noqa: ARG002 - the port's signature
        """See `RecorderPort.runs`."""
        raise Unusable(*self._error)

    async def check(self, envelope: Envelope) -> Effects:  # noqa: ARG002 - the port's signature
        """See `RecorderPort.check`."""
        raise Unusable(*self._error)

    async def put(self, envelope: Envelope, *, if_match: str | None) -> str:  # noqa: ARG002 - the port's signature
        """See `RecorderPort.put`."""
        raise Unusable(*self._error)

    async def body(self, revision: str) -> RecorderConfig | None:  # noqa: ARG002 - the port's signature
        """See `RecorderPort.body`."""
        raise Unusable(*self._error)


class ClusterRecorder:
    """A recorder at an endpoint. To be closed."""

    def __init__(self, api: KubeApi, namespace: str, spec: RecorderSpec, may_write: Callable[[], bool]) -> None:
        """Prepare; nothing is read yet.

        Args:
            api: where Secrets and ConfigMaps are.
            namespace: of the Recorder.
            spec: of the Recorder; its endpoint is given.
            may_write: whether this replica leads at this instant.
        """
        assert spec.endpoint is not None
        self._api = api
        self._namespace = namespace
        self._spec = spec
        self._endpoint = spec.endpoint
        self._may_write = may_write
        self._port: HttpRecorder | None = None
        self._digest = ""
        self._read_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def close(self) -> None:
        """Close every connection."""
        if self._port is not None:
            await self._port.close()
            self._port = None

    async def read(self) -> RecorderState:
        """See `RecorderPort.read`."""
        return await self._ask(lambda port: port.read())

    async def runs(self, state: RecorderState) -> bool:
        """See `RecorderPort.runs`."""
        return await self._ask(lambda port: port.runs(state))

    async def check(self, envelope: Envelope) -> Effects:
        """See `RecorderPort.check`."""
        return await self._ask(lambda port: port.check(envelope))

    async def body(self, revision: str) -> RecorderConfig | None:
        """See `RecorderPort.body`."""
        return await self._ask(lambda port: port.body(revision))

    async def put(self, envelope: Envelope, *, if_match: str | None) -> str:
        """See `RecorderPort.put`."""

        async def send(port: HttpRecorder) -> str:
            if not self._may_write():
                raise StaleEpoch("this replica does not lead any more; the one that does programs this recorder")
            return await port.put(envelope, if_match=if_match)

        return await self._ask(send)

    async def _ask(self, question: Callable[[HttpRecorder], Awaitable[Answer]]) -> Answer:
        """Ask; once more where the credentials were refused and there are others by now."""
        port = await self._fresh(CREDENTIALS_SECONDS)
        try:
            return await question(port)
        except Refused:
            again = await self._fresh(REFUSED_SECONDS)
            if again is port:
                raise
            return await question(again)

    async def _fresh(self, seconds: float) -> HttpRecorder:
        """The adapter with credentials no older than this."""
        async with self._one_at_a_time:
            if self._port is not None and time.monotonic() - self._read_at < seconds:
                return self._port
            try:
                credentials = await read_credentials(self._api, self._namespace, self._spec)
            except RecorderError:
                # With what worked so far it goes on; where nothing did yet, this says what is missing.
                if self._port is None or seconds < CREDENTIALS_SECONDS:
                    raise
                return self._port
            self._read_at = time.monotonic()
            if self._port is None or credentials.digest != self._digest:
                tls, token = credentials.tls(), credentials.token
                before, self._port = self._port, HttpRecorder(self._endpoint, lambda: token, tls=tls)
                self._digest = credentials.digest
                if before is not None:
                    await before.close()
            return self._port
