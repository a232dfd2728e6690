"""Deleting and erasure over HTTP: who may, what protects, what stays."""

from collections.abc import Mapping, Sequence

import pytest
from tests.recorder.recordings.kept import kept, recorded, ruled, sent, with_media
from tests.recorder.stage import Stage

from callkeeper.audit.actions import Action
from callkeeper.recorder.store.recording import KeptRecording

HOLDS = "/v1/conversations/c-1/holds"


async def hold(stage: Stage) -> str:
    answer = await stage.ask("administrator", "POST", HOLDS, json={"reason": "case 7"})
    return f"{HOLDS}/{answer.json()['id']}:release"


@pytest.mark.parametrize(
    ("token", "status"),
    [("user:ada", 204), ("administrator", 204), ("user:bob", 404), ("supervisor:sue", 403), ("auditor", 403)],
)
async def test_a_recording_is_deleted_by_its_user_and_by_administrators(
    recorder: Stage, token: str, status: int
) -> None:
    await recorder.program(ruled())
    one = await recorded(recorder)
    media = await with_media(recorder, one)
    file = recorder.folder / "recorder" / "media" / media.path
    assert (await recorder.ask(token, "DELETE", f"/v1/recordings/{one}")).status_code == status
    assert (await kept(recorder, one) is None) is (status == 204)
    assert file.exists() is (status != 204)
    assert len(await sent(recorder, Action.DELETE_RECORDING)) == (status == 204)


async def test_deleting_again_is_answered_with_the_tombstone(recorder: Stage) -> None:
    await recorder.program(ruled())
    one = await recorded(recorder)
    assert (await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{one}")).status_code == 204
    assert (await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{one}")).status_code == 410
    assert len(await sent(recorder, Action.DELETE_RECORDING)) == 1


async def test_what_is_protected_is_deleted_by_nobody_and_the_refusal_is_audited(recorder: Stage) -> None:
    await recorder.program(ruled("forever", minimum="30d"))
    segment = await recorder.segment()
    await recorder.recorder.calls.kept()
    one = f"{segment}-1"
    reasons = []

    async def refused() -> None:
        answer = await recorder.ask("administrator", "DELETE", f"/v1/recordings/{one}")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/recording-protected")
        reasons.append(answer.json()["reason"])

    await refused()
    await recorder.event(segment, "end")
    await recorder.recorder.calls.kept()
    await refused()
    recorder.clock.forward(31 * 86_400)
    release = await hold(recorder)
    await refused()
    await recorder.ask("administrator", "POST", release)
    assert (await recorder.ask("administrator", "DELETE", f"/v1/recordings/{one}")).status_code == 204
    assert reasons == ["Open", "MinimumRetention", "Held"]
    rows = [details for action, _, details in recorder.audit.rows if action is Action.REFUSE_DELETION]
    assert rows == [{"recording": one, "reason": reason} for reason in reasons]


async def test_media_that_cannot_be_removed_is_tried_again_by_the_sweeper(recorder: Stage) -> None:
    await recorder.program(ruled())
    one = await recorded(recorder)
    media = await with_media(recorder, one)
    file = recorder.folder / "recorder" / "media" / media.path
    remove = recorder.recorder.deleting._remover._media

    class Failing:
        async def remove(self, recordings: Sequence[KeptRecording]) -> Mapping[str, str]:
            return dict.fromkeys((one.id for one in recordings), "cannot remove it")

    recorder.recorder.deleting._remover._media = Failing()
    answer = await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{one}")
    assert answer.json()["type"] == "/problems/storage-failed"
    assert await kept(recorder, one) is None
    assert file.exists()
    assert (await recorder.ask("auditor", "GET", "/v1/retention")).json()["unreachable"] == 1
    assert remove is recorder.recorder.media
    assert (await recorder.recorder.sweeper.once()).finished == 1
    assert not file.exists()
    (event,) = await sent(recorder, Action.DELETE_RECORDING)
    assert (event.email, event.ip_address) == ("ada@example.com", "192.0.2.7")


async def test_an_unprotected_recording_is_erased_at_once(recorder: Stage) -> None:
    await recorder.program(ruled())
    one = await recorded(recorder)
    answer = await recorder.ask("user:ada", "POST", f"/v1/recordings/{one}:erase", json={"reason": "request 12"})
    assert (answer.status_code, answer.json()["executed"]) == (200, True)
    assert recorder.audit.rows[-1][2] == {"recording": one, "reason": "request 12"}
    (event,) = await sent(recorder)
    assert (event.action, event.email) == (Action.EXECUTE_ERASURE, "ada@example.com")
    tombstone = (await recorder.ask("user:ada", "GET", f"/v1/recordings/{one}")).json()["tombstones"][0]
    assert tombstone["why"] == "erased"
    assert (await recorder.ask("auditor", "GET", "/v1/retention")).json()["erasures"] == 0


async def test_a_held_recording_is_restricted_until_its_protection_ends_and_then_erased(recorder: Stage) -> None:
    await recorder.program(ruled())
    one = await recorded(recorder)
    await with_media(recorder, one)
    await recorder.ask("user:ada", "PUT", f"/v1/recordings/{one}/tags/vip")
    await recorder.ask("user:ada", "POST", f"/v1/recordings/{one}/notes", json={"text": "about him"})
    release = await hold(recorder)
    first = await recorder.ask("user:ada", "POST", f"/v1/recordings/{one}:erase", json={"reason": "request 12"})
    again = await recorder.ask("user:ada", "POST", f"/v1/recordings/{one}:erase", json={"reason": "request 12"})
    assert (first.status_code, first.json()) == (202, again.json())
    assert "hold" in first.json()["waitsFor"]
    # Neither its content nor that it fits a search for its content.
    details = (await recorder.ask("administrator", "GET", f"/v1/recordings/{one}")).json()
    withheld = [details[name] for name in ("parties", "tags", "notes", "media")]
    assert withheld == [[], [], [], None]
    for body in ({"number": "+390212345"}, {"tags": ["vip"]}, {"note": "him"}):
        answer = await recorder.ask("administrator", "POST", "/v1/recordings:search", json=body)
        assert answer.json()["items"] == []
    answer = await recorder.ask("administrator", "POST", "/v1/recordings:search", json={})
    assert [item["restricted"] for item in answer.json()["items"]] == [True]
    for method, path, more in (("PUT", "/tags/x", {}), ("POST", "/notes", {"json": {"text": "x"}})):
        answer = await recorder.ask("user:ada", method, f"/v1/recordings/{one}{path}", **more)
        assert answer.json()["type"] == "/problems/recording-restricted"
    assert (await recorder.recorder.sweeper.once()).finished == 0
    await recorder.ask("administrator", "POST", release)
    assert (await recorder.recorder.sweeper.once()).finished == 1
    assert (await recorder.ask("user:ada", "GET", f"/v1/recordings/{one}")).status_code == 410
    assert recorder.audit.actions.count("RequestErasure") == 1
    assert len(await sent(recorder, Action.EXECUTE_ERASURE)) == 1


async def test_a_request_to_erase_what_expires_first_is_carried_out_by_that(recorder: Stage) -> None:
    await recorder.program(ruled("1h", "1d"))
    one = await recorded(recorder)
    await hold(recorder)
    await recorder.ask("user:ada", "POST", f"/v1/recordings/{one}:erase", json={"reason": "request 12"})
    recorder.clock.forward(26 * 3600)
    assert (await recorder.recorder.sweeper.once()).expired == 1
    assert [event.action for event in await sent(recorder)] == [Action.EXPIRE_RECORDING, Action.EXECUTE_ERASURE]
    assert (await recorder.ask("auditor", "GET", "/v1/retention")).json()["erasures"] == 0


async def test_a_full_outbox_refuses_deletion(recorder: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await recorder.program(ruled())
    one = await recorded(recorder)
    monkeypatch.setattr("callkeeper.recorder.bounds.OUTBOX_ROWS", 0)
    answer = await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{one}")
    assert answer.json()["type"] == "/problems/audit-unavailable"
    assert await kept(recorder, one) is not None


async def test_while_the_clock_is_not_believed_a_promise_is_not_taken_for_over(recorder: Stage) -> None:
    await recorder.program(ruled("forever", minimum="30d"))
    one = await recorded(recorder)
    sweeper, guard = recorder.recorder.sweeper, recorder.recorder.guard
    await sweeper.once()
    recorder.clock.jump(recorder.clock.instant - recorder.clock.instant.replace(year=2016))
    await sweeper.once()
    assert guard.stopped
    answer = await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{one}")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/clock-not-accepted")
    assert (await recorder.ask("administrator", "POST", "/v1/retention:accept-clock")).status_code == 200
    assert (await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{one}")).status_code == 204
