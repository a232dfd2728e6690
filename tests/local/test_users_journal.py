"""Every change of users.csv is one row in the audit log."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from callkeeper.audit.errors import StoreClosed
from callkeeper.audit.store import AuditStore
from callkeeper.local.attribution import FolderAttribution
from callkeeper.local.users_journal import UsersJournal
from callkeeper.policy.directory import Directory, User

ONE = Directory.of([User(id="ada", email="ada@example.com")])
TWO = Directory.of([User(id="ada", email="ada@example.org"), User(id="ben")])
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Dying:
    """A log that takes the row, and whose process dies before it says so; or that takes nothing."""

    def __init__(self, store: AuditStore, *, takes: bool) -> None:
        self._store = store
        self._takes = takes

    async def append(self, events):
        if self._takes:
            await self._store.append(events)
        raise StoreClosed("killed")


@pytest.fixture
async def store(tmp_path):
    async with AuditStore.open(tmp_path / "audit", now=lambda: NOW) as opened:
        yield opened


def journal(tmp_path, audit):
    return UsersJournal(
        tmp_path / "users.json", tmp_path / "users.csv", audit, FolderAttribution(tmp_path), lambda: NOW
    )


def told(tmp_path):
    text = "".join(path.read_text() for path in sorted((tmp_path / "audit").glob("*.csv")))
    found = list(csv.DictReader(io.StringIO(text), fieldnames=["Date", "Email", "Ip", "App", "Action", "Details"]))
    return [json.loads(row["Details"]) for row in found if row["Action"] == "UpdateUsers"]


async def test_each_change_leaves_one_row_with_who_came_changed_and_went(tmp_path, store):
    rows = journal(tmp_path, store)
    for directory, before in [(ONE, ONE), (ONE, ONE), (TWO, ONE), (ONE, TWO)]:
        assert await rows.record(directory, before) is None
    counts = [(one["users"], one["added"], one["changed"], one["removed"]) for one in told(tmp_path)]
    assert counts == [(1, 1, 0, 0), (2, 1, 1, 0), (1, 0, 1, 1)]
    assert [one["revision"] for one in told(tmp_path)] == [ONE.revision, TWO.revision, ONE.revision]


async def test_a_start_with_the_same_users_writes_nothing(tmp_path, store):
    await journal(tmp_path, store).record(ONE, ONE)
    kept = (tmp_path / "users.json").read_bytes()
    assert await journal(tmp_path, store).record(ONE, ONE) is None
    assert len(told(tmp_path)) == 1
    assert (tmp_path / "users.json").read_bytes() == kept


async def test_a_change_while_nothing_ran_is_told_without_counts(tmp_path, store):
    await journal(tmp_path, store).record(ONE, ONE)
    await journal(tmp_path, store).record(TWO, TWO)
    assert told(tmp_path)[1]["users"] == 2
    assert "added" not in told(tmp_path)[1]


@pytest.mark.parametrize("takes", [True, False])
async def test_a_row_that_was_not_acknowledged_is_written_once_at_the_next_start(tmp_path, store, takes):
    failure = await journal(tmp_path, Dying(store, takes=takes)).record(ONE, ONE)
    assert "killed" in failure
    assert await journal(tmp_path, store).record(TWO, TWO) is None
    assert [one["revision"] for one in told(tmp_path)] == [ONE.revision, TWO.revision]


async def test_what_cannot_be_remembered_is_not_written(tmp_path, store):
    (tmp_path / "users.json").write_text("{")
    assert "users.json" in await journal(tmp_path, store).record(ONE, ONE)
    assert told(tmp_path) == []


def test_saving_users_csv_leaves_a_row_that_names_who(up, folder):
    running = up().started()
    text = (folder / "users.csv").read_text()
    (folder / "users.csv").write_text(text + "joan,Joan,Clarke,joan@example.com,2009,,,,\n")
    running.wait_for("users")
    running.until(lambda: len(told(running.state)) == 2)
    assert told(running.state)[1]["added"] == 1
    assert "joan" not in (running.state / "audit").glob("*.csv").__next__().read_text()
