"""Call start to decision over HTTP, with durable writes: 1,000 calls start each second, answered or not.

The recorder runs in a process of its own, with everything `callkeeper up` has. This process sends, on connections that
are kept. Calls start at random instants (a Poisson process), and each is counted from the instant at which it was due:
what waits because others are slow, here or there, counts. The timer of the event loop has steps of a millisecond, which
are in the figures as well; how late this process itself was is told beside them.
"""

import asyncio
import gc
import json
import os
import random
import tempfile
from collections import deque
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.decision import config_of
from benchmarks.pattern_lists import SEED, numbers_for, real_patterns
from benchmarks.rows import Row
from benchmarks.served_recorder import USERS, Served, served
from callkeeper.policy.config_json import to_json

RATE = 1_000
PATTERNS = 10_000
CONNECTIONS = 64
LASTS_SECONDS = 3.0
"""How long a call lasts where calls end as well: 3,000 are open at once."""

WARM_SECONDS = 2


def run(quick: bool) -> list[Row]:
    """Latencies of starts alone, and of starts while as many calls end."""
    seconds = 3 if quick else 20
    rows = []
    for what, lasts in (("call start to decision", None), ("the same while as many calls end", LASTS_SECONDS)):
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name, served(Path(name)) as recorder:
            rows.extend(uvloop.run(_measure(recorder, seconds, what, lasts)))
    return rows


async def _measure(recorder: Served, seconds: int, what: str, lasts: float | None) -> list[Row]:
    load = _Load(recorder, lasts)
    await load.start()
    await load.offer(WARM_SECONDS)
    load.forget()
    before, cpu = os.getloadavg()[0], recorder.cpu_seconds()
    took = await load.offer(seconds)
    share = (recorder.cpu_seconds() - cpu) / took
    load.close()
    starts, sent = sorted(load.starts), sorted(load.sent_late)
    kept = f"{len(starts) / took:,.0f} answered/s, load of the machine {before:.1f}"
    rows = [
        Row(
            what=f"{what}, {RATE:,} calls/s over HTTP, p{share_}",
            figure=_at(starts, share_),
            unit="ms",
            bar="≤ 10" if share_ == 99 else None,
            note=f"{kept}; sent after {_at(sent, share_):.1f}"
            if share_ == 99
            else f"sent after {_at(sent, share_):.1f}",
        )
        for share_ in (50, 99, 99.9)
    ]
    rows.append(Row(what=f"{what}: processor time of the recorder", figure=share * 100, unit="% of a core"))
    return rows


def _at(sorted_values: list[float], percent: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * percent / 100))] * 1000


class _Load:
    """Offers calls, and notes when they were answered."""

    def __init__(self, recorder: Served, lasts: float | None) -> None:
        self._recorder = recorder
        self._lasts = lasts
        self._loop = asyncio.get_running_loop()
        # Each in turn, so that none is quiet for the five seconds after which the recorder closes it.
        self._idle: deque[_Connection] = deque()
        self._all: list[_Connection] = []
        self._waiting: deque[_Request] = deque()
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._number = 0
        self._draw = random.Random(SEED)
        self._heads = {role: f"Authorization: Bearer {token}" for role, token in recorder.tokens.items()}
        self._callers = numbers_for(real_patterns(PATTERNS), 5_000)
        self._endings: list[asyncio.TimerHandle] = []
        self.starts: list[float] = []
        self.sent_late: list[float] = []

    async def start(self) -> None:
        """Connect, and put settings in force: always on, 10,000 patterns."""
        for _ in range(CONNECTIONS):
            _, connection = await self._loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self._recorder.port
            )
            self._all.append(connection)
        self._idle.extend(self._all)
        config = {"owner": "folder:x", "epoch": 1, "config": to_json(config_of(real_patterns(PATTERNS)))}
        self.ask(self._request("PUT", "/v1/config", "settings", json.dumps(config).encode(), "If-None-Match: *\r\n"))
        await self.settled()

    async def offer(self, seconds: float) -> float:
        """Start calls for so long; the seconds it took until all were answered."""
        # Made beforehand: while it is measured, this process leaves the processors to the recorder.
        after, offsets = 0.0, []
        while (after := after + self._draw.expovariate(RATE)) < seconds:
            offsets.append(after)
        requests = [self._start_of(offset) for offset in offsets]
        # Nor does it look for garbage among them, which would be taken for the recorder's slowness.
        gc.collect()
        gc.disable()
        begun = self._loop.time()
        for request in requests:
            assert request.due is not None
            request.due += begun
            if request.due > self._loop.time():
                await asyncio.sleep(request.due - self._loop.time())
            self.ask(request)
        await self.settled()
        took = self._loop.time() - begun
        gc.enable()
        return took

    def _start_of(self, due: float | None) -> "_Request":
        self._number += 1
        name = f"call-{self._number}"
        call = {
            "nativeId": name,
            "conversation": name,
            "kind": "peerToPeer",
            "calling": {"number": self._draw.choice(self._callers)},
            "called": {"number": str(2000 + self._draw.randrange(USERS)), "identity": "user"},
        }
        return self._request("POST", "/v1/calls", "ingest", json.dumps(call).encode(), due=due)

    def _request(
        self, method: str, path: str, role: str, body: bytes, extra: str = "", *, due: float | None = None
    ) -> "_Request":
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\n{self._heads[role]}\r\nContent-Type: application/json\r\n"
            f"{extra}Content-Length: {len(body)}\r\n\r\n"
        )
        return _Request(head.encode() + body, due)

    def forget(self) -> None:
        """Drop what was measured so far."""
        self.starts, self.sent_late = [], []

    async def settled(self) -> None:
        """Wait until everything asked is answered."""
        while self._under_way:
            self._quiet.clear()
            await self._quiet.wait()

    def ask(self, request: "_Request") -> None:
        """Send it, or have it wait for a connection."""
        self._under_way += 1
        if self._idle:
            self._send(self._idle.popleft(), request)
        else:
            self._waiting.append(request)

    def _send(self, connection: "_Connection", request: "_Request") -> None:
        if request.due is not None:
            self.sent_late.append(self._loop.time() - request.due)
        connection.send(request)

    def answered(self, connection: "_Connection", request: "_Request", status: int, body: bytes) -> None:
        """An answer has come."""
        if status >= 400:
            raise RuntimeError(f"{status}: {body.decode()}")
        self._under_way -= 1
        if request.due is not None:
            self.starts.append(self._loop.time() - request.due)
            if self._lasts is not None:
                segment = json.loads(body)["segment"]
                ending = self._request("POST", f"/v1/calls/{segment}:end", "ingest", b"")
                self._endings.append(self._loop.call_later(self._lasts, self.ask, ending))
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)
        if not self._under_way:
            self._quiet.set()

    def close(self) -> None:
        """Let go of the connections; calls that would end later do not."""
        for ending in self._endings:
            ending.cancel()
        for connection in self._all:
            connection.close()


class _Request:
    """What is sent, and when it was due; None for what is not measured."""

    __slots__ = ("due", "text")

    def __init__(self, text: bytes, due: float | None) -> None:
        self.text, self.due = text, due


class _Connection(asyncio.Protocol):
    """One request at a time; answers have a length."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._request: _Request | None = None
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: _Request) -> None:
        """Send a request; the one before was answered."""
        assert self._transport is not None
        self._request = request
        self._transport.write(request.text)

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return
        length = next(int(one[15:]) for one in head.split(b"\r\n") if one.lower().startswith(b"content-length:"))
        if len(body) < length:
            return
        self._got = b""
        assert self._request is not None
        self._load.answered(self, self._request, int(head[9:12]), body)

    def close(self) -> None:
        """Let go."""
        if self._transport is not None:
            self._transport.close()
