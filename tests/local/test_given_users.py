"""Every change of a file of users is one row in the audit log; users from before stay where the file is broken."""

import csv
import io
import json

import pytest
from tests.local.running import UpProcess, run
from tests.local.serving import until
from tests.recorder.stage import stage, strike

from callkeeper.audit.actions import Action
from callkeeper.local.given_users import GivenUsers
from callkeeper.local.users import FolderUsers, read_users_file
from callkeeper.policy.directory import Directory, Role, User
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.clock import SystemClock
from callkeeper.recorder.errors import AuditFault, StorageFault
from callkeeper.recorder.outbox_audit import OutboxAudit
from callkeeper.recorder.principals import Principal

ONE = Directory.of([User(id="ada", email="ada@example.com")])
TWO = Directory.of([User(id="ada", email="ada@example.org"), User(id="ben")])
WHO = Actor(principal=Principal(id="up", email="kay@example.com")), {"author": "kay@example.com", "commit": "0a"}
HEADER = "id,email,licences\n"


def read(directory):
    return FolderUsers(directory=directory)


@pytest.fixture
def start(tmp_path):
    """Starts over the same store, again and again."""

    def started():
        made = stage(tmp_path, directory=None)
        return made, GivenUsers(made.recorder, "users.csv", lambda: WHO)

    yield started
    strike()


async def test_each_change_leaves_one_row_with_who_came_changed_and_went(start):
    made, given = start()
    for directory in (ONE, ONE, TWO, ONE):
        given.take(read(directory))
        assert await given.tell() is None
    found = [details for _, _, details in made.audit.rows]
    assert [(one["users"], one["added"], one["changed"], one["removed"]) for one in found] == [
        (1, 1, 0, 0),
        (2, 1, 1, 0),
        (1, 0, 1, 1),
    ]
    assert [one["revision"] for one in found] == [ONE.revision, TWO.revision, ONE.revision]
    assert {(one["author"], one["commit"]) for one in found} == {("kay@example.com", "0a")}
    assert made.audit.rows[0][1].principal.audit_email == "kay@example.com"


async def test_a_start_with_the_same_users_says_nothing_and_one_with_others_what_is_new(start):
    _, given = start()
    given.take(read(ONE))
    assert await given.tell() is None
    again, given = start()
    given.take(read(ONE))
    assert await given.tell() is None
    assert again.audit.rows == []
    given.take(read(TWO))
    assert await given.tell() is None
    assert [(details["added"], details["changed"]) for _, _, details in again.audit.rows] == [(1, 1)]


@pytest.mark.parametrize("committed", [True, False])
async def test_a_start_after_death_in_the_middle_leaves_the_one_row_that_is_missing(start, committed):
    """Death before the commit, and after it but before anybody was told of it."""
    made, given = start()
    write = made.store.write

    async def dying(unit):
        if committed:
            await write(unit)
        raise StorageFault("killed", "start again")

    made.store.write = dying
    made.recorder.parts.audit.act = OutboxAudit(made.store, SystemClock(), sender="recorder").act
    given.take(read(ONE))
    assert "killed" in await given.tell()
    assert made.recorder.users.directory is ONE, "who may be recorded does not wait for a log"

    again, given = start()
    waiting = await again.store.read(lambda rows: [event.action for _, event in rows.undelivered(9)])
    given.take(read(ONE))
    assert await given.tell() is None
    assert [*waiting, *(action for action, _, _ in again.audit.rows)] == [Action.UPDATE_USERS]


async def test_a_row_that_cannot_be_written_is_written_later(start):
    made, given = start()
    made.audit.failing = True
    given.take(read(ONE))
    assert await given.tell() == AuditFault("the disk is full").detail
    made.audit.failing = False
    assert await given.tell() is None
    assert made.audit.actions == ["UpdateUsers"]


async def test_a_broken_file_at_the_start_leaves_the_users_from_before(start, tmp_path):
    _, given = start()
    given.take(read(TWO))
    await given.tell()
    (tmp_path / "users.csv").write_text("not,users\n")
    again, given = start()
    given.take(read_users_file(tmp_path / "users.csv"))
    assert await given.recall()
    assert again.recorder.users.directory == TWO
    assert await given.tell() is None
    assert again.audit.rows == []
    refused = await again.ask("administrator", "PUT", "/v1/users", json=[])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/users-from-folder")
    ready = await again.ask(None, "GET", "/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"]["users"] == "ok, their file cannot be used: those before are in force"
    assert "callkeeper_users_unusable 1.0" in (await again.ask("auditor", "GET", "/metrics")).text
    given.take(read(ONE))
    assert (await again.ask(None, "GET", "/readyz")).json()["checks"]["users"] == "ok"


async def test_users_put_over_the_api_stay_where_the_first_file_is_broken_and_nobody_is_told_of_them(start):
    made, _ = start()
    body = [{"id": "ada", "email": "ada@example.com"}]
    assert (await made.ask("administrator", "PUT", "/v1/users", json=body)).status_code == 200
    again, given = start()
    given.take(FolderUsers(directory=None))
    assert await given.recall()
    assert await given.tell() is None
    assert (list(again.recorder.users.directory.users), again.audit.rows) == (["ada"], [])


async def test_a_file_that_never_was_there_is_no_fault_and_one_that_went_is(start):
    made, given = start()
    given.take(FolderUsers(directory=None))
    assert (await made.ask(None, "GET", "/readyz")).json()["checks"]["users"] == "ok"
    given.take(read(ONE))
    given.take(FolderUsers(directory=None))
    assert made.recorder.users.directory is ONE
    assert "cannot be used" in (await made.ask(None, "GET", "/readyz")).json()["checks"]["users"]


async def test_without_users_from_before_there_are_none(start):
    _, given = start()
    given.take(FolderUsers(directory=None))
    assert not await given.recall()


def told(up: UpProcess):
    done = run(up.home, "audit", "export", up.folder, "--state", up.state, "--from", "today")
    assert done.returncode == 0, done.stderr
    rows = csv.DictReader(io.StringIO(done.stdout))
    return [(row["Email"], json.loads(row["Details"])) for row in rows if row["ActionType"] == "UpdateUsers"]


def test_up_tells_of_a_saved_file_once_though_it_is_killed_and_starts_with_a_broken_one(up, folder):
    path, running = folder / "users.csv", up().started()
    path.write_text(path.read_text() + "joan,Joan,Clarke,joan@example.com,2009,,,,\n")
    running.wait_for("users")
    # Killed while the row is written; the next start finds it there, or writes it.
    running.kill()
    running = up().started()
    running.until(lambda: len(told(running)) == 2)
    running.kill()
    path.write_text("not,users\n")
    running = up().started()
    assert "users from before" in running.wait_for("UsersFromBefore")["message"]
    assert "joan" in {user["id"] for user in running.request("GET", "/v1/users")["items"]}
    assert running.request("PUT", "/v1/users", [])["type"] == "/problems/users-from-folder"
    rows = told(running)
    assert [details.get("added") for _, details in rows][1] == 1
    assert len(rows) == 2
    assert "joan" not in json.dumps(rows)


def test_serve_starts_with_a_broken_file_and_takes_it_when_it_is_mended(serve, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(f"{HEADER}ada,ada@example.com,CallRecording\n")
    recorder = serve("--users", path)
    until(lambda: "UpdateUsers" in recorder.ask(Role.AUDITOR, "GET", "/v1/audit?from=today&to=now")[1])
    assert recorder.end() == 0
    path.write_text("not,users\n")
    again = serve("--users", path)
    assert again.said("recorder_started")["users"] == 1
    assert "people.csv" in again.said("users_file_unusable")["detail"]
    path.write_text(f"{HEADER}bob,bob@example.com,\n")
    until(lambda: [one["id"] for one in again.ask(Role.ADMINISTRATOR, "GET", "/v1/users")[1]["items"]] == ["bob"])
    assert again.ask(None, "GET", "/readyz")[1]["checks"]["users"] == "ok"
