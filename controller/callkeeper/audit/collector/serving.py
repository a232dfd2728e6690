"""The collector as a process: the folder, the principals, a socket, and uvicorn on it, until it is told to stop."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from ssl import SSLContext
from typing import Literal

import structlog
import uvicorn
from prometheus_client.registry import Collector

from callkeeper import __version__
from callkeeper.audit.collector.app import create_app
from callkeeper.audit.collector.logs import Logs
from callkeeper.audit.collector.principals import TokenFile
from callkeeper.audit.errors import StoreUnavailable
from callkeeper.audit.folder_lock import hold
from callkeeper.audit.peer_address import Network
from callkeeper.audit.store import utc_now

log = structlog.get_logger()

GRACE_SECONDS = 5
"""How long requests under way are waited for at the end: a batch takes milliseconds, a download is resumed."""

IDLE_SECONDS = 75
"""How long a connection without a request is kept: senders come every few seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a collector runs.

    Attributes:
        folder: holds a folder a namespace, in it one a recorder.
        tokens: the token file.
        bound: where to listen.
        tls: what connections begin with; None for plain HTTP.
        shown: further metrics.
        signing_key: signs the checkpoints of every log; by default each has a key in its own folder.
        trusted_proxies: whose X-Forwarded-For is believed.
        protocol: HTTP on a connection; the server's own has no bound on the head of a request.
    """

    folder: Path
    tokens: Path
    bound: socket
    tls: SSLContext | None = None
    shown: tuple[Collector, ...] = ()
    signing_key: Path | None = None
    trusted_proxies: tuple[Network, ...] = ()
    protocol: type[asyncio.Protocol] | Literal["httptools"] = "httptools"


class _Server(uvicorn.Server):
    """Leaves signals to whoever composes the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


async def serve_collector(
    options: Options, stopping: asyncio.Event, *, started: Callable[[], None] = lambda: None
) -> None:
    """Serve until told to stop; everything acknowledged is on disk then, and nobody holds the folder.

    Raises:
        TokenFileError: the principals cannot be read.
        StoreBusy: another collector has the folder.
        StoreUnavailable: it cannot be made.
    """
    principals = TokenFile(options.tokens)
    with _held(options.folder):
        logs = Logs(options.folder, now=utc_now, signing_key=options.signing_key)
        tls = options.tls
        app = create_app(logs, principals, shown=options.shown, trusted_proxies=options.trusted_proxies)
        server = _Server(
            uvicorn.Config(
                app,
                loop="none",
                http=options.protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                ssl_context_factory=None if tls is None else lambda _, __: tls,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[options.bound]), name="collector")
        opening = asyncio.create_task(logs.open_all(), name="open the logs")
        told = asyncio.create_task(stopping.wait(), name="stopping")
        try:
            while not server.started and not serving.done():  # noqa: ASYNC110 - the server tells it by an attribute only
                await asyncio.sleep(0.002)
            host, port = options.bound.getsockname()[:2]
            log.info("collector_started", host=host, port=port, folder=str(options.folder), version=__version__)
            started()
            await asyncio.wait((serving, told), return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            await serving
        finally:
            told.cancel()
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            await app.state.exports.close()
            await logs.close()
            log.info("collector_ended", folder=str(options.folder))


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Be the only collector of the folder."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = hold(folder, "a collector")
    except OSError as error:
        raise StoreUnavailable(f"the folder {folder} cannot be used: {error.strerror or error}") from error
    try:
        yield
    finally:
        os.close(lock)
