"""`callkeeper up`: the folder as a source, the embedded recorder, reconciling and audit, in one process and one loop.

The composition root. What happens when is here; what it means is in the rooms that are composed.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from callkeeper.audit.errors import TokenFileError
from callkeeper.audit.mask import NumberMask
from callkeeper.audit.store import AuditStore
from callkeeper.kinds.finding import ObjectKey
from callkeeper.kinds.terms import USERS_FILE
from callkeeper.local import git
from callkeeper.local.attribution import FolderAttribution, system_user
from callkeeper.local.audit_destination import StoreDestination, open_audit_store
from callkeeper.local.exits import (
    EXIT_NOT_IN_FORCE,
    EXIT_STATE_UNUSABLE,
    CannotRun,
)
from callkeeper.local.exposure import exposed_address, warning
from callkeeper.local.finding_news import FindingNews
from callkeeper.local.fleet import Fleet, needs_embedded
from callkeeper.local.folder import FolderContent, content_digest, last_saved, read_content
from callkeeper.local.given_users import GivenUsers
from callkeeper.local.listening import bind
from callkeeper.local.locating import FolderLocator
from callkeeper.local.log_keeping import keep_log_as
from callkeeper.local.page import settings_brief
from callkeeper.local.recorder_server import RecorderServer, ServerParts
from callkeeper.local.running import Running, forget_running, write_running
from callkeeper.local.state import StateFolder, separate_state_folder, unusable
from callkeeper.local.status_file import StatusFile, read_statuses
from callkeeper.local.telling import Started, Teller
from callkeeper.local.tls import ReloadedTls, TlsFiles
from callkeeper.local.tokens import LocalPrincipals, open_principals
from callkeeper.local.users import FolderUsers
from callkeeper.local.watching import changes
from callkeeper.reconcile.outcome import Outcome
from callkeeper.reconcile.reasons import Reason
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.clock import Clock, RehearsedClock, SystemClock
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.parts import Recorder
from callkeeper.recorder.principals import Principal

FIRST_SECONDS = 5.0
"""How long the first page waits for recorders elsewhere; the embedded one answers in milliseconds."""

_LOOPBACK = "127.0.0.1"
"""Where the reconciler and other commands of this machine reach a recorder that others reach with TLS."""

RECENT_SECONDS = 5.0
"""A file saved longer ago than this says nothing about how quickly the change came into force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line said.

    Attributes:
        folder: the settings folder, as it was named.
        state: another state folder than the usual one, or None.
        host: where the embedded recorder listens.
        port: likewise; 0 picks a free one.
        tls: certificates for it; None for plain HTTP.
        trusted_proxies: whose X-Forwarded-For is believed.
        clock_ahead: how far the embedded recorder's clock runs ahead, for trying out; None for the machine's.
        take_over: whether recorders may be taken from other owners.
        once: end as soon as the outcome is known.
    """

    folder: Path
    state: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8470
    tls: TlsFiles | None = None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    clock_ahead: timedelta | None = None
    take_over: bool = False
    once: bool = False


async def run(options: Options, make_teller: Callable[[FolderLocator], Teller]) -> int:
    """Run until a signal ends it.

    Returns:
        The exit code.

    Raises:
        CannotRun: it cannot start; carries the exit code.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    state_path = separate_state_folder(options.folder, options.state)
    async with AsyncExitStack() as stack:
        state = StateFolder.open(state_path)
        stack.callback(state.close)
        store = await open_audit_store(state, stack)
        locator = FolderLocator()
        up = Up(options=options, state=state, store=store, locator=locator, teller=make_teller(locator), stack=stack)
        await up.start()
        stack.callback(forget_running, state.path)
        if options.once:
            return 0 if up.all_in_force else EXIT_NOT_IN_FORCE
        await up.follow(stopping)
        up.teller.note("ended", "Ended. What is in force is kept; the next start goes on from it.")
    return 0


@dataclass(kw_only=True)
class Up:
    """Everything that runs.

    Attributes:
        options: what the command line said.
        state: the state folder, held.
        store: the audit store, open.
        locator: finds settings in files.
        teller: says what happens.
        stack: what is to be ended, in reverse order.
    """

    options: Options
    state: StateFolder
    store: AuditStore
    locator: FolderLocator
    teller: Teller
    stack: AsyncExitStack
    _news: FindingNews = field(init=False)
    _fleet: Fleet = field(init=False)
    _attribution: FolderAttribution = field(init=False)
    _mask: NumberMask = field(init=False)
    _status_file: StatusFile = field(init=False)
    _principals: LocalPrincipals = field(init=False)
    _embedded: RecorderServer | None = None
    _given: GivenUsers | None = None
    _content: FolderContent | None = None
    _outcomes: dict[ObjectKey, Outcome] = field(default_factory=dict)
    _failures: dict[ObjectKey, str] = field(default_factory=dict)
    _noticed: float | None = None
    _page_shown: bool = False
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def all_in_force(self) -> bool:
        """Whether every object of the folder is in force as it is now."""
        taken = self._content is not None and not self._content.broken
        return taken and bool(self._outcomes) and all(status.ready for status in self._fleet.statuses.values())

    async def start(self) -> None:
        """Read the folder in full, start what it takes, and bring it into force."""
        folder, path = self.options.folder, self.state.path
        content = await asyncio.to_thread(read_content, folder)
        bound = self._bind() if needs_embedded(content.readings) else None
        self._news = FindingNews(self.teller)
        self._mask = NumberMask(self.state.number_key())
        self._attribution = FolderAttribution(folder)
        self._status_file = StatusFile(path)
        try:
            email = await asyncio.to_thread(git.user_email, folder)
            self._principals = open_principals(path, email)
        except OSError as error:
            raise unusable(path, error) from error
        except TokenFileError as fault:
            raise CannotRun(str(fault), EXIT_STATE_UNUSABLE) from fault
        self._fleet = Fleet(
            folder=folder,
            state=path,
            owner=f"folder:{system_user()}@{socket.gethostname()}:{folder.resolve()}"[:256],
            audit=self.store,
            attribution=self._attribution,
            show=self._mask.mask_pattern,
            told=self._told,
            take_over=self.options.take_over,
            previous=read_statuses(path),
        )
        if bound is not None:
            await self._start_embedded(bound, content)
        self.stack.push_async_callback(self._fleet.stop)
        url = self._embedded.own_url if self._embedded else None
        try:
            write_running(path, Running(pid=os.getpid(), url=url, folder=str(folder.resolve())))
        except OSError as error:
            raise unusable(path, error) from error
        await self._take(content)
        await self._first_outcomes()
        self._page_shown = True
        self._say_findings()
        self.teller.started(self._started())

    async def follow(self, stopping: asyncio.Event) -> None:
        """Follow the folder until told to stop."""
        following = asyncio.create_task(self._follow(), name="follow the folder")
        stopped = asyncio.create_task(stopping.wait(), name="wait for the end")
        try:
            await asyncio.wait((following, stopped), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            for task in (following, stopped):
                task.cancel()
            await asyncio.gather(following, stopped, return_exceptions=True)

    async def _follow(self) -> None:
        folder = self.options.folder
        async for _ in changes(folder):
            if (failure := self._fleet.failed()) is not None:
                raise failure
            await self._look()

    async def _look(self) -> None:
        """Read the folder again, and take it where its contents changed."""
        folder = self.options.folder
        noticed = time.time()
        digest = await asyncio.to_thread(content_digest, folder)
        if self._content is not None and digest == self._content.digest:
            return
        saved = await asyncio.to_thread(last_saved, folder)
        self._noticed = saved if saved is not None and 0 <= noticed - saved < RECENT_SECONDS else noticed
        await self._take(await asyncio.to_thread(read_content, folder))

    async def _take(self, content: FolderContent) -> None:
        """Bring what the folder holds into force, as far as it can be taken."""
        self._content = content
        self._take_users(content)
        if not content.broken and content.manifests is not None:
            self.locator.loaded(content.manifests)
            self._attribution.loaded(content.manifests)
            if self._embedded is None and needs_embedded(content.readings):
                await self._start_embedded(self._bind(), content)
            await self._fleet.offer(content.readings)
        await self._tell_users()
        if self._page_shown and (content.broken or not self._fleet.recorders):
            self._say_findings()
        self._write_statuses()

    def _take_users(self, content: FolderContent) -> None:
        if self._given is not None and self._given.take(content.users) and (directory := content.users.directory):
            self.teller.note("users", f"{USERS_FILE}: {len(directory.users)} users are in force")

    async def _tell_users(self) -> None:
        if self._given is None:
            return
        failure = await self._given.tell()
        if failure is not None:
            self.teller.note("UsersNotAudited", f"{USERS_FILE} is in force, but not yet in the audit log: {failure}")

    def _bind(self) -> socket.socket:
        bound = bind(self.options.host, self.options.port)
        self.stack.callback(bound.close)
        if self.options.tls is None and (address := exposed_address(bound)) is not None:
            self.teller.note("PlainHttp", warning(address))
        return bound

    async def _start_embedded(self, bound: socket.socket, content: FolderContent) -> None:
        tls = own = None
        if self.options.tls is not None:
            tls, own = ReloadedTls(self.options.tls), bind(_LOOPBACK, 0)
            self.stack.callback(own.close)
        self._embedded = RecorderServer(
            ServerParts(
                state=self.state.path,
                bound=bound,
                principals=self._principals,
                mask=self._mask,
                audit=lambda rows, sender: StoreDestination(self.store, rows, sender),
                locator=self.locator,
                tls=tls,
                own=own,
                clock=self._clock(),
                trusted_proxies=self.options.trusted_proxies,
            )
        )
        await self._begin_users(self._embedded.recorder, content.users)
        await self._embedded.start()
        self.stack.push_async_callback(self._embedded.stop)
        self._fleet.embedded = self._embedded.own_url, self._principals.token

    async def _begin_users(self, recorder: Recorder, read: FolderUsers) -> None:
        """Bring users.csv into force before the recorder serves; where it is broken, the users from before."""
        self._given = GivenUsers(recorder, USERS_FILE, self._who_changed_users)
        self._given.take(read)
        if not read.findings:
            return
        try:
            await self._given.recall()
        except StorageFault as fault:
            raise CannotRun(str(fault), EXIT_STATE_UNUSABLE) from fault
        users = len(recorder.users.directory.users)
        self.teller.note("UsersFromBefore", f"{USERS_FILE} cannot be taken: the {users} users from before are in force")

    def _who_changed_users(self) -> tuple[Actor, dict[str, str]]:
        found = self._attribution.actor_of_file(self.options.folder / USERS_FILE)
        known = {"author": found.author, "commit": found.commit}
        actor = Actor(principal=Principal(id="up", email=found.email), ip_address=found.ip_address)
        return actor, {name: text for name, text in known.items() if text}

    def _clock(self) -> Clock:
        ahead = self.options.clock_ahead
        if ahead is None:
            return SystemClock()
        self.teller.note(
            "ClockAhead",
            f"The recorder's clock runs {ahead} ahead, for trying out: what expires by it is removed for good",
        )
        return RehearsedClock(ahead)

    async def _told(self, key: ObjectKey, outcome: Outcome) -> None:
        """A reconcile is over."""
        self._outcomes[key] = outcome
        self._arrived.set()
        if self._embedded is not None and (config := self._embedded.recorder.programming.config) is not None:
            await keep_log_as(self.store, config.audit)
        if not self._page_shown:
            return
        noticed, self._noticed = self._noticed, None
        milliseconds = (time.time() - noticed) * 1000 if noticed is not None else None
        if outcome.changes or outcome.reverted is not None:
            self.teller.in_force(outcome, key, milliseconds)
        self._say_failure(key, outcome)
        self._say_findings()
        self._write_statuses()

    def _say_failure(self, key: ObjectKey, outcome: Outcome) -> None:
        reason, message = outcome.failure or (Reason.SYNCED, "")
        if message == self._failures.get(key, ""):
            return
        self._failures[key] = message
        if message:
            self.teller.note(reason.value, f"{key.name}: {message}")
        else:
            self.teller.note(reason.value, f"{key.name}: runs what the files say again")

    def _say_findings(self) -> None:
        assert self._content is not None
        self._news.say(self._content, self._outcomes.values())

    def _write_statuses(self) -> None:
        try:
            self._status_file.write(self._fleet.statuses)
        except OSError as error:
            self.teller.note("status", f"status.json cannot be written: {error.strerror or error}; see its disk")

    async def _first_outcomes(self) -> None:
        """Wait until every recorder was reconciled once, but not for one that does not answer."""
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                while set(self._outcomes) < set(self._fleet.recorders):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            pass
        for key, outcome in self._outcomes.items():
            self._say_failure(key, outcome)
        self._write_statuses()

    def _started(self) -> Started:
        directory = self._content.users.directory if self._content is not None else None
        if self._embedded is not None and (users := self._embedded.recorder.users).given_by is not None:
            directory = users.directory
        pages = {}
        for key in self._fleet.recorders:
            outcome = self._outcomes.get(key)
            if outcome is not None and outcome.in_force is not None:
                show = self._mask.mask_pattern if self.teller.masks else str
                page = settings_brief(outcome.in_force, self.locator.place, show)
                pages[key] = (outcome.revision, page)
        recordable = sorted(user.id for user in directory.users.values() if user.recordable) if directory else []
        return Started(
            folder=self.options.folder,
            state=self.state.path,
            url=self._embedded.url if self._embedded else None,
            own_url=self._embedded.own_url if self._embedded else None,
            recorders=len(self._fleet.recorders),
            pages=pages,
            users=(len(directory.users), len(recordable)) if directory else None,
            sample=recordable[0] if recordable else None,
            stays=not self.options.once,
        )
