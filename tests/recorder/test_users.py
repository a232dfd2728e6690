"""The user directory: search, the mode in force, replacing it, and who owns it."""

from pathlib import Path
from typing import Any

import pytest
from tests.recorder.stage import DIRECTORY, POLICY, Stage, config, stage

from callkeeper.policy.config import Override, PolicySection
from callkeeper.policy.directory import Directory, user_to_json
from callkeeper.recorder.errors import StorageFull
from callkeeper.recorder.store import user_rows

ALWAYS_ON = type(PolicySection().default_mode)("AlwaysOn")
TEAM = "UserPolicy/voice/team"
PEOPLE = [
    {
        "id": "ada",
        "name": "Ada",
        "surname": "Verdi",
        "email": "Ada@example.com",
        "lines": [{"extension": "2001", "e164": "+39 06 2001"}],
        "licences": ["CallRecording"],
        "roles": ["user"],
        "groups": ["sales"],
        "status": "active",
    },
    {"id": "bob"},
]


async def ids(recorder: Stage, query: str, token: str = "auditor") -> list[str]:
    answer = await recorder.ask(token, "GET", f"/v1/users{query}")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_search_looks_in_name_surname_and_email(recorder: Stage) -> None:
    assert await ids(recorder, "?search=ADA") == ["ada"]
    assert await ids(recorder, "?search=example.com") == ["ada", "bob", "eve", "sue"]
    assert await ids(recorder, "?search=bob%20example") == ["bob"]
    assert await ids(recorder, "?search=bob%20ada") == []


async def test_overridden_users_are_found_with_the_source_of_their_mode(recorder: Stage) -> None:
    overrides = (
        Override(user="ada@example.com", mode=ALWAYS_ON, object=TEAM),
        Override(user="eve", mode=ALWAYS_ON, object=TEAM),
    )
    policy = PolicySection(overrides=overrides, object=POLICY)
    await recorder.program(type(config())(policy=policy))
    assert await ids(recorder, "?overridden=true") == ["ada", "eve"]
    assert await ids(recorder, "?overridden=false") == ["bob", "sue"]
    assert await ids(recorder, "?overridden=true&search=eve") == ["eve"]
    ada = (await recorder.ask("auditor", "GET", "/v1/users/Ada@Example.com")).json()
    assert (ada["id"], ada["mode"], ada["overridden"]) == ("ada", "AlwaysOn", True)
    assert (ada["source"]["object"], ada["source"]["entry"]) == (TEAM, "ada@example.com")
    bob = (await recorder.ask("auditor", "GET", "/v1/users/bob")).json()
    assert (bob["mode"], bob["overridden"], bob["source"]["entry"]) == ("OnDemand", False, "defaultMode")


async def test_pages_follow_one_another(recorder: Stage) -> None:
    first = (await recorder.ask("auditor", "GET", "/v1/users?limit=3")).json()
    assert first["nextCursor"] == "eve"
    assert await ids(recorder, "?limit=3&cursor=eve") == ["sue"]


async def test_a_supervisor_sees_the_members_of_the_own_groups(recorder: Stage) -> None:
    assert await ids(recorder, "", "supervisor:sue") == ["ada", "sue"]
    assert (await recorder.ask("supervisor:sue", "GET", "/v1/users/ada")).status_code == 200
    hidden = await recorder.ask("supervisor:sue", "GET", "/v1/users/bob")
    unknown = await recorder.ask("supervisor:sue", "GET", "/v1/users/nobody")
    assert (hidden.status_code, hidden.json()) == (404, unknown.json())


async def test_users_of_a_folder_are_not_put(recorder: Stage) -> None:
    answer = await recorder.ask("administrator", "PUT", "/v1/users", json=PEOPLE)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/users-from-folder")
    assert "users.csv" in answer.json()["detail"]
    assert recorder.recorder.users.directory is DIRECTORY


async def test_users_that_were_put_come_back_after_a_restart(tmp_path: Path) -> None:
    recorder = stage(tmp_path, directory=None)
    answer = await recorder.ask("administrator", "PUT", "/v1/users", json=PEOPLE)
    assert answer.json() == {"revision": recorder.recorder.users.directory.revision, "changed": True}
    (action, actor, details), licence = recorder.audit.rows
    assert (action.value, actor.principal.id, details["users"]) == ("UpdateUsers", "the-administrator", 2)
    assert (licence[0].value, licence[2]) == ("GrantLicense", {"user": "ada", "licence": "CallRecording"})
    again = stage(tmp_path, directory=None)
    assert again.recorder.users.directory == recorder.recorder.users.directory
    ada = again.recorder.users.get("ada@EXAMPLE.com")
    assert user_to_json(ada)["lines"] == [{"extension": "2001", "e164": "+39062001"}]
    assert (await again.ask("administrator", "PUT", "/v1/users", json=PEOPLE)).json()["changed"] is False
    assert again.audit.rows == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"lines": [{"extension": "20x1"}]}, "user 1"),
        ({"lines": [{"e164": "39062001"}]}, "user 1"),
        ({"id": "bob"}, "user 2"),
    ],
)
async def test_a_directory_that_does_not_hold_changes_nothing(
    tmp_path: Path, change: dict[str, Any], place: str
) -> None:
    recorder = stage(tmp_path, directory=None)
    answer = await recorder.ask("administrator", "PUT", "/v1/users", json=[PEOPLE[0] | change, PEOPLE[1]])
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-users")
    assert answer.json()["detail"].startswith(place)
    assert not recorder.recorder.users.directory.users


async def test_two_users_do_not_share_an_email_address(tmp_path: Path) -> None:
    recorder = stage(tmp_path, directory=None)
    people = [PEOPLE[0], PEOPLE[1] | {"email": "ADA@example.com"}]
    answer = await recorder.ask("administrator", "PUT", "/v1/users", json=people)
    assert answer.json()["detail"] == "user 2 of the list: its e-mail address is that of another user"


async def test_when_the_store_cannot_commit_the_old_users_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = stage(tmp_path, directory=None)
    await recorder.ask("administrator", "PUT", "/v1/users", json=PEOPLE)
    before = recorder.recorder.users.directory

    def full(*_: object) -> None:
        raise StorageFull("there is no room", "make some")

    monkeypatch.setattr(user_rows.UserRowsSql, "retire_users", full)
    answer = await recorder.ask("administrator", "PUT", "/v1/users", json=[])
    assert (answer.status_code, answer.json()["type"]) == (507, "/problems/storage-full")
    assert recorder.recorder.users.directory == before
    # The first half of the change is not there either.
    assert stage(tmp_path, directory=None).recorder.users.directory == before


async def test_without_an_audit_row_the_users_stay(tmp_path: Path) -> None:
    recorder = stage(tmp_path, directory=None)
    recorder.audit.failing = True
    answer = await recorder.ask("administrator", "PUT", "/v1/users", json=PEOPLE)
    assert answer.status_code == 503
    assert not recorder.recorder.users.directory.users


async def test_a_directory_that_is_given_anew_is_in_force_at_once(recorder: Stage) -> None:
    await recorder.program(config())
    recorder.recorder.users.give(Directory(), "users.csv")
    assert (await recorder.call()).json()["reason"] != "AlwaysOn"
