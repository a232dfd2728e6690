"""A recorder served in this process: its application over the state folder, on a socket that was bound beforehand.

`up` embeds one beside the reconciler; `recorder serve` runs one alone. What they hand in differs, what is made of it
does not.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from socket import socket

import uvicorn

from callkeeper.audit.errors import OutboxUnavailable
from callkeeper.audit.mask import NumberMask
from callkeeper.audit.outbox import OutboxSender
from callkeeper.local.audit_destination import MakeDestination
from callkeeper.local.exits import EXIT_STATE_UNUSABLE, CannotRun
from callkeeper.local.listening import url_of
from callkeeper.policy.directory import Directory
from callkeeper.recorder.app import create_app
from callkeeper.recorder.clock import SystemClock
from callkeeper.recorder.config_store import DiskConfigStore
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.http.door import Principals
from callkeeper.recorder.locating import Locator, NoLocator
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.outbox_audit import OutboxAudit, StoreOutbox
from callkeeper.recorder.parts import Recorder, RecorderParts
from callkeeper.recorder.store.sqlite import SqliteStore
from callkeeper.recorder.user_store import JsonDirectoryStore

SENDER = "recorder"
"""Under this name a recorder numbers its audit rows; its log is its own."""

GRACE_SECONDS = 1
"""How long requests under way are waited for at the end; Ctrl-C shall end everything within two.

An upload may last as long as its call: it is cut off, and goes on by offset at whoever serves next."""

_STARTED_SECONDS = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """What is handed in.

    Attributes:
        state: the state folder, held.
        bound: where to listen.
        principals: who may speak to it.
        mask: shows numbers as audit rows may hold them.
        audit: makes where audit rows go.
        locator: finds settings in files.
        directory: the users of an authoritative source, else None.
        directory_source: that source in words, `users.csv`.
        trusted_proxies: whose X-Forwarded-For is believed.
    """

    state: Path
    bound: socket
    principals: Principals
    mask: NumberMask
    audit: MakeDestination
    locator: Locator = field(default_factory=NoLocator)
    directory: Directory | None = None
    directory_source: str | None = None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()


class _Server(uvicorn.Server):
    """Leaves signals to whoever composes the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


class RecorderServer:
    """A recorder that runs in this process until `stop`."""

    def __init__(self, given: ServerParts) -> None:
        """Start from what was kept.

        Raises:
            CannotRun: what was kept cannot be read.
        """
        disk, folder = LocalDisk(), given.state / "recorder"
        try:
            self._rows = SqliteStore.open(folder / "store")
            media_files = MediaFiles.open(folder / "media", disk)
            sink = OutboxAudit(self._rows, SystemClock(), sender=SENDER)
            self._destination = given.audit(self._rows, SENDER)
            self._delivery = OutboxSender(StoreOutbox(self._rows, SENDER), self._destination.appender, SENDER)
            self._rows.watch_outbox(self._delivery.wake)
            app = create_app(
                RecorderParts(
                    config_store=DiskConfigStore(folder, disk),
                    principals=given.principals,
                    store=self._rows,
                    media_files=media_files,
                    audit=sink,
                    audit_reader=self._destination.reader(sink, self._delivery),
                    mask=given.mask,
                    directory_store=JsonDirectoryStore(folder / "users.json", disk),
                    directory=given.directory,
                    directory_source=given.directory_source,
                    locator=given.locator,
                    trusted_proxies=given.trusted_proxies,
                )
            )
        except StorageFault as fault:
            raise CannotRun(str(fault), EXIT_STATE_UNUSABLE) from fault
        self.recorder: Recorder = app.state.recorder
        self.url = url_of(given.bound)
        self._bound = given.bound
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
            await self._destination.begin(self._delivery)
            await self.recorder.media.start()
        except (OutboxUnavailable, StorageFault) as error:
            raise CannotRun(str(error), EXIT_STATE_UNUSABLE) from error
        self._sweeping = asyncio.create_task(self.recorder.sweeper.run(), name="sweeper")
        self._task = asyncio.create_task(self._server.serve(sockets=[self._bound]), name="recorder")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise CannotRun("the recorder ended while it started; see its log")
            await asyncio.sleep(_STARTED_SECONDS)

    async def ended(self) -> None:
        """Wait until it ends by itself, which it does not do unless something is wrong.

        Raises:
            CannotRun: it ended.
        """
        assert self._task is not None
        await asyncio.wait((self._task,))
        self._task.result()
        raise CannotRun("the recorder ended by itself; see its log")

    async def stop(self) -> None:
        """End it, requests under way within `GRACE_SECONDS`."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.wait((self._task,))
        self._bound.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        await self.recorder.media.stop()
        await self.recorder.keeper.finish(GRACE_SECONDS)
        await self._destination.stop()
        await self._delivery.stop(GRACE_SECONDS)
        await self._rows.close()
