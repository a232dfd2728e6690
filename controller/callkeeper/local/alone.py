"""`callkeeper recorder serve`: a recorder alone, whose settings arrive over HTTP from whoever programs it.

The composition root of that process: state folder, audit log or collector, principals, users, server, signals.
"""

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import structlog

from callkeeper import __version__
from callkeeper.audit.errors import TokenFileError
from callkeeper.audit.mask import NumberMask
from callkeeper.local.audit_destination import MakeDestination, StoreDestination, open_audit_store
from callkeeper.local.collector import CollectorAddress, collector_destination
from callkeeper.local.exits import CannotRun
from callkeeper.local.exposure import exposed_address
from callkeeper.local.listening import bind
from callkeeper.local.recorder_server import RecorderServer, ServerParts
from callkeeper.local.state import StateFolder
from callkeeper.local.tls import ReloadedTls, TlsFiles
from callkeeper.local.users_file import UsersFile
from callkeeper.recorder.principals import TokenFile

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line said.

    Attributes:
        state: the state folder.
        host: where to listen.
        port: likewise; 0 picks a free one.
        tokens: the token file.
        users: a file that gives the users, or None when they are put over HTTP.
        collector: where audit rows go; None for an audit store in the state folder.
        trusted_proxies: whose X-Forwarded-For is believed.
        tls: certificates; None for plain HTTP.
    """

    state: Path
    host: str
    port: int
    tokens: Path
    users: Path | None = None
    collector: CollectorAddress | None = None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    tls: TlsFiles | None = None


async def run(options: Options) -> None:
    """Run until a signal ends it.

    Raises:
        CannotRun: it cannot start or go on; carries the exit code.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        state = StateFolder.open(options.state.expanduser().resolve())
        stack.callback(state.close)
        server = await _start(options, state, stack)
        log.info("recorder_started", url=server.url, version=__version__, **_in_force(server))
        await _until(stopping, server)
        log.info("recorder_ending")
    log.info("recorder_ended")


async def _start(options: Options, state: StateFolder, stack: AsyncExitStack) -> RecorderServer:
    bound = bind(options.host, options.port, "--listen")
    stack.callback(bound.close)
    tls = None if options.tls is None else ReloadedTls(options.tls)
    if tls is None and (address := exposed_address(bound)) is not None:
        log.warning("plain_http", address=address, advice="tokens and calls can be read on the network")
    try:
        principals = TokenFile(options.tokens, group_may_read=True)
    except TokenFileError as fault:
        raise CannotRun(str(fault)) from fault
    audit = await _audit(options.collector, state, stack)
    server = RecorderServer(
        ServerParts(
            state=state.path,
            bound=bound,
            principals=principals,
            mask=NumberMask(state.number_key()),
            audit=audit,
            trusted_proxies=options.trusted_proxies,
            tls=tls,
        )
    )
    users = None if options.users is None else await UsersFile.open(options.users, server.recorder)
    await server.start()
    stack.push_async_callback(server.stop)
    if users is not None:
        server.keep("follow the users file", users.follow)
    return server


async def _audit(collector: CollectorAddress | None, state: StateFolder, stack: AsyncExitStack) -> MakeDestination:
    if collector is not None:
        return collector_destination(collector, stack)
    store = await open_audit_store(state, stack)
    return lambda rows, sender: StoreDestination(store, rows, sender)


async def _until(stopping: asyncio.Event, server: RecorderServer) -> None:
    """Wait for the word to stop, or for what ends by itself."""
    stopped = asyncio.create_task(stopping.wait(), name="wait for the end")
    ended = asyncio.create_task(server.ended(), name="wait for the server's end")
    try:
        await asyncio.wait((stopped, ended), return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ended.result()
    finally:
        for task in (stopped, ended):
            task.cancel()
        await asyncio.gather(stopped, ended, return_exceptions=True)


def _in_force(server: RecorderServer) -> dict[str, object]:
    stored = server.recorder.programming.stored
    users = len(server.recorder.users.directory.users)
    if stored is None:
        return {"revision": None, "users": users}
    return {"revision": stored.pointer.revision, "owner": stored.pointer.owner, "users": users}
