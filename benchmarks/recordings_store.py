"""The recorder's store: commits and starts of segments with durable writes, pages and searches in a million recordings.

What is generated is plausible, not real: 1,000 users in 50 groups, 50,000 outside numbers, three years of calls.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, create_engine, text

from benchmarks.rows import Row
from callkeeper.kinds.terms import Mode
from callkeeper.policy.call import Call, Party
from callkeeper.policy.config import PolicySection, RecorderConfig
from callkeeper.policy.directory import Directory, Licence, User, line
from callkeeper.recorder.calls.arrival import Arrival
from callkeeper.recorder.calls.keeping import SegmentKeeper
from callkeeper.recorder.calls.ongoing import Calls
from callkeeper.recorder.clock import SystemClock
from callkeeper.recorder.interpreter import Interpreter
from callkeeper.recorder.store.instants import EPOCH
from callkeeper.recorder.store.search import EVERYTHING, Place, Search, Viewer
from callkeeper.recorder.store.sqlite import DATABASE, SqliteStore

USERS, GROUPS, NUMBERS = 1_000, 50, 50_000
EVERY_SECONDS = 95
"""Between two recordings: a million of them are three years."""

ASKED = 40
"""Pages of each kind; the second slowest of them is near the 97th percentile."""

FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
INSERT INTO {table} SELECT {columns} FROM n
"""
_AT = f"(1600000000 + i * {EVERY_SECONDS}) * 1000000"
_USER = f"'user-' || (i * 7919 % {USERS})"
_OUTSIDE = f"'+3902' || (i % {NUMBERS})"
TABLES = {
    "segments (number, id, native_id, conversation, kind, started, ended, latest, interrupted, config_revision, "
    "directory_revision, outcome, reason, state, why, recordings, call, decisions)": "i, printf('%032x', i), "
    "'n-' || i, "
    f"'c-' || (i / 2), 'peerToPeer', {_AT}, {_AT} + 60000000, {_AT} + 60000000, 0, 'r', 'd', 'record', 'AlwaysOn', "
    "'recorded', 'MediaComplete', 1, "
    f'\'{{{{"kind":"peerToPeer","calling":["+3902\' || (i % {NUMBERS}) || \'",null,"unknown"],'
    f'"called":["\' || (2000 + i * 7919 % {USERS}) || \'",null,"unknown"]}}}}\', \'[]\'',
    "recordings (key, id, segment, conversation, user, groups, cause, mode, whole_call, shared_line, kind, direction, "
    "scope, opened, closed, status, clock, restricted, stretches, content_type, bytes, duration, sha256, path, "
    "channels)"
    "": f"i << 20 | 1, printf('%032x', i) || '-1', i, 'c-' || (i / 2), {_USER}, '[]', 'automatic', "
    "CASE i % 10 WHEN 0 THEN 'OnDemand' ELSE 'AlwaysOn' END, 0, 0, "
    "CASE i % 50 WHEN 0 THEN 'meeting' ELSE 'peerToPeer' END, CASE i % 3 WHEN 0 THEN 'outbound' ELSE 'inbound' END, "
    f"'external', {_AT}, {_AT} + 60000000, 'complete', {_AT} + 60000000, 0, '[]', 'audio/wav', 480044, 60000000, "
    "printf('%064x', i), printf('%032x', i), '[]'",
    "recording_viewers": f"'u:' || {_USER}, {_AT}, i << 20 | 1",
    "recording_viewers ": f"'g:group-' || (i * 7919 % {GROUPS}), {_AT}, i << 20 | 1",
    "recording_parties": f"i << 20 | 1, 0, {_AT}, 'calling', {_OUTSIDE}, {_OUTSIDE}, NULL",
    "recording_parties ": f"i << 20 | 1, 1, {_AT}, 'called', '2' || (i * 7919 % {USERS}), '', {_USER}",
}


def run(quick: bool) -> list[Row]:
    """Commits, starts, pages and searches."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        return [
            *asyncio.run(_commits(folder / "commits", 1 if quick else 5)),
            *asyncio.run(_starts(folder / "starts", 1 if quick else 10)),
            *asyncio.run(_pages(folder / "pages", 20_000 if quick else 1_000_000)),
        ]


async def _commits(folder: Path, seconds: float) -> list[Row]:
    rows = []
    for tasks in (1, 64):
        store = SqliteStore.open(folder / str(tasks))
        done, end = [0], time.perf_counter() + seconds
        await asyncio.gather(*[_writes(store, done, end) for _ in range(tasks)])
        per_second = done[0] / seconds
        what = "audit events committed, one task" if tasks == 1 else f"audit events committed, {tasks} tasks waiting"
        rows.append(Row(what=what, figure=per_second, unit="1/s", peers={"commits": store.commits / seconds}))
        await store.close()
    return rows


async def _writes(store: SqliteStore, done: list[int], end: float) -> None:
    while time.perf_counter() < end:
        await store.write(lambda rows: rows.set_meta("n", "1"))
        done[0] += 1


async def _starts(folder: Path, seconds: int) -> list[Row]:
    people = [
        User(id=f"user-{n}", lines=(line(extension=str(2000 + n)),), licences=frozenset({Licence.CALL_RECORDING}))
        for n in range(USERS)
    ]
    store = SqliteStore.open(folder)
    keeper = SegmentKeeper(store)
    calls = Calls(
        programming=_Programmed(),  # type: ignore[arg-type]  # the two members that starting a segment looks at
        users=_Users(Directory.of(people)),  # type: ignore[arg-type]  # likewise
        clock=SystemClock(),
        keeper=keeper,
        last_number=0,
    )
    rate, latencies = 1_000, []

    async def one(number: int, due: float) -> None:
        parties = {
            "calling": Party(number=f"+3902{number % NUMBERS}"),
            "called": Party(number=str(2000 + number % USERS)),
        }
        calls.start(Arrival(call=Call(native_id=f"n-{number}", conversation=f"c-{number}", **parties)))
        await calls.kept()
        latencies.append(time.perf_counter() - due)

    interpreter = Interpreter()
    interpreter.start()
    begun, tasks = time.perf_counter(), set()
    for number in range(rate * seconds):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(number, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    took = time.perf_counter() - begun
    interpreter.stop()
    await store.close()
    latencies.sort()
    note = f"{rate * seconds / took:,.0f} starts/s reached, {store.commits / took:,.0f} commits/s"
    at = {"50": len(latencies) // 2, "99": len(latencies) * 99 // 100}
    return [
        Row(
            what=f"start decided and committed at {rate} starts/s, p{name}",
            figure=latencies[place] * 1000,
            unit="ms",
            bar="≤ 10" if name == "99" else None,
            note=note,
        )
        for name, place in at.items()
    ]


class _Programmed:
    config = RecorderConfig(policy=PolicySection(default_mode=Mode.ALWAYS_ON))


class _Users:
    def __init__(self, directory: Directory) -> None:
        self.directory = directory


async def _pages(folder: Path, count: int) -> list[Row]:
    SqliteStore.open(folder).close_now()
    engine = create_engine(f"sqlite:///{folder / DATABASE}")
    with engine.begin() as connection:
        fill(connection, count)
    engine.dispose()
    store = SqliteStore.open(folder)
    draw = random.Random(1)
    middle: Place = (EPOCH + timedelta(seconds=1600000000 + count // 2 * EVERY_SECONDS), count // 2 << 20)
    asked: dict[str, tuple[str, Callable[[], tuple[Search, Viewer, Place | None]]]] = {
        "latest page": ("≤ 50", lambda: (Search(), EVERYTHING, None)),
        "page in the middle": ("≤ 50", lambda: (Search(), EVERYTHING, middle)),
        "page of outbound meetings": ("≤ 50", lambda: (Search(kind="meeting", direction="outbound"), EVERYTHING, None)),
        "page nothing fits (status)": ("≤ 50", lambda: (Search(direction="unknown"), EVERYTHING, None)),
        "page of three groups": ("≤ 50", lambda: (Search(), _supervisor(draw), None)),
        "own page": ("≤ 50", lambda: (Search(), Viewer(user=_user(draw)), None)),
        "search by user": ("≤ 100", lambda: (Search(user=_user(draw)), EVERYTHING, None)),
        "search by party": ("≤ 100", lambda: (Search(number=f"+3902{draw.randrange(NUMBERS)}"), EVERYTHING, None)),
        "search by party, for three groups": (
            "≤ 100",
            lambda: (Search(number=f"+3902{draw.randrange(NUMBERS)}"), _supervisor(draw), None),
        ),
        "search by conversation": (
            "≤ 100",
            lambda: (Search(conversation=f"c-{draw.randrange(count // 2)}"), EVERYTHING, None),
        ),
    }
    rows = [await _asked(store, f"{what}, {count:,} recordings", bar, made) for what, (bar, made) in asked.items()]
    await store.close()
    return rows


async def _asked(
    store: SqliteStore, what: str, bar: str, made: Callable[[], tuple[Search, Viewer, Place | None]]
) -> Row:
    taken = []
    for _ in range(ASKED):
        search, viewer, after = made()
        begun = time.perf_counter()
        await store.read(lambda rows, s=search, v=viewer, a=after: rows.search(s, v, a, 100))
        taken.append((time.perf_counter() - begun) * 1000)
    taken.sort()
    return Row(what=what, figure=taken[-2], unit="ms", bar=bar, note=f"median {taken[ASKED // 2]:.1f} ms")


def fill(connection: Connection, count: int) -> None:
    """Fill an empty store with so many recordings."""
    connection.execute(text("PRAGMA synchronous=OFF"))
    for table, columns in TABLES.items():
        statement = FILL.format(table=table, columns=columns.replace("{{", "{").replace("}}", "}"))
        connection.exec_driver_sql(statement.replace(":count", str(count)))


def _user(draw: random.Random) -> str:
    return f"user-{draw.randrange(USERS)}"


def _supervisor(draw: random.Random) -> Viewer:
    return Viewer(groups=frozenset(f"group-{draw.randrange(GROUPS)}" for _ in range(3)))
