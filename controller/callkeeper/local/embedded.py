"""The embedded recorder: the recorder's application, served in this process on a socket that was bound beforehand."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from callkeeper.audit.errors import OutboxUnavailable
from callkeeper.audit.mask import NumberMask
from callkeeper.audit.outbox import OutboxSender
from callkeeper.audit.store import AuditStore
from callkeeper.local.exits import EXIT_PORT_TAKEN, EXIT_STATE_UNUSABLE, CannotRun
from callkeeper.local.locating import FolderLocator
from callkeeper.local.tokens import LocalPrincipals
from callkeeper.local.users import NAME as USERS
from callkeeper.policy.directory import Directory
from callkeeper.recorder.app import create_app
from callkeeper.recorder.clock import SystemClock
from callkeeper.recorder.config_store import DiskConfigStore
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.outbox_audit import OutboxAudit, StoreOutbox
from callkeeper.recorder.parts import Recorder, RecorderParts
from callkeeper.recorder.store.sqlite import SqliteStore
from callkeeper.recorder.stored_audit import StoredAuditReader
from callkeeper.recorder.user_store import JsonDirectoryStore

SENDER = "recorder"
"""Under this name the embedded recorder numbers its audit rows."""

BACKLOG = 1024
GRACE_SECONDS = 1
"""How long requests under way are waited for at the end; Ctrl-C shall end everything within two."""

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - named here to be reached from this machine


def bind(host: str, port: int) -> socket.socket:
    """Take the port before anything else is begun.

    Raises:
        CannotRun: it is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotRun(
                f"port {port} on {host} is taken; see who listens there (`ss -ltnp 'sport = :{port}'`), or choose "
                "another with --port (0 picks a free one)",
                EXIT_PORT_TAKEN,
            ) from error
        raise CannotRun(f"cannot listen on {host}:{port}: {error.strerror or error}", EXIT_PORT_TAKEN) from error
    return bound


def url_of(bound: socket.socket) -> str:
    """The address under which this machine reaches a bound socket."""
    host, port = bound.getsockname()[:2]
    host = _ANY.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Leaves signals to whoever composes the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


class EmbeddedRecorder:
    """A recorder that runs in this process until `stop`."""

    def __init__(
        self,
        *,
        state: Path,
        bound: socket.socket,
        store: AuditStore,
        principals: LocalPrincipals,
        locator: FolderLocator,
        directory: Directory | None,
        mask: NumberMask,
    ) -> None:
        """Start from what was kept.

        Args:
            state: the state folder.
            bound: where to listen.
            store: takes the audit rows.
            principals: who may speak to it.
            locator: finds settings in files.
            directory: the users of `users.csv`; None where there is no such file.
            mask: shows numbers as audit rows may hold them.

        Raises:
            CannotRun: what was kept cannot be read.
        """
        disk = LocalDisk()
        try:
            self._rows = SqliteStore.open(state / "recorder" / "store")
            media_files = MediaFiles.open(state / "recorder" / "media", disk)
        except StorageFault as fault:
            raise CannotRun(str(fault), EXIT_STATE_UNUSABLE) from fault
        sink = OutboxAudit(self._rows, SystemClock(), sender=SENDER)
        self._delivery = OutboxSender(StoreOutbox(self._rows, SENDER), store, SENDER)
        self._rows.watch_outbox(self._delivery.wake)
        parts = RecorderParts(
            config_store=DiskConfigStore(state / "recorder", disk),
            principals=principals,
            store=self._rows,
            media_files=media_files,
            audit=sink,
            audit_reader=StoredAuditReader(store, sink, self._delivery),
            mask=mask,
            directory_store=JsonDirectoryStore(state / "recorder" / "users.json", disk),
            directory=directory,
            directory_source=USERS if directory is not None else None,
            locator=locator,
        )
        try:
            app = create_app(parts)
        except StorageFault as fault:
            raise CannotRun(str(fault), EXIT_STATE_UNUSABLE) from fault
        self.recorder: Recorder = app.state.recorder
        self.url = url_of(bound)
        self._bound = bound
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="none",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve; requests are answered when this returns.

        Raises:
            CannotRun: what was kept cannot be written, or the server does not start.
        """
        try:
            await self._delivery.start()
        except OutboxUnavailable as error:
            raise CannotRun(str(error), EXIT_STATE_UNUSABLE) from error
        try:
            await self.recorder.media.start()
        except StorageFault as fault:
            raise CannotRun(str(fault), EXIT_STATE_UNUSABLE) from fault
        self._sweeping = asyncio.create_task(self.recorder.sweeper.run(), name="sweeper")
        self._task = asyncio.create_task(self._server.serve(sockets=[self._bound]), name="recorder")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise CannotRun("the embedded recorder ended while it started; see its log")
            await asyncio.sleep(0.002)

    async def stop(self) -> None:
        """End it, requests under way within `GRACE_SECONDS`."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._bound.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        await self.recorder.media.stop()
        await self.recorder.keeper.finish(GRACE_SECONDS)
        await self._delivery.stop(GRACE_SECONDS)
        await self._rows.close()

    def give_users(self, directory: Directory) -> None:
        """Take the users of `users.csv` as it is now."""
        self.recorder.users.give(directory, USERS)
