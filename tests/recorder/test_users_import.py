"""Import of users from CSV: what becomes of each line, and what never happens."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.stage import Stage, stage

from callkeeper.policy.directory import Directory, User, line
from callkeeper.policy.users_csv import parse_users
from callkeeper.recorder import bounds
from callkeeper.recorder.retired_users import Retired
from callkeeper.recorder.user_import import UserImport, names, plan_import

ADA = User(id="ada", name="Ada", email="ada@x.example", lines=(line(extension="2001"),), groups=("sales",))
BOB = User(id="bob", name="Bob", email="bob@x.example")


@pytest.fixture
def free(tmp_path: Path) -> Stage:
    """A recorder whose users are written over the API."""
    return stage(tmp_path, directory=None)


async def import_(recorder: Stage, content: Any, query: str = "", media_type: str = "text/csv; charset=utf-8") -> Any:
    headers = {"Content-Type": media_type}
    return await recorder.ask("administrator", "POST", f"/v1/users:import{query}", content=content, headers=headers)


def planned(text: str, *users: User, restore: bool = False, **retired: Retired) -> UserImport:
    return plan_import(parse_users(text), Directory.of(users), retired, restore=restore)


def results(found: UserImport) -> list[tuple[int, str, str | None]]:
    return [(one.line, one.result.value, one.id) for one in found.report]


def test_each_line_is_created_changed_unchanged_or_a_problem() -> None:
    found = planned("id,name\nada,Ada\nbob,Robert\n\nzoe,Zoe\n,Nobody\nada,Twice\n", ADA, BOB)
    assert results(found) == [
        (2, "unchanged", "ada"),
        (3, "changed", "bob"),
        (5, "created", "zoe"),
        (6, "problem", None),
        (7, "problem", None),
    ]
    assert found.counts() == {"created": 1, "changed": 1, "unchanged": 1, "problem": 2}


def test_a_column_that_is_not_there_leaves_what_a_user_had_and_an_empty_cell_clears() -> None:
    (kept,) = planned("id,surname\nada,Verdi\n", ADA).users
    assert (kept.name, kept.lines, kept.surname) == ("Ada", ADA.lines, "Verdi")
    (cleared,) = planned("id,lines\nada,\n", ADA).users
    assert (cleared.name, cleared.lines) == ("Ada", ())


def test_two_users_may_swap_their_addresses() -> None:
    found = planned("id,email\nada,bob@x.example\nbob,ada@x.example\n", ADA, BOB)
    assert [user.email for user in found.users] == ["bob@x.example", "ada@x.example"]


def test_who_keeps_an_address_because_the_own_line_is_wrong_takes_the_line_of_the_other_along() -> None:
    zoe = User(id="zoe", email="zoe@x.example")
    # Bob wants Zoe's, who stays: so Bob keeps his own, which Ada wants.
    found = planned("id,email\nada,bob@x.example\nbob,zoe@x.example\n", ADA, BOB, zoe)
    assert [one.result for one in found.report] == ["problem", "problem"]
    too_many = ";".join(str(number) for number in range(bounds.LINES_PER_USER + 1))
    found = planned(f"id,email,lines\nada,bob@x.example,\nbob,new@x.example,{too_many}\n", ADA, BOB)
    assert [(one.result.value, one.column) for one in found.report] == [("problem", "email"), ("problem", "lines")]


def test_the_id_of_somebody_who_was_deleted_is_a_problem_of_its_line() -> None:
    gone = Retired.of(ADA, "2026-01-01T00:00:00.000000Z")
    assert [one.column for one in planned("id,email\nada,eve@x.example\n", ada=gone).problems] == ["id"]
    assert not planned("id,email\nada,ADA@x.example\n", ada=gone).problems
    assert not planned("id,email\nada,eve@x.example\n", ada=gone, restore=True).problems


def test_users_beyond_the_most_there_may_be_are_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "DIRECTORY_USERS", 2)
    found = planned("id\nzoe\nbob\neve\n", BOB)
    assert results(found) == [(2, "created", "zoe"), (3, "unchanged", "bob"), (4, "problem", "eve")]


IDS = ["ada", "bob", "zoe", "eve@x.example"]
EMAILS = ["", "ada@x.example", "BOB@x.example", "eve@x.example", "new@x.example"]
PEOPLE = st.dictionaries(st.sampled_from(IDS), st.sampled_from(EMAILS), max_size=4)
LINES = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(EMAILS)), max_size=6)


def unique(users: list[User]) -> bool:
    taken = [name for user in users for name in names(user)]
    return len(set(taken)) == len(taken)


@given(people=PEOPLE.map(lambda found: [User(id=name, email=email) for name, email in found.items()]), lines=LINES)
def test_whatever_the_file_no_address_has_two_users_and_every_line_is_told(
    people: list[User], lines: list[tuple[str, str]]
) -> None:
    if not unique(people):
        return
    text = "id,email\n" + "".join(f"{name},{email}\n" for name, email in lines)
    found = planned(text, *people)
    after = Directory.of(people).with_changes(found.users)
    assert unique(list(after.users.values()))
    assert [one.line for one in found.report] == list(range(2, len(lines) + 2))
    assert {user.id for user in found.users} == {one.id for one in found.report if one.result in {"created", "changed"}}
    assert not planned(
        "id,email\n" + "".join(f"{user.id},{user.email}\n" for user in found.users), *after.users.values()
    ).users


async def test_all_lines_are_imported_or_none(free: Stage) -> None:
    text = "id,licences\nada,CallRecording\nbob,\neve,Recording\n"
    refused = await import_(free, text)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-users")
    (problem,) = refused.json()["problems"]
    assert (problem["line"], problem["column"], refused.json()["problemCount"]) == (4, "licences", 1)
    assert not free.recorder.users.directory.users
    assert free.audit.rows == []
    some = await import_(free, text, "?skipBad=true")
    assert (some.status_code, some.json()["applied"]) == (200, True)
    assert some.json()["revision"] == free.recorder.users.directory.revision
    assert some.json()["counts"] == {"created": 2, "changed": 0, "unchanged": 0, "problem": 1}
    assert [one["result"] for one in some.json()["lines"]] == ["created", "created", "problem"]
    assert free.audit.actions == ["ImportUsers", "GrantLicense"]
    assert free.audit.rows[0][2] == free.audit.rows[0][2] | {"added": 2, "changed": 0, "users": 2}


async def test_a_dry_run_tells_the_same_and_does_nothing(free: Stage) -> None:
    dry = await import_(free, "id\nada\n,\nx\x01\n", "?dryRun=true")
    assert (dry.status_code, dry.json()["applied"]) == (200, False)
    assert dry.json()["counts"] == {"created": 1, "changed": 0, "unchanged": 0, "problem": 1}
    assert not free.recorder.users.directory.users
    assert free.audit.rows == []


async def test_the_same_file_again_changes_nothing(free: Stage) -> None:
    assert (await import_(free, "\ufeffid,groups\r\nada,b;a\r\n".encode())).json()["applied"] is True
    again = await import_(free, "id,groups\nada,a;b\n")
    assert (again.json()["applied"], again.json()["counts"]["unchanged"]) == (False, 1)
    assert free.audit.actions == ["ImportUsers"]


async def test_what_is_no_utf_8_or_no_csv_is_a_problem_with_its_line(free: Stage) -> None:
    for content, where in ((b"id\nada\n\xff\n", "line 3: byte 0xff"), (b"", "line 1: no header"), (b"nothing\n", "id")):
        answer = await import_(free, content)
        assert answer.status_code == 422
        assert where in answer.json()["detail"]
    other = await import_(free, "id\n", media_type="application/json")
    assert (other.status_code, other.json()["type"]) == (415, "/problems/unsupported-media-type")


async def test_a_number_in_a_wrong_line_is_not_repeated(free: Stage) -> None:
    answer = await import_(free, "id,lines\nada,+39029876x5432\n")
    assert answer.status_code == 422
    assert "9876" not in answer.text


async def test_a_file_is_cut_off_at_its_bound(free: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "CONFIG_BODY_BYTES", 2 * bounds.BODY_BYTES)
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 20 * bounds.BODY_BYTES:
            sent += 65_536
            yield b"x" * 65_536

    answer = await import_(free, chunks())
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
    assert sent <= 2 * bounds.BODY_BYTES + 65_536
    assert not free.recorder.users.directory.users
