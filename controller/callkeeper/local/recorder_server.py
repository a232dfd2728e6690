"""A recorder served in this process: its application over the state folder, on a socket that was bound beforehand.

`up` embeds one beside the reconciler; `recorder serve` runs one alone. What they hand in differs, what is made of it
does not.
"""

import asyncio
import contextlib
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from socket import socket

import uvicorn
from fastapi import FastAPI

from callkeeper.audit.errors import OutboxUnavailable
from callkeeper.audit.mask import NumberMask
from callkeeper.audit.outbox import OutboxSender
from callkeeper.local.audit_destination import MakeDestination
from callkeeper.local.exits import EXIT_STATE_UNUSABLE, CannotRun
from callkeeper.local.listening import url_of
from callkeeper.local.tls import ReloadedTls
from callkeeper.recorder.app import create_app
from callkeeper.recorder.clock import Clock, SystemClock
from callkeeper.recorder.config_store import DiskConfigStore
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.http.door import Principals
from callkeeper.recorder.http.protocol import BoundedProtocol
from callkeeper.recorder.interpreter import Interpreter
from callkeeper.recorder.locating import Locator, NoLocator
from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.outbox_audit import SENDER, OutboxAudit, StoreOutbox
from callkeeper.recorder.parts import Recorder, RecorderParts
from callkeeper.recorder.store.sqlite import SqliteStore

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
        clock: tells the recorder the time.
        trusted_proxies: whose X-Forwarded-For is believed.
        tls: the certificates to be served with; None for plain HTTP.
        own: another socket, on the loopback address, that is served with plain HTTP whatever `tls` says; None without
            one. For this machine's own tools, which need not know what is in the certificates.
    """

    state: Path
    bound: socket
    principals: Principals
    mask: NumberMask
    audit: MakeDestination
    locator: Locator = field(default_factory=NoLocator)
    clock: Clock = field(default_factory=SystemClock)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    tls: ReloadedTls | None = None
    own: socket | None = None


class _Server(uvicorn.Server):
    """Leaves signals to whoever composes the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


class _Door:
    """One socket the application is served on."""

    def __init__(self, app: FastAPI, bound: socket, tls: ReloadedTls | None) -> None:
        self.url = url_of(bound, "http" if tls is None else "https")
        self.task: asyncio.Task[None] | None = None
        self._bound = bound
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="none",
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
                ssl_context_factory=None if tls is None else lambda _, __: tls.context,
            )
        )

    async def open(self) -> None:
        """Serve; requests are answered when this returns.

        Raises:
            CannotRun: the server does not start.
        """
        self.task = asyncio.create_task(self._server.serve(sockets=[self._bound]), name=f"serve {self.url}")
        while not self._server.started:
            if self.task.done():
                self.task.result()
                raise CannotRun("the recorder ended while it started; see its log")
            await asyncio.sleep(_STARTED_SECONDS)

    async def close(self) -> None:
        """Serve no longer, requests under way within `GRACE_SECONDS`."""
        self._server.should_exit = True
        if self.task is not None:
            await asyncio.wait((self.task,))
        self._bound.close()


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
            sink = OutboxAudit(self._rows, given.clock, sender=SENDER)
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
                    locator=given.locator,
                    clock=given.clock,
                    trusted_proxies=given.trusted_proxies,
                )
            )
        except StorageFault as fault:
            raise CannotRun(str(fault), EXIT_STATE_UNUSABLE) from fault
        self.recorder: Recorder = app.state.recorder
        self._tls = given.tls
        if given.tls is not None:
            self.recorder.metrics.add(given.tls)
        self._doors = [_Door(app, given.bound, given.tls)]
        if given.own is not None:
            self._doors.append(_Door(app, given.own, None))
        self.url, self.own_url = self._doors[0].url, self._doors[-1].url
        self._beside: list[asyncio.Task[None]] = []
        self._interpreter = Interpreter()

    async def start(self) -> None:
        """Serve; requests are answered when this returns.

        Raises:
            CannotRun: what was kept cannot be written, or the server does not start.
        """
        try:
            await self._destination.begin(self._delivery, self.recorder.supervisor)
            await self.recorder.media.start()
        except (OutboxUnavailable, StorageFault) as error:
            raise CannotRun(str(error), EXIT_STATE_UNUSABLE) from error
        self.keep("sweeper", self.recorder.sweeper.run)
        if self._tls is not None:
            self.keep("follow the certificates", self._tls.follow)
        for one in self._doors:
            await one.open()
        self._interpreter.start()

    def keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run it beside the requests, whatever happens in it, until `stop`."""
        self._beside.append(asyncio.create_task(self.recorder.supervisor.keep(name, run), name=name))

    async def ended(self) -> None:
        """Wait until it ends by itself, which it does not do unless something is wrong.

        Raises:
            CannotRun: it ended.
        """
        await asyncio.wait([one.task for one in self._doors if one.task is not None], return_when=FIRST_COMPLETED)
        raise CannotRun("the recorder ended by itself; see its log")

    async def stop(self) -> None:
        """End it, requests under way within `GRACE_SECONDS`."""
        self._interpreter.stop()
        await asyncio.gather(*(one.close() for one in self._doors))
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self.recorder.media.stop()
        await self.recorder.keeper.finish(GRACE_SECONDS)
        await self._destination.stop()
        await self._delivery.stop(GRACE_SECONDS)
        await self._rows.close()
