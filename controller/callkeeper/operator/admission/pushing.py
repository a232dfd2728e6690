"""Notes on their way to the operator: to every replica, in a bounded queue each, tried again until they are taken.

An operator is named by a URL. A host name stands for all its addresses (a headless Service), looked up again and again;
each replica has its own queue, so that one that is away holds up no other. One that is new, or was started again under
another address, begins with the notes of the last minutes; notes that it has it leaves.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from ipaddress import ip_address

import aiohttp
import structlog
from yarl import URL

from callkeeper.operator.attribution.note import MAX_NOTES_A_BODY, Note, body_of

MAX_QUEUED_NOTES = 5_000
"""Waiting for one replica; the oldest go. A replica that was away that long has them from its listing without a who."""

PUSH_SECONDS = 3.0
"""The longest one push may take: the operator only keeps them in memory."""

TAKEN_SECONDS = 8.0
"""How long an audit batch waits until a replica has taken it; the API server waits 30 s and sends it again."""

LOOK_UP_SECONDS = 5.0
"""Between looks for the addresses of a host name: so long after its start a replica may be without notes."""

GONE_SECONDS = 60.0
"""An address that is not among them any more keeps its queue that long."""

RECENT_SECONDS = 600.0
"""A replica that is new gets the notes of so long: one that was started again has forgotten them."""

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.1, 5.0

_log = structlog.get_logger()


@dataclass(slots=True)
class _Waiting:
    """Notes and, for who waits for them, the answer."""

    note: Note
    taken: asyncio.Future[None] | None = None


@dataclass(slots=True, kw_only=True)
class _Replica:
    """One operator replica."""

    url: URL
    server_name: str | None
    seen_at: float
    queue: deque[_Waiting] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    failing: bool = False


class NotePusher:
    """Pushes notes. Run `run`; what is pushed before waits."""

    def __init__(
        self,
        urls: Sequence[str],
        token: Callable[[], str | None],
        *,
        tls: ssl.SSLContext | None = None,
        most: int = MAX_QUEUED_NOTES,
        look_up_seconds: float = LOOK_UP_SECONDS,
    ) -> None:
        """Prepare.

        Args:
            urls: base URLs of operators.
            token: the bearer token as it is now, or None.
            tls: whom to trust for https.
            most: notes waiting for one replica.
            look_up_seconds: between looks for addresses.
        """
        self._urls = [URL(url) for url in urls]
        self._token = token
        self._tls = tls
        self._most = most
        self._look_up_seconds = look_up_seconds
        self._replicas: dict[tuple[URL, str], _Replica] = {}
        self._recent: deque[tuple[float, Note]] = deque(maxlen=most)
        self._looked = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self.pushed = 0
        self.dropped = 0
        self.failures = 0

    @property
    def queued(self) -> int:
        """Notes waiting for the replica that lags most."""
        return max((len(one.queue) for one in self._replicas.values()), default=0)

    @property
    def reachable(self) -> int:
        """Replicas that took the last push, or were not tried yet."""
        return sum(not one.failing for one in self._replicas.values())

    async def run(self) -> None:
        """Look for replicas and push, until cancelled."""
        connector = aiohttp.TCPConnector(limit=16, ssl=self._tls if self._tls is not None else True)
        timeout = aiohttp.ClientTimeout(total=PUSH_SECONDS, sock_connect=PUSH_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            try:
                while True:
                    await self._look_up()
                    self._looked.set()
                    await asyncio.sleep(self._look_up_seconds)
            finally:
                tasks = [one.task for one in self._replicas.values() if one.task is not None]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def push(self, notes: Iterable[Note]) -> None:
        """Have notes sent to every replica, without waiting."""
        for note in notes:
            self._remember(note)
            for replica in self._replicas.values():
                self._put(replica, _Waiting(note))

    async def deliver(self, notes: Sequence[Note]) -> bool:
        """Have notes sent to every replica; True as soon as one has taken all of them, False if none does in time."""
        if not notes:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(TAKEN_SECONDS):
                await self._looked.wait()
                for note in notes:
                    self._remember(note)
                waits = [self._awaited(replica, notes) for replica in self._replicas.values()]
                for first in asyncio.as_completed(waits):
                    with suppress(_Dropped):
                        await first
                        return True
        return False

    def _remember(self, note: Note) -> None:
        self._recent.append((asyncio.get_running_loop().time(), note))

    def _remind(self, replica: _Replica) -> None:
        """Give a replica what it may have forgotten, or never knew."""
        now = asyncio.get_running_loop().time()
        replica.queue.extend(_Waiting(note) for at, note in self._recent if now - at < RECENT_SECONDS)

    async def _awaited(self, replica: _Replica, notes: Sequence[Note]) -> None:
        loop = asyncio.get_running_loop()
        taken = [loop.create_future() for _ in notes]
        for note, future in zip(notes, taken, strict=True):
            self._put(replica, _Waiting(note, future))
        await asyncio.gather(*taken)

    def _put(self, replica: _Replica, waiting: _Waiting) -> None:
        if len(replica.queue) >= self._most:
            old = replica.queue.popleft()
            self.dropped += 1
            if old.taken is not None and not old.taken.done():
                old.taken.set_exception(_Dropped())
        replica.queue.append(waiting)
        replica.wake.set()

    async def _look_up(self) -> None:
        loop = asyncio.get_running_loop()
        for url in self._urls:
            for address in await _addresses(url):
                replica = self._replicas.get((url, address))
                if replica is None:
                    name = None if address == url.host else url.host
                    replica = _Replica(url=url.with_host(address), server_name=name, seen_at=loop.time())
                    self._remind(replica)
                    replica.task = asyncio.create_task(self._serve(replica), name=f"push {address}")
                    self._replicas[(url, address)] = replica
                replica.seen_at = loop.time()
        for key, replica in list(self._replicas.items()):
            if loop.time() - replica.seen_at > GONE_SECONDS and replica.task is not None:
                replica.task.cancel()
                del self._replicas[key]

    async def _serve(self, replica: _Replica) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            if not replica.queue:
                replica.wake.clear()
                await replica.wake.wait()
            batch = [replica.queue[place] for place in range(min(len(replica.queue), MAX_NOTES_A_BODY))]
            was_away = replica.failing
            if await self._send(replica, [one.note for one in batch]):
                pause = FIRST_PAUSE_SECONDS
                self.pushed += len(batch)
                self._done(replica, batch)
                if was_away:
                    self._remind(replica)
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_PAUSE_SECONDS)

    @staticmethod
    def _done(replica: _Replica, batch: list[_Waiting]) -> None:
        sent = {id(one) for one in batch}
        while replica.queue and id(replica.queue[0]) in sent:
            replica.queue.popleft()
        for one in batch:
            if one.taken is not None and not one.taken.done():
                one.taken.set_result(None)

    async def _send(self, replica: _Replica, notes: list[Note]) -> bool:
        assert self._session is not None
        token = self._token()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            async with self._session.post(
                replica.url / "v1" / "changes",
                data=BytesIO(body_of(notes)),
                headers=headers,
                allow_redirects=False,
                server_hostname=replica.server_name if replica.url.scheme == "https" else None,
            ) as response:
                await response.content.read(64 * 1024)
                problem = "" if response.ok else f"it answers {response.status}"
        except TimeoutError:
            problem = f"no answer within {PUSH_SECONDS:g} s"
        except (aiohttp.ClientError, OSError) as error:
            problem = getattr(error, "strerror", None) or type(error).__name__
        if problem:
            self.failures += 1
            if not replica.failing:
                _log.warning("notes.not-taken", operator=str(replica.url), problem=problem)
        elif replica.failing:
            _log.info("notes.taken-again", operator=str(replica.url))
        replica.failing = bool(problem)
        return not problem


class _Dropped(Exception):  # noqa: N818 - what happened
    """A note that somebody waited for went because there were too many."""


async def _addresses(url: URL) -> list[str]:
    """The addresses of a URL's host; none where it cannot be looked up now."""
    host = url.host or ""
    with suppress(ValueError):
        return [str(ip_address(host))]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, url.port, type=1)
    except OSError as error:
        _log.warning("notes.no-address", operator=str(url), problem=error.strerror)
        return []
    return sorted({str(one[4][0]) for one in found})
