"""Users one by one and as a whole: ids that never change hands, licences that add up, who may, what comes back."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.recorder.stage import Stage, config, stage

from callkeeper.policy.directory import Directory, Licence, Role
from callkeeper.recorder import user_changes
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.store import user_rows

ADA = {"name": "Ada", "email": "ada@example.com", "licences": ["CallRecording"], "lines": [{"extension": "2001"}]}


@pytest.fixture
def free(tmp_path: Path) -> Stage:
    """A recorder whose users are written over the API."""
    return stage(tmp_path, directory=None)


async def put(recorder: Stage, name: str, query: str = "", /, **body: Any) -> Any:
    return await recorder.ask("administrator", "PUT", f"/v1/users/{name}{query}", json=body)


async def delete(recorder: Stage, name: str) -> Any:
    return await recorder.ask("administrator", "DELETE", f"/v1/users/{name}")


def licences_by_audit(recorder: Stage) -> Counter[tuple[str, str]]:
    """What the audit log says is in use: granted less revoked."""
    balance: Counter[tuple[str, str]] = Counter()
    for action, _, details in recorder.audit.rows:
        if action.value in {"GrantLicense", "RevokeLicense"}:
            balance[details["user"], details["licence"]] += 1 if action.value == "GrantLicense" else -1
    return +balance


def licences_in_force(directory: Directory) -> Counter[tuple[str, str]]:
    return Counter((user.id, licence.value) for user in directory.users.values() for licence in user.licences)


async def test_a_user_is_made_changed_and_deleted_each_with_its_row(free: Stage) -> None:
    made = await put(free, "ada", **ADA)
    assert (made.status_code, made.json()["id"], made.json()["policyActive"]) == (201, "ada", True)
    assert (await put(free, "ada", **ADA)).status_code == 200
    changed = await put(free, "ada", **ADA | {"surname": "Verdi", "lines": [], "licences": []})
    assert (changed.status_code, changed.json()["lines"]) == (200, [])
    assert (changed.json()["policyActive"], changed.json()["inactiveReason"]) == (False, "noLicence")
    gone = await delete(free, "ADA@example.com")
    assert gone.json() == {"revision": free.recorder.users.directory.revision, "changed": True}
    assert (await free.ask("auditor", "GET", "/v1/users/ada")).status_code == 404
    assert free.audit.actions == ["CreateUser", "GrantLicense", "UpdateUser", "RevokeLicense", "DeleteUser"]
    assert free.audit.rows[2][2]["fields"] == ["licences", "lines", "surname"]
    assert "2001" not in json.dumps([dict(details) for _, _, details in free.audit.rows])
    assert stage(free.folder, directory=None).recorder.users.directory == free.recorder.users.directory == Directory()


async def test_an_id_is_never_changed(free: Stage) -> None:
    await put(free, "ada", **ADA)
    answer = await put(free, "ada", id="eve", **ADA)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/immutable-id")
    assert (await put(free, "ada", id="ada", **ADA)).status_code == 200
    assert list(free.recorder.users.directory.users) == ["ada"]


@pytest.mark.parametrize(
    ("after", "query", "status"),
    [
        ({"email": "other@example.com"}, "", 409),
        ({}, "", 409),
        ({"email": "ADA@example.com"}, "", 201),
        ({"email": "other@example.com"}, "?restore=true", 201),
    ],
)
async def test_the_id_of_somebody_who_was_deleted_is_for_the_same_person_alone(
    free: Stage, after: dict[str, str], query: str, status: int
) -> None:
    await put(free, "ada", **ADA)
    await delete(free, "ada")
    # After a restart as well.
    again = stage(free.folder, directory=None)
    answer = await put(again, "ada", query, **after)
    assert answer.status_code == status, answer.text
    if status == 409:
        assert answer.json()["type"] == "/problems/retired-id"
        assert (answer.json()["ids"], answer.json()["idCount"]) == (["ada"], 1)
        assert again.audit.rows == []
    else:
        assert again.audit.rows[0][2]["restored"] is True


async def test_an_id_without_an_address_is_nobody_elses_even_without_one(free: Stage) -> None:
    await put(free, "ada")
    await delete(free, "ada")
    assert (await put(free, "ada")).status_code == 409
    whole = await free.ask("administrator", "PUT", "/v1/users", json=[{"id": "ada"}, {"id": "bob"}])
    assert (whole.status_code, whole.json()["ids"]) == (409, ["ada"])
    assert (await free.ask("administrator", "PUT", "/v1/users?restore=true", json=[{"id": "ada"}])).status_code == 200
    assert free.audit.rows[-1][2] == free.audit.rows[-1][2] | {"added": 1, "restored": 1, "users": 1}


async def test_what_is_remembered_of_a_deleted_user_is_no_address(free: Stage) -> None:
    await put(free, "ada", **ADA)
    await delete(free, "ada")
    users, retired = await free.store.read(lambda rows: (rows.users(), rows.retired_users()))
    assert (users, list(retired)) == ([], ["ada"])
    assert "example.com" not in str(retired)


async def test_the_most_deleted_users_are_remembered_and_then_nobody_is_deleted(
    free: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_changes.bounds, "RETIRED_USERS", 1)
    for name in ("ada", "bob"):
        await put(free, name)
    assert (await delete(free, "ada")).status_code == 200
    refused = await delete(free, "bob")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/too-many-retired-users")
    assert list(free.recorder.users.directory.users) == ["bob"]


async def test_an_address_belongs_to_one_user_be_it_as_the_id(free: Stage) -> None:
    await put(free, "ada", **ADA)
    for name, body in (("eve", {"email": "ADA@example.com"}), ("ada@example.com", {}), ("Ada@Example.com", {})):
        answer = await put(free, name, **body)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-users")
        whole = await free.ask("administrator", "PUT", "/v1/users", json=[{"id": "ada", **ADA}, {"id": name, **body}])
        assert (whole.status_code, whole.json()["type"]) == (422, "/problems/invalid-users")
    assert (await put(free, "own@example.com", email="own@example.com")).status_code == 201


async def test_a_line_that_is_no_number_is_a_problem(free: Stage) -> None:
    answer = await put(free, "ada", lines=[{"extension": "20x1"}])
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-users")
    assert "20x1" not in answer.text


async def test_deleting_everybody_takes_the_revision_that_is_meant(free: Stage) -> None:
    await put(free, "ada", **ADA)
    seen = (await free.ask("auditor", "GET", "/v1/users")).json()["revision"]
    await put(free, "bob")
    for headers, status, problem in (
        ({}, 428, "precondition-required"),
        ({"If-Match": f'"{seen}"'}, 412, "directory-mismatch"),
    ):
        answer = await free.ask("administrator", "DELETE", "/v1/users", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}")
    now = free.recorder.users.directory.revision
    done = await free.ask("administrator", "DELETE", "/v1/users", headers={"If-Match": f'"{now}"'})
    assert (done.status_code, done.json()["changed"]) == (200, True)
    assert free.audit.actions[-2:] == ["UpdateUsers", "RevokeLicense"]
    assert free.audit.rows[-2][2] == free.audit.rows[-2][2] | {"users": 0, "removed": 2, "added": 0}


async def test_a_put_as_a_whole_may_say_for_which_directory_it_was_written(free: Stage) -> None:
    stale = {"If-Match": '"0"'}
    refused = await free.ask("administrator", "PUT", "/v1/users", json=[{"id": "ada"}], headers=stale)
    assert (refused.status_code, refused.json()["revision"]) == (412, free.recorder.users.directory.revision)
    anything = await free.ask("administrator", "PUT", "/v1/users", json=[{"id": "ada"}], headers={"If-Match": "*"})
    assert anything.status_code == 200


async def test_a_licence_is_granted_and_revoked_once(free: Stage) -> None:
    await put(free, "ada", email="ada@example.com")
    for verb, expected in (("grant", [True, False]), ("revoke", [True, False])):
        for changed in expected:
            answer = await free.ask("administrator", "POST", f"/v1/users/Ada@example.com:{verb}", json={})
            assert answer.json()["changed"] is changed
            assert answer.json()["user"]["policyActive"] is (verb == "grant")
    other = await free.ask("administrator", "POST", "/v1/users/ada:grant", json={"licence": "VoiceAnalytics"})
    assert other.json()["user"]["licences"] == ["VoiceAnalytics"]
    assert free.audit.actions == ["CreateUser", "GrantLicense", "RevokeLicense", "GrantLicense"]
    assert free.audit.rows[-1][2] == {"user": "ada", "licence": "VoiceAnalytics"}
    unknown = await free.ask("administrator", "POST", "/v1/users/nobody:grant", json={})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/unknown-user")


async def test_users_of_a_folder_are_changed_by_no_address(recorder: Stage) -> None:
    csv = {"content": "id\nada\n", "headers": {"Content-Type": "text/csv"}}
    for method, path, more in (
        ("DELETE", "/v1/users", {"headers": {"If-Match": "*"}}),
        ("PUT", "/v1/users/ada", {"json": {}}),
        ("DELETE", "/v1/users/ada", {}),
        ("POST", "/v1/users/ada:grant", {"json": {}}),
        ("POST", "/v1/users/ada:revoke", {"json": {}}),
        ("POST", "/v1/users:import", csv),
        ("POST", "/v1/users:import?dryRun=true", csv),
    ):
        answer = await recorder.ask("administrator", method, path, **more)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/users-from-folder")
    assert recorder.audit.rows == []


async def test_a_recording_goes_on_when_its_user_is_deleted_and_the_next_call_is_not_recorded(free: Stage) -> None:
    await free.program(config())
    await put(free, "ada", **ADA)
    segment = await free.segment()
    await delete(free, "ada")
    shown = (await free.ask("auditor", "GET", f"/v1/calls/{segment}")).json()
    assert [(user["user"], user["state"]) for user in shown["users"]] == [("ada", "recording")]
    assert (await free.event(segment, "end")).json()["users"][0]["user"] == "ada"
    assert (await free.call(nativeId="n-2")).json()["outcome"] == "doNotRecord"


@pytest.mark.parametrize("statement", ["save_users", "retire_users"])
async def test_a_deletion_that_cannot_be_committed_leaves_the_user_and_the_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    recorder = stage(tmp_path, directory=None)
    await put(recorder, "ada", **ADA)
    with monkeypatch.context() as broken:
        broken.setattr(user_rows.UserRowsSql, statement, _broken)
        assert (await delete(recorder, "ada")).status_code == 503
    assert "ada" in recorder.recorder.users.directory.users
    again = stage(tmp_path, directory=None)
    assert (await put(again, "ada", **ADA | {"email": "new@example.com"})).status_code == 200


def _broken(*_: object) -> None:
    raise StorageFault("the disk fails", "see to it")


async def test_without_an_audit_row_nothing_is_changed(free: Stage) -> None:
    await put(free, "ada", **ADA)
    before = free.recorder.users.directory
    free.audit.failing = True
    for method, path, body in (
        ("PUT", "/v1/users/bob", {}),
        ("DELETE", "/v1/users/ada", None),
        ("POST", "/v1/users/ada:revoke", {}),
    ):
        answer = await free.ask("administrator", method, path, **({} if body is None else {"json": body}))
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/audit-unavailable")
    assert free.recorder.users.directory is before


async def test_changes_at_once_are_all_there(free: Stage) -> None:
    answers = await asyncio.gather(*(put(free, f"u-{number}", licences=["CallRecording"]) for number in range(30)))
    assert {answer.status_code for answer in answers} == {201}
    assert len(free.recorder.users.directory.users) == 30
    assert stage(free.folder, directory=None).recorder.users.directory == free.recorder.users.directory


async def test_many_licences_leave_a_row_each(free: Stage) -> None:
    people = [{"id": f"u-{number}", "licences": ["CallRecording"]} for number in range(2_500)]
    await free.ask("administrator", "PUT", "/v1/users", json=people)
    assert len(free.audit.rows) == 2_501
    assert licences_by_audit(free) == licences_in_force(free.recorder.users.directory)


NAMES = st.sampled_from(["ada", "bob", "eve@x.example", "a/b"])
USERS = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["", "a@x.example", "A@X.example", "eve@x.example"]),
        "licences": st.lists(st.sampled_from([licence.value for licence in Licence]), max_size=2, unique=True),
        "lines": st.lists(st.fixed_dictionaries({"extension": st.sampled_from(["1", "2"])}), max_size=2),
        "groups": st.lists(st.sampled_from(["x", "y"]), max_size=2),
        "status": st.sampled_from(["active", "disabled"]),
    },
)
ACTS = st.one_of(
    st.tuples(st.just("put"), NAMES, USERS, st.booleans()),
    st.tuples(st.sampled_from(["delete", "grant", "revoke"]), NAMES, st.none(), st.none()),
    st.tuples(st.just("whole"), st.none(), st.dictionaries(NAMES, USERS, max_size=3), st.booleans()),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(acts=st.lists(ACTS, max_size=12))
async def test_whatever_is_done_licences_add_up_addresses_are_unique_and_the_look_ups_are_those_of_a_new_directory(
    tmp_path_factory: pytest.TempPathFactory, acts: list[Any]
) -> None:
    recorder = stage(tmp_path_factory.mktemp("users"), directory=None)
    ask = recorder.ask
    for verb, name, body, restore in acts:
        query = "?restore=true" if restore else ""
        match verb:
            case "put":
                answer = await ask("administrator", "PUT", f"/v1/users/{name}{query}", json=body)
            case "whole":
                people = [{"id": one, **facts} for one, facts in body.items()]
                answer = await ask("administrator", "PUT", f"/v1/users{query}", json=people)
            case "delete":
                answer = await ask("administrator", "DELETE", f"/v1/users/{name}")
            case _:
                answer = await ask("administrator", "POST", f"/v1/users/{name}:{verb}", json={})
        assert answer.status_code in {200, 201, 404, 409, 422}, answer.text
    directory = recorder.recorder.users.directory
    fresh = Directory.of(directory.users.values())
    assert licences_by_audit(recorder) == licences_in_force(directory)
    assert (directory.revision, directory.order) == (fresh.revision, fresh.order)
    emails = [user.email.casefold() for user in directory.users.values() if user.email]
    assert len(set(emails)) == len(emails)
    for number in ("1", "2"):
        assert directory.owners(number) == fresh.owners(number)
    for name in ("ada", "A@x.example", "eve@x.example"):
        assert directory.find(name) == fresh.find(name)
    assert stage(recorder.folder, directory=None).recorder.users.directory == directory


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
FIELD = st.sampled_from(["id", "name", "email", "lines", "licences", "roles", "groups", "status", "licence"])
PATHS = st.sampled_from(
    [
        "/v1/users",
        "/v1/users:import",
        "/v1/users/ada",
        "/v1/users/ada:grant",
        "/v1/users/%00",
        "/v1/users/%ff",
        "/v1/users/",
    ]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
    path=PATHS,
    query=st.sampled_from(
        ["", "?restore=true", "?restore=x", "?limit=-1", "?dryRun=true", "?cursor=%00", "?search=%00"]
    ),
    body=JSON
    | st.dictionaries(FIELD, JSON, max_size=4)
    | st.lists(st.dictionaries(FIELD, JSON, max_size=3), max_size=3),
    media_type=st.sampled_from(["application/json", "text/csv", "", "text/plain"]),
    role=st.sampled_from([role.value for role in Role]),
)
async def test_no_request_is_answered_with_a_fault_of_ours(
    tmp_path_factory: pytest.TempPathFactory, method: str, path: str, query: str, body: Any, media_type: str, role: str
) -> None:
    recorder = stage(tmp_path_factory.mktemp("users"), directory=None)
    content = json.dumps(body).encode()
    answer = await recorder.ask(role, method, path + query, content=content, headers={"Content-Type": media_type})
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200) | st.text(alphabet='id,nameli\n"é;=+1@x\r\x00', max_size=120).map(str.encode))
async def test_no_import_is_answered_with_a_fault_of_ours(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    recorder = stage(tmp_path_factory.mktemp("users"), directory=None)
    headers = {"Content-Type": "text/csv"}
    for query in ("?skipBad=true", "", "?dryRun=true"):
        answer = await recorder.ask(
            "administrator", "POST", f"/v1/users:import{query}", content=content, headers=headers
        )
        assert answer.status_code in {200, 422}, answer.text
