"""Putting a config in force: preconditions, owners, epochs, what is kept, what is spent."""

from pathlib import Path

import pytest
from tests.recorder.stage import BLACKLIST, Stage, config, stage

from callkeeper.policy.compile import UsedConfirmation
from callkeeper.policy.config import BlacklistEntry, RecorderConfig, RetentionSection
from callkeeper.policy.config_json import revision, to_json
from callkeeper.recorder import bounds


def blacklist(*patterns: str) -> RecorderConfig:
    return config(blacklist=tuple(BlacklistEntry(pattern=text, object=BLACKLIST, entry=text) for text in patterns))


async def test_before_the_first_config_there_is_none(recorder: Stage) -> None:
    answer = await recorder.ask("settings", "GET", "/v1/config")
    assert (answer.json()["revision"], answer.json()["config"], answer.json()["epoch"]) == (None, None, 0)
    assert "etag" not in answer.headers


async def test_what_was_put_is_read_back_with_its_revision(recorder: Stage) -> None:
    put = await recorder.put(config())
    assert put.json() == {"revision": revision(config()), "changed": True}
    read = await recorder.ask("auditor", "GET", "/v1/config")
    assert read.json()["config"] == to_json(config())
    assert (read.json()["owner"], read.json()["epoch"]) == ("folder:here", 1)
    assert read.headers["etag"] == put.headers["etag"] == f'"{revision(config())}"'
    unchanged = await recorder.ask("auditor", "GET", "/v1/config", headers={"If-None-Match": read.headers["etag"]})
    assert unchanged.status_code == 304


async def test_a_restart_comes_back_with_the_same(recorder: Stage) -> None:
    await recorder.program(blacklist("90XX"))
    again = stage(recorder.folder)
    assert again.recorder.programming.config == blacklist("90XX")
    assert again.recorder.programming.stored == recorder.recorder.programming.stored


async def test_the_same_config_again_writes_nothing(recorder: Stage) -> None:
    await recorder.program(config())
    pointer = recorder.folder / "recorder" / "current.json"
    before = pointer.stat()
    recorder.clock.forward(60)
    answer = await recorder.put(config(), headers={"If-None-Match": "*"})
    assert answer.json() == {"revision": revision(config()), "changed": False}
    assert (pointer.stat().st_ino, pointer.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_a_higher_epoch_of_the_same_config_is_kept(recorder: Stage) -> None:
    await recorder.program(config())
    answer = await recorder.put(config(), epoch=5)
    assert answer.json()["changed"] is False
    stale = await stage(recorder.folder).put(config("OnDemand"), epoch=4)
    assert (stale.status_code, stale.json()["type"], stale.json()["epoch"]) == (409, "/problems/stale-epoch", 5)
    assert (await recorder.put(config("OnDemand"), epoch=5)).status_code == 200


async def test_another_owner_has_to_take_over_and_is_audited(recorder: Stage) -> None:
    await recorder.program(config())
    refused = await recorder.put(config("OnDemand"), owner="cluster:x")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/owner-conflict")
    assert "folder:here" in refused.json()["detail"]
    assert "take" in refused.json()["next"]
    assert recorder.audit.rows == []
    taken = await recorder.put(config("OnDemand"), owner="cluster:x", takeOver=True)
    assert taken.status_code == 200
    ((action, actor, details),) = recorder.audit.rows
    assert (action.value, actor.principal.id, actor.ip_address) == ("ForeignConfig", "the-settings", "192.0.2.7")
    assert (details["owner"], details["revision"]) == ("cluster:x", revision(config("OnDemand")))
    back = await recorder.put(config(), epoch=9)
    assert back.json()["type"] == "/problems/owner-conflict"


async def test_taking_over_with_a_lower_epoch_is_stale(recorder: Stage) -> None:
    await recorder.put(config(), epoch=7)
    answer = await recorder.put(config("OnDemand"), owner="cluster:x", epoch=6, takeOver=True)
    assert answer.json()["type"] == "/problems/stale-epoch"


async def test_taking_over_without_an_audit_row_is_refused_and_changes_nothing(recorder: Stage) -> None:
    await recorder.program(config())
    recorder.audit.failing = True
    answer = await recorder.put(config("OnDemand"), owner="cluster:x", takeOver=True)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/audit-unavailable")
    assert recorder.recorder.programming.config == config()


@pytest.mark.parametrize(
    ("headers", "status", "problem"),
    [
        ({}, 428, "precondition-required"),
        ({"If-None-Match": '"abc"'}, 428, "precondition-required"),
        ({"If-None-Match": "*"}, 412, "revision-mismatch"),
        ({"If-Match": '"abc"'}, 412, "revision-mismatch"),
        ({"If-Match": "abc"}, 412, "revision-mismatch"),
        ({"If-Match": f'W/"{revision(config())}"'}, 412, "revision-mismatch"),
    ],
)
async def test_a_put_for_another_state_is_refused(
    recorder: Stage, headers: dict[str, str], status: int, problem: str
) -> None:
    await recorder.program(config())
    answer = await recorder.put(config("OnDemand"), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}")
    assert recorder.recorder.programming.config == config()


@pytest.mark.parametrize("header", ["*", f'"{revision(config())}"', f'"abc", "{revision(config())}"'])
async def test_a_put_for_this_state_is_taken(recorder: Stage, header: str) -> None:
    await recorder.program(config())
    assert (await recorder.put(config("OnDemand"), headers={"If-Match": header})).status_code == 200


async def test_if_match_without_a_config_in_force_is_refused(recorder: Stage) -> None:
    answer = await recorder.put(config(), headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["revision"]) == (412, None)


async def test_an_invalid_config_is_refused_with_its_path(recorder: Stage) -> None:
    await recorder.program(config())
    value = to_json(blacklist("90XX"))
    value["blacklist"]["entries"][0]["pattern"] = "90YY"
    answer = await recorder.put(value)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-config")
    assert answer.json()["path"].startswith("$.blacklist.entries[0]")
    assert recorder.recorder.programming.config == config()


async def test_confirmations_are_spent_with_the_change_they_came_with(recorder: Stage) -> None:
    given = {"object": "RetentionRule/voice/r", "text": "retention=forever->90d shortens<=1 deletes<=0 holds<=0"}
    key = UsedConfirmation(object=given["object"], text=given["text"]).spent_key
    await recorder.program(config())
    await recorder.put(config(), confirmations=[given])
    read = await recorder.ask("settings", "GET", "/v1/config")
    assert read.json()["spentConfirmations"] == []
    shorter = config(retention=RetentionSection(retention="90d"))
    await recorder.put(shorter, confirmations=[given])
    for asked in (recorder, stage(recorder.folder)):
        read = await asked.ask("settings", "GET", "/v1/config")
        assert read.json()["spentConfirmations"] == [key]


async def test_the_last_twenty_bodies_are_kept_and_no_more(recorder: Stage) -> None:
    configs = [blacklist(f"90{number:02}") for number in range(bounds.CONFIG_HISTORY + 3)]
    for wanted in configs:
        await recorder.program(wanted)
    for wanted in configs[3:]:
        answer = await recorder.ask("auditor", "GET", f"/v1/config/{revision(wanted)}")
        assert answer.json() == to_json(wanted)
    for wanted in (*configs[:3], blacklist("1")):
        answer = await recorder.ask("auditor", "GET", f"/v1/config/{revision(wanted)}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-revision")
    assert len(list((recorder.folder / "recorder" / "configs").iterdir())) == bounds.CONFIG_HISTORY


async def test_a_config_that_returns_counts_once(recorder: Stage) -> None:
    for mode in ("AlwaysOn", "OnDemand", "AlwaysOn"):
        await recorder.program(config(mode))
    stored = recorder.recorder.programming.stored
    assert stored is not None
    assert stored.pointer.history == (revision(config("AlwaysOn")), revision(config("OnDemand")))


async def test_a_user_reads_what_holds_for_them_and_nothing_of_others(recorder: Stage) -> None:
    await recorder.program(blacklist("+390298765432"))
    answer = await recorder.ask("user:ada", "GET", "/v1/config")
    assert (answer.json()["user"], answer.json()["mode"], answer.json()["licensed"]) == ("ada", "AlwaysOn", True)
    assert answer.json()["source"]["line"] == 14
    assert "0298765432" not in answer.text
    assert "overrides" not in answer.text


async def test_a_hundred_thousand_entries_are_taken(tmp_path: Path) -> None:
    recorder = stage(tmp_path)
    wanted = blacklist(*(f"+39{number:09}" for number in range(100_000)))
    await recorder.program(wanted)
    answer = await recorder.ask("settings", "GET", "/v1/config")
    assert answer.json()["revision"] == revision(wanted)
