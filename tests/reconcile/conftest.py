"""The real recorder, served in this process on a free port."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from callkeeper.audit.mask import NumberMask
from callkeeper.audit.store import AuditStore
from callkeeper.local.audit_destination import StoreDestination
from callkeeper.local.listening import bind
from callkeeper.local.recorder_server import RecorderServer, ServerParts
from callkeeper.local.tokens import LocalPrincipals, open_principals
from callkeeper.reconcile.http_recorder import HttpRecorder


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Callable[[str | None], HttpRecorder]]:
    """Makes a port to the running recorder, with a token (None: the reconciler's own)."""
    async with AsyncExitStack() as stack:
        store = AuditStore.open(tmp_path / "audit")
        stack.push_async_callback(store.close)
        principals: LocalPrincipals = open_principals(tmp_path, None)
        recorder = RecorderServer(
            ServerParts(
                state=tmp_path,
                bound=bind("127.0.0.1", 0),
                principals=principals,
                mask=NumberMask(bytes(16)),
                audit=lambda rows, sender: StoreDestination(store, rows, sender),
            )
        )
        await recorder.start()
        stack.push_async_callback(recorder.stop)

        def port(token: str | None = None) -> HttpRecorder:
            made = HttpRecorder(recorder.url, lambda: token or principals.token, total_seconds=5)
            stack.push_async_callback(made.close)
            return made

        yield port
