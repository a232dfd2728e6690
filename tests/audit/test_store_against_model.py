"""Whatever happens in whatever order, the store holds each acknowledged event once, in order, and can prove it."""

import asyncio
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.making import NOON, Clock, event, identifiers, read_csv

from callkeeper.audit.checkpoints import list_checkpoints
from callkeeper.audit.export import export_range
from callkeeper.audit.layout import list_store
from callkeeper.audit.log_settings import LogSettings
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verify import verify

# A batch: (sender, how many numbers further than its last, so 0 and less are repeats, seconds around the clock's noon).
BATCHES = st.lists(st.tuples(st.integers(0, 2), st.integers(-2, 2), st.integers(-90_000, 60)), min_size=1, max_size=5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), BATCHES),
        st.tuples(st.just("reopen"), st.none()),
        st.tuples(st.just("crash"), st.integers(0, 400)),
        st.tuples(st.just("pack"), st.none()),
        st.tuples(st.just("sign"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([-3_600, 3_600, 86_400])),
    ),
    min_size=1,
    max_size=14,
)


class Run:
    """A store and the simple model it is held against: the events acknowledged, by sender."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.last: dict[str, int] = {}
        self.acknowledged: dict[str, set[int]] = {}
        self.store = self.opened()

    def opened(self) -> AuditStore:
        store = AuditStore.open(self.folder, now=self.clock)
        assert store.recovery.damaged == ()
        store._files.journal.rotate_at(600)
        return store

    async def step(self, what: str, value: object) -> None:
        match what:
            case "append":
                await self.append(value)
            case "reopen":
                await self.store.close()
                self.store = self.opened()
            case "crash":
                await self.crash(value)
            case "pack":
                await self.store.apply(LogSettings(compress_closed=True))
                self.store._files.journal.rotate_at(600)
                await self.store.maintain()
            case "sign":
                await self.store.checkpoint()
            case _:
                self.clock.at += timedelta(seconds=value)

    async def append(self, batch: list[tuple[int, int, int]]) -> None:
        events = []
        for sender, further, seconds in batch:
            name = f"s{sender}"
            number = max(1, self.last.get(name, 0) + further)
            events.append(event(number, sender=name, at=self.clock.at + timedelta(seconds=seconds)))
            if number > self.last.get(name, 0):
                self.last[name] = number
                self.acknowledged.setdefault(name, set()).add(number)
        await self.store.append(events)

    async def crash(self, lost: int) -> None:
        """The process ends at once, and the side file loses what was not synced; then a write that was torn."""
        await self.store.close()
        names = sorted(self.folder.glob("*.commits"))
        newest = list_store(self.folder).newest
        if names and newest is not None and not list_checkpoints(self.folder)[-1:]:
            lines = names[-1].read_bytes()
            names[-1].write_bytes(lines[: max(len(lines.splitlines(keepends=True)[0]), len(lines) - lost)])
        if newest is not None and (self.folder / str(newest)).exists():
            with (self.folder / str(newest)).open("ab") as file:
                file.write(b"2026-1")
        self.store = self.opened()

    async def check(self) -> None:
        await self.store.close()
        found = verify(self.folder, against=list_checkpoints(self.folder))
        assert found.sound, [str(problem) for problem in found.problems]
        rows = b"".join(export_range(self.folder, NOON - timedelta(days=60), NOON + timedelta(days=60)))
        dates = [row[0] for row in read_csv(rows)[1:]]
        assert dates == sorted(dates)
        expected = sorted(f"{name}:{number}" for name, numbers in self.acknowledged.items() for number in numbers)
        assert sorted(identifiers([rows])) == expected
        async with AuditStore.open(self.folder, now=self.clock) as store:
            assert {name: store.mark(name) for name in self.last} == self.last


def run(steps: list[tuple[str, object]]) -> None:
    async def all_steps() -> None:
        with tempfile.TemporaryDirectory() as name:
            model = Run(Path(name) / "audit")
            for what, value in steps:
                await model.step(what, value)
            await model.check()

    asyncio.run(all_steps())


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_each_acknowledged_event_is_there_once_in_order_and_proven(steps):
    run(steps)


@pytest.mark.faults
@settings(max_examples=1_000, deadline=None)
@given(STEPS)
def test_each_acknowledged_event_is_there_once_in_order_and_proven_over_many_histories(steps):
    run(steps)


async def fill(folder: Path) -> None:
    """Every kind of file there is."""
    clock = Clock()
    async with AuditStore.open(folder, now=clock) as store:
        for day in range(5):
            clock.at = NOON + timedelta(days=day)
            base = day * 10
            await store.append([event(base + 1, at=clock.at), event(base + 2, at=clock.at + timedelta(seconds=9))])
            await store.append([event(base + 3, at=clock.at - timedelta(seconds=9))])
        await store.apply(LogSettings(retention="2d", compress_closed=True))
        await store.maintain()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [Path.unlink, cut, flip, lambda path: path.write_bytes(b"")])
async def test_no_damage_to_any_file_keeps_the_store_from_taking_rows(tmp_path, damage: Callable[[Path], object]):
    await fill(tmp_path)
    originals = {path: path.read_bytes() for path in tmp_path.iterdir() if path.name != "lock"}
    late = NOON + timedelta(days=4, seconds=30)
    for path in originals:
        damage(path)
        proves = path.name.startswith("audit-") or path.name == "checkpoints"
        if proves and path.name != "checkpoints":
            assert not verify(tmp_path).sound, path.name
        async with AuditStore.open(tmp_path, now=Clock(late)) as store:
            await store.append([event(100, at=late), event(101, at=late - timedelta(days=3))])
            assert store.mark("recorder") == 101
        assert any(b'""recorder:101""' in file.read_bytes() for file in tmp_path.glob("*.csv")), path.name
        for other in tmp_path.iterdir():
            if other not in originals and other.name != "lock":
                other.unlink()
        for other, data in originals.items():
            other.write_bytes(data)
