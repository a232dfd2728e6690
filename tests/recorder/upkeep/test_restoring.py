import asyncio
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from tests.recorder.store.making import ended, erasure, event, hold, later, segment, tombstone
from tests.recorder.upkeep.kept_state import Kept

from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.audit.layout import SIGNING_KEY
from callkeeper.audit.outbox import OutboxSender
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verify import verify
from callkeeper.local.audit_destination import StoreDestination
from callkeeper.policy.directory import Directory, User
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.outbox_audit import StoreOutbox
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.store.looking import SqliteCopy, SqliteLook
from callkeeper.recorder.store.migrating import downgrade
from callkeeper.recorder.store.port import Reading, Writing
from callkeeper.recorder.store.recording import key_of
from callkeeper.recorder.store.search import EVERYTHING, Search
from callkeeper.recorder.store.sqlite import SqliteStore
from callkeeper.recorder.upkeep.backup import STATE, back_up
from callkeeper.recorder.upkeep.checking import check
from callkeeper.recorder.upkeep.restoring import Restored, restore
from callkeeper.tasks.supervising import Supervisor


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "old")


@pytest.fixture
def backup(kept: Kept, tmp_path: Path) -> Path:
    back_up(kept.state, tmp_path / "backup", now=later(0))
    return tmp_path / "backup"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


ANN = Actor(principal=Principal(id="ann", email="ann@example.com"), ip_address="127.0.0.1")


def write(state: Path, unit) -> None:
    async def run() -> None:
        store = SqliteStore.open(state / "recorder/store")
        await store.write(unit)
        await store.close()

    asyncio.run(run())


def read(state: Path, query):
    look = SqliteLook.open(state / "recorder/store")
    try:
        return look.read(query)
    finally:
        look.close()


def there(state: Path) -> set[str]:
    """The recordings that can be seen; rows and media agree."""
    look = SqliteLook.open(state / "recorder/store")
    assert list(check(look, state / "recorder/media", running=False)) == []
    look.close()
    return {one.id for one in read(state, lambda rows: rows.search(Search(), EVERYTHING, None, 100))}


def kept_one(rows: Reading, number: int):
    found = rows.recording(f"segment{number}-1", EVERYTHING)
    assert found is not None
    return found


ALL = {"segment1-1", "segment2-1", "segment3-1", "segment4-1"}


def test_what_was_backed_up_is_restored_to_the_byte(kept: Kept, backup: Path, state: Path) -> None:
    state.mkdir()
    assert restore(backup, state, replay=None, now=later(500), actor=ANN) == Restored(taken=later(0))
    assert there(state) == ALL
    assert (state / "key").read_bytes() == b"k" * 32
    assert {path.name for path in state.parent.iterdir()} == {"old", "backup", "state"}


def test_what_happened_since_is_replayed_from_the_store_that_is_replaced(kept: Kept, backup: Path, state: Path) -> None:
    def since(rows: Writing) -> None:
        rows.bury(tombstone(kept_one(rows, 1)))
        rows.add_hold(hold("hold-1", "c-2"))
        rows.add_hold(hold("hold-2", "c-3"))
        rows.release_hold("hold-2", by="ada", at=later(400))
        rows.add_erasure(erasure("segment2-1"))
        rows.grow_minimum(key_of(3, 1), later(90_000))
        rows.save_segments((ended(segment(9)),))
        rows.bury(tombstone(kept_one(rows, 9)))
        rows.add_event(event(1))

    write(kept.state, since)
    done = restore(backup, state, replay=kept.state, now=later(500), actor=ANN)
    assert done.replayed is not None
    assert (done.replayed.removals, done.replayed.holds, done.replayed.erasures) == (2, 2, 1)
    assert there(state) == ALL - {"segment1-1"}
    assert not list((state / "recorder/media").rglob("segment1-1.*"))

    def query(rows: Reading):
        assert rows.tombstone("segment1-1") is not None
        assert rows.tombstone("segment9-1") is not None
        second, third = kept_one(rows, 2), kept_one(rows, 3)
        assert (second.held, second.restricted, third.held, third.minimum_until) == (True, True, False, later(90_000))
        told = [(number, one.action) for number, one in rows.undelivered(10)]
        assert told == [(1, event(1).action), (2, Action.RESTORE_RECORDINGS)]

    read(state, query)


def test_what_is_not_readable_any_more_is_replayed_from_its_audit_log(kept: Kept, backup: Path, state: Path) -> None:
    rows = [
        (Action.DELETE_RECORDING, {"recording": "segment1-1", "revision": "r"}),
        (Action.EXPIRE_RECORDING, {"recording": "segment2-1", "revision": "r", "rule": "RetentionRule/v/r 90d"}),
        (Action.PLACE_HOLD, {"conversation": "c-3", "hold": "h-1", "reason": 'a claim, "urgent"'}),
        (Action.PLACE_HOLD, {"conversation": "c-4", "hold": "h-2", "reason": "x"}),
        (Action.RELEASE_HOLD, {"conversation": "c-4", "hold": "h-2"}),
        (Action.REQUEST_ERASURE, {"recording": "segment3-1", "reason": "asked"}),
        (Action.ADD_NOTE, {"recording": "segment4-1"}),
    ]  # fmt: skip

    async def log() -> None:
        async with AuditStore.open(kept.state / "audit", now=lambda: later(9_000)) as store:
            for number, (action, details) in enumerate(rows, start=1):
                made = AuditEvent(
                    sender="recorder", sequence=number, at=later(5_000 + number), email="ada@example.com",
                    ip_address="", app_name="callkeeper", action=action, details=details,
                )  # fmt: skip
                await store.append((made,))

    asyncio.run(log())
    (kept.store_folder / "recordings.db").write_bytes(b"garbage" * 1000)
    done = restore(backup, state, replay=kept.state, now=later(500), actor=ANN)
    assert done.replayed is not None
    assert (done.replayed.removals, done.replayed.holds, done.replayed.erasures) == (2, 3, 1)
    assert there(state) == {"segment3-1", "segment4-1"}

    def query(rows: Reading) -> None:
        buried = rows.tombstone("segment2-1")
        assert buried is not None
        assert (buried.why, buried.rule, buried.removed) == ("expired", "RetentionRule/v/r 90d", later(5_002))
        third, fourth = kept_one(rows, 3), kept_one(rows, 4)
        assert (third.held, third.restricted, fourth.held) == (True, True, False)

    read(state, query)
    # The log goes on where it was.
    assert (state / "audit/audit-2026-03-01.csv").read_bytes() == (
        kept.state / "audit/audit-2026-03-01.csv"
    ).read_bytes()


def test_where_nothing_can_be_replayed_nothing_is_restored(backup: Path, state: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(StorageFault, match="nothing to replay"):
        restore(backup, state, replay=tmp_path / "nothing", now=later(500), actor=ANN)
    assert {path.name for path in tmp_path.iterdir()} == {"old", "backup", "nothing"}


def test_a_state_that_is_not_empty_is_refused_and_stays(kept: Kept, backup: Path) -> None:
    with pytest.raises(StorageFault, match="is not empty"):
        restore(backup, kept.state, replay=None, now=later(500), actor=ANN)
    assert there(kept.state) == ALL


def test_damaged_media_is_said_and_a_damaged_store_is_refused(backup: Path, state: Path) -> None:
    media = backup / "state/recorder/media/2026/03/01"
    altered = (media / "segment1-1.wav").read_bytes()
    (media / "segment1-1.wav").unlink()
    (media / "segment1-1.wav").write_bytes(altered[:-1])
    (media / "segment2-1.wav").unlink()
    done = restore(backup, state, replay=None, now=later(500), actor=ANN)
    assert done.damaged == [f"recorder/media/2026/03/01/segment{number}-1.wav" for number in (1, 2)]
    with (backup / "state/recorder/store/recordings.db").open("r+b") as file:
        file.seek(2_000)
        file.write(b"x")
    with pytest.raises(StorageFault, match="not what the backup says"):
        restore(backup, state.with_name("other"), replay=None, now=later(500), actor=ANN)
    assert not state.with_name("other").exists()


def test_that_it_was_restored_is_told_under_a_number_of_its_own(kept: Kept, backup: Path, state: Path) -> None:
    """The log that goes on has rows of numbers that the backup's outbox would give again."""

    async def log(folder: Path, first: int, last: int) -> None:
        async with AuditStore.open(folder / "audit", now=lambda: later(9_000)) as store:
            for number in range(first, last + 1):
                made = AuditEvent(
                    sender="recorder", sequence=number, at=later(number), email="ada@example.com", ip_address="",
                    app_name="callkeeper", action=Action.ADD_NOTE, details={"recording": "segment4-1"},
                )  # fmt: skip
                await store.append((made,))

    async def deliver() -> None:
        rows = SqliteStore.open(state / "recorder/store")
        async with AuditStore.open(state / "audit") as store:
            destination = StoreDestination(store, rows, "recorder")
            delivery = OutboxSender(StoreOutbox(rows, "recorder"), store, "recorder")
            await destination.begin(delivery, Supervisor(lambda _: None))
            assert await delivery.flush(20)
            await delivery.stop(1)
        await rows.close()

    asyncio.run(log(kept.state, 1, 5))
    (kept.store_folder / "recordings.db").write_bytes(b"garbage" * 1000)
    restore(backup, state, replay=kept.state, now=later(500), actor=ANN)
    asyncio.run(deliver())
    text = "".join(path.read_text() for path in (state / "audit").glob("audit-*.csv"))
    (row,) = [line for line in text.splitlines() if "RestoreRecordings" in line]
    assert "ann@example.com" in row
    assert '""recorder:6""' in row
    assert text.count("AddNote") == 5


@pytest.mark.parametrize("key_elsewhere", [False, True])
@pytest.mark.parametrize("replayed", [False, True])
def test_a_log_of_the_backup_says_that_it_was_restored_and_one_that_goes_on_does_not(
    kept: Kept, state: Path, tmp_path: Path, replayed: bool, key_elsewhere: bool
) -> None:
    async def log() -> None:
        async with AuditStore.open(kept.state / "audit", now=lambda: later(1)) as store:
            made = AuditEvent(
                sender="recorder", sequence=1, at=later(1), email="ada@example.com", ip_address="",
                app_name="callkeeper", action=Action.ADD_NOTE, details={"recording": "segment4-1"},
            )  # fmt: skip
            await store.append((made,))

    asyncio.run(log())
    if key_elsewhere:
        (kept.state / "audit" / SIGNING_KEY).rename(tmp_path / "audit.pem")
    back_up(kept.state, tmp_path / "backup", now=later(2))
    restore(tmp_path / "backup", state, replay=kept.state if replayed else None, now=later(500), actor=ANN)
    found = verify(state / "audit")
    assert found.sound
    assert any("restored" in note for note in found.notes) is not replayed
    rows = "".join(path.read_text() for path in (state / "audit").glob("audit-*.csv"))
    assert rows.count("RestoreAudit") == (0 if replayed else 1)
    # Rows need no key; one that is not there is not replaced by another unasked.
    assert (state / "audit" / SIGNING_KEY).exists() is not key_elsewhere


def test_a_backup_of_an_earlier_version_is_brought_up_with_its_users(kept: Kept, state: Path, tmp_path: Path) -> None:
    users = Directory.of([User(id="ada", email="ada@example.com")])
    write(kept.state, lambda rows: rows.save_users(users.users.values()))
    back_up(kept.state, tmp_path / "backup", now=later(0))
    database = tmp_path / "backup" / STATE / "recorder/store/recordings.db"
    assert database.is_file()
    restore(tmp_path / "backup", state, replay=None, now=later(500), actor=ANN)
    # As an earlier version has it: users in a file beside a store without them.
    with create_engine(f"sqlite:///{state / 'recorder/store/recordings.db'}").connect() as connection:
        downgrade(connection, "0001")
    assert (state / "recorder/users.json").exists()
    SqliteCopy.open(state / "recorder/store").close()
    assert read(state, lambda rows: rows.users()) == list(users.users.values())
