"""Notes and tags: whose they are, what bounds them, and that each leaves its row or nothing."""

import pytest
from tests.recorder.recordings.kept import recorded, ruled
from tests.recorder.stage import Stage

from callkeeper.recorder import bounds


@pytest.fixture
async def one(recorder: Stage) -> str:
    await recorder.program(ruled())
    return f"/v1/recordings/{await recorded(recorder)}"


async def notes(stage: Stage, one: str) -> list[tuple[str, str]]:
    answer = await stage.ask("administrator", "GET", one)
    return [(note["author"], note["text"]) for note in answer.json()["notes"]]


async def test_a_note_is_added_changed_and_deleted(recorder: Stage, one: str) -> None:
    added = await recorder.ask("user:ada", "POST", f"{one}/notes", json={"text": "call back\non Monday"})
    assert (added.status_code, added.json()["author"], added.json()["editedAt"]) == (201, "ada", None)
    note = f"{one}/notes/{added.json()['id']}"
    recorder.clock.forward(5)
    edited = await recorder.ask("user:ada", "PUT", note, json={"text": "done"})
    assert (edited.json()["text"], edited.json()["editedAt"]) == ("done", "2026-03-01T12:01:05.000000Z")
    assert (await recorder.ask("user:ada", "DELETE", note)).status_code == 204
    assert await notes(recorder, one) == []
    assert (await recorder.ask("user:ada", "DELETE", note)).json()["type"] == "/problems/unknown-note"
    assert recorder.audit.actions[:3] == ["AddNote", "UpdateNote", "DeleteNote"]
    assert "Monday" not in str(recorder.audit.rows)


@pytest.mark.parametrize(
    ("token", "status"),
    [("user:ada", 200), ("administrator", 200), ("supervisor:sue", 403), ("user:bob", 404), ("user:eve", 404)],
)
async def test_a_note_is_changed_by_its_author_and_by_administrators(
    recorder: Stage, one: str, token: str, status: int
) -> None:
    added = await recorder.ask("user:ada", "POST", f"{one}/notes", json={"text": "mine"})
    note = f"{one}/notes/{added.json()['id']}"
    assert (await recorder.ask(token, "PUT", note, json={"text": "theirs"})).status_code == status
    assert await notes(recorder, one) == [("ada", "theirs" if status == 200 else "mine")]
    assert (await recorder.ask(token, "DELETE", note)).status_code == (204 if status == 200 else status)


async def test_a_note_is_found_only_on_its_own_recording(recorder: Stage, one: str) -> None:
    added = await recorder.ask("user:ada", "POST", f"{one}/notes", json={"text": "mine"})
    other = f"/v1/recordings/{await recorded(recorder, 'n-2')}"
    answer = await recorder.ask("user:ada", "DELETE", f"{other}/notes/{added.json()['id']}")
    assert answer.json()["type"] == "/problems/unknown-note"


async def test_tags_are_set_and_taken_away_once(recorder: Stage, one: str) -> None:
    for expected in (["vip"], ["vip"]):
        answer = await recorder.ask("supervisor:sue", "PUT", f"{one}/tags/vip")
        assert answer.json() == {"tags": expected}
    assert (await recorder.ask("user:ada", "PUT", f"{one}/tags/a%20b")).json() == {"tags": ["a b", "vip"]}
    for _ in range(2):
        assert (await recorder.ask("user:ada", "DELETE", f"{one}/tags/vip")).json() == {"tags": ["a b"]}
    assert recorder.audit.actions == ["AddTag", "AddTag", "RemoveTag"]


@pytest.mark.parametrize("tag", ["%20x", "a%2Fb", "x" * 65, "a%0Ab"])
async def test_what_is_no_tag_is_refused(recorder: Stage, one: str, tag: str) -> None:
    answer = await recorder.ask("user:ada", "PUT", f"{one}/tags/{tag}")
    assert answer.status_code in {404, 422}


@pytest.mark.parametrize("text", ["", "x" * (bounds.NOTE_CHARACTERS + 1), "a\x00b"])
async def test_what_is_no_note_is_refused(recorder: Stage, one: str, text: str) -> None:
    answer = await recorder.ask("user:ada", "POST", f"{one}/notes", json={"text": text})
    assert answer.json()["type"] == "/problems/invalid-request"


async def test_a_recording_takes_so_many_and_no_more(
    recorder: Stage, one: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "NOTES", 2)
    monkeypatch.setattr(bounds, "TAGS", 2)
    for number in range(2):
        assert (await recorder.ask("user:ada", "POST", f"{one}/notes", json={"text": "x"})).status_code == 201
        assert (await recorder.ask("user:ada", "PUT", f"{one}/tags/t{number}")).status_code == 200
    answer = await recorder.ask("user:ada", "POST", f"{one}/notes", json={"text": "x"})
    assert answer.json()["type"] == "/problems/too-many-notes"
    assert (await recorder.ask("user:ada", "PUT", f"{one}/tags/t2")).json()["type"] == "/problems/too-many-tags"
    assert (await recorder.ask("user:ada", "PUT", f"{one}/tags/t1")).status_code == 200


async def test_without_a_row_nothing_is_changed(recorder: Stage, one: str) -> None:
    recorder.audit.failing = True
    for method, path, more in (
        ("POST", "/notes", {"json": {"text": "x"}}),
        ("PUT", "/tags/vip", {}),
    ):
        answer = await recorder.ask("user:ada", method, one + path, **more)
        assert answer.json()["type"] == "/problems/audit-unavailable"
    recorder.audit.failing = False
    answer = (await recorder.ask("user:ada", "GET", one)).json()
    assert (answer["notes"], answer["tags"]) == ([], [])
