"""The gate in the recorder: what a config takes away needs the word for it, whoever sends it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest
from tests.recorder.recordings.kept import RULE, Died, kept, recorded, ruled, sent
from tests.recorder.stage import BLACKLIST, Stage, config, stage

from callkeeper.audit.actions import Action
from callkeeper.policy.config import AuditSection, BlacklistEntry, RecorderConfig
from callkeeper.policy.config_json import to_json
from callkeeper.recorder.programming import Foreseen

HOLDS = "/v1/conversations/c-1/holds"


def word(text: str, carrier: str = RULE) -> dict[str, Any]:
    return {"confirmations": [{"object": carrier, "text": text}]}


def refused(answer: httpx.Response) -> Sequence[str]:
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/confirmation-required"), answer.text
    return [one["text"] for one in answer.json()["confirmations"]]


async def hold(of: Stage) -> None:
    assert (await of.ask("user:ada", "POST", HOLDS, json={"reason": "case 7"})).status_code == 201


async def test_a_shorter_retention_needs_the_line_it_is_refused_with(recorder: Stage) -> None:
    await recorder.program(ruled("forever", "365d"))
    for number in range(3):
        await recorded(recorder, f"n-{number}")
        recorder.clock.forward(3600)
    answer = await recorder.put(ruled("2h", "365d"))
    (text,) = refused(answer)
    assert text == "retention=forever->2h shortens<=3 deletes<=2 holds<=0"
    assert answer.json()["effects"]["deletes"] == 2
    assert RULE in answer.json()["next"]
    assert recorder.recorder.programming.config == ruled("forever", "365d")
    assert (await recorder.put(ruled("2h", "365d"), **word(text))).status_code == 200
    assert (await recorder.recorder.sweeper.once()).expired == 2


@pytest.mark.parametrize(
    "given",
    [
        {},
        word("retention=forever->90d shortens<=0 deletes<=0 holds<=0"),
        word("retention=forever->91d shortens<=9 deletes<=9 holds<=9"),
        word("extraRetention=365d->disabled shortens<=9 deletes<=9 holds<=9"),
        word("retention=forever->90d shortens<=9 deletes<=9 holds<=9", "Blacklist/voice/numbers"),
        word("anything goes"),
        word("removes<=100", "Recorder/voice/r"),
    ],
)
async def test_another_word_does_not_do(recorder: Stage, given: dict[str, Any]) -> None:
    await recorder.program(ruled("forever", "365d"))
    await recorded(recorder)
    assert refused(await recorder.put(ruled("90d", "365d"), **given))


@pytest.mark.parametrize("carrier", [RULE, "RetentionRule/voice/another", "Recorder/voice/r"])
async def test_the_rule_or_the_recorder_carries_it(recorder: Stage, carrier: str) -> None:
    await recorder.program(ruled("forever", "365d"))
    await recorded(recorder)
    given = word("retention=forever->90d shortens<=1 deletes<=0 holds<=0", carrier)
    assert (await recorder.put(ruled("90d", "365d"), **given)).status_code == 200


async def test_a_word_is_spent_once_also_after_a_restart(recorder: Stage) -> None:
    given = word("retention=forever->90d shortens<=9 deletes<=9 holds<=9")
    await recorder.program(ruled("forever"))
    await recorded(recorder)
    assert (await recorder.put(ruled("90d"), **given)).status_code == 200
    assert (await recorder.put(ruled("forever"))).status_code == 200
    again = stage(recorder.folder)
    answer = await again.put(ruled("90d"), **given)
    assert refused(answer)
    assert "used for an earlier change" in answer.json()["detail"]


async def test_without_recordings_nothing_needs_a_word(recorder: Stage) -> None:
    for wanted in (ruled("forever"), ruled("90d"), ruled("1h", "disabled"), ruled("90d", "unlimited")):
        assert (await recorder.put(wanted)).status_code == 200


async def test_the_first_config_over_recordings_needs_one_as_well(recorder: Stage) -> None:
    await recorder.program(config())
    await recorded(recorder)
    (recorder.folder / "recorder" / "current.json").unlink()
    again = stage(recorder.folder)
    assert refused(await again.put(ruled("90d"), headers={"If-None-Match": "*"}))


async def test_holds_that_lose_extra_retention_are_released_one_by_one_with_a_day_of_grace(recorder: Stage) -> None:
    await recorder.program(ruled("1h", "365d"))
    one = await recorded(recorder)
    await hold(recorder)
    recorder.clock.forward(1)
    await hold(recorder)
    recorder.clock.forward(7200)
    (text,) = refused(await recorder.put(ruled("1h", "disabled")))
    assert text == "extraRetention=365d->disabled shortens<=1 deletes<=0 holds<=2"
    assert (await recorder.put(ruled("1h", "disabled"), **word(text))).status_code == 200
    released = await sent(recorder, Action.RELEASE_HOLD)
    assert len({event.details["hold"] for event in released}) == 2
    assert {event.email for event in released} == {"system:the-settings"}
    recorder.clock.forward(86_399)
    assert (await recorder.recorder.sweeper.once()).expired == 0
    assert await kept(recorder, one) is not None
    recorder.clock.forward(1)
    assert (await recorder.recorder.sweeper.once()).expired == 1


async def test_a_release_that_was_broken_off_is_made_up_for_by_the_sweeper(recorder: Stage) -> None:
    await recorder.program(ruled("1h", "365d"))
    one = await recorded(recorder)
    await hold(recorder)
    gate = recorder.recorder.programming._gate

    async def dies(*_: object, **__: object) -> None:
        raise Died

    gate.came_into_force = dies  # type: ignore[method-assign]
    text = word("extraRetention=365d->disabled shortens<=1 deletes<=0 holds<=1")
    with pytest.raises(Died):
        await recorder.put(ruled("1h", "disabled"), **text)
    again = stage(recorder.folder)
    again.clock.instant = recorder.clock.instant
    again.clock.forward(5 * 3600)
    sweep = await again.recorder.sweeper.once()
    assert (sweep.released, sweep.expired) == (1, 0)
    (event,) = await sent(again, Action.RELEASE_HOLD)
    assert event.email == "system:retention"
    again.clock.forward(86_400)
    assert (await again.recorder.sweeper.once()).expired == 1
    assert await kept(again, one) is None


async def test_a_promised_minimum_outlives_the_rule_that_made_it(recorder: Stage) -> None:
    await recorder.program(ruled("90d", minimum="30d"))
    before = await recorded(recorder, "n-1")
    assert (await recorder.put(ruled("90d", minimum="none"))).status_code == 200
    after = await recorded(recorder, "n-2")
    kept_until = (await recorder.ask("user:ada", "GET", f"/v1/recordings/{before}")).json()["retention"]
    assert kept_until["minimumUntil"] == "2026-03-31T12:01:00.000000Z"
    assert (await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{before}")).status_code == 409
    assert (await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{after}")).status_code == 204
    recorder.clock.forward(31 * 86_400)
    assert (await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{before}")).status_code == 204


def while_counting(recorder: Stage, doing: Callable[[], Awaitable[Any]]) -> None:
    """Have this done once, when the next programme has been counted beforehand and before it has its turn."""
    gate = recorder.recorder.programming._gate
    foresee = gate.foresee

    async def seen(*args: Any, **more: Any) -> Foreseen:
        found = await foresee(*args, **more)
        gate.foresee = foresee  # type: ignore[method-assign]
        await doing()
        return found

    gate.foresee = seen  # type: ignore[method-assign]


async def test_what_ends_while_a_put_is_counted_counts_once(recorder: Stage) -> None:
    await recorder.program(ruled("forever"))
    await recorded(recorder, "n-1", seconds=600)
    recorder.clock.forward(600)
    open_one = await recorder.segment(nativeId="n-2")

    async def doing() -> None:
        await recorder.event(open_one, "end")
        await recorded(recorder, "n-3")

    while_counting(recorder, doing)
    expected = ["retention=forever->90d shortens<=3 deletes<=0 holds<=0"]
    assert refused(await recorder.put(ruled("90d"))) == expected
    assert refused(await recorder.put(ruled("90d"))) == expected


async def test_holds_are_placed_while_a_put_is_counted_and_count(recorder: Stage) -> None:
    await recorder.program(ruled("forever", "365d"))
    await recorded(recorder, "n-1")
    recorder.clock.forward(600)
    given = word("retention=forever->90d extraRetention=365d->disabled shortens<=1 deletes<=0 holds<=0")
    while_counting(recorder, lambda: hold(recorder))
    (text,) = refused(await recorder.put(ruled("90d", "disabled"), **given))
    assert text == "retention=forever->90d extraRetention=365d->disabled shortens<=1 deletes<=0 holds<=1"


async def test_what_was_counted_for_another_config_does_not_count(recorder: Stage) -> None:
    await recorder.program(ruled("90d"))
    await recorded(recorder, "n-1")
    recorder.clock.forward(600)

    async def doing() -> None:
        assert (await recorder.put(ruled("forever"))).status_code == 200

    while_counting(recorder, doing)
    answer = await recorder.put(ruled("80d"), headers={"If-Match": "*"})
    assert refused(answer) == ["retention=forever->80d shortens<=1 deletes<=0 holds<=0"]


async def test_a_minimum_is_promised_to_what_ends_while_a_put_is_counted(recorder: Stage) -> None:
    await recorder.program(ruled("90d", minimum="30d"))
    before = await recorded(recorder, "n-1")
    recorder.clock.forward(600)
    after: list[str] = []

    async def doing() -> None:
        after.append(await recorded(recorder, "n-2"))

    while_counting(recorder, doing)
    assert (await recorder.put(ruled("90d", minimum="none"))).status_code == 200
    for name in (before, *after):
        assert (await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{name}")).status_code == 409


def blacklist(count: int, first: int = 0) -> RecorderConfig:
    patterns = [f"90{number:04}" for number in range(first, first + count)]
    return config(blacklist=tuple(BlacklistEntry(pattern=text, object=BLACKLIST, entry=text) for text in patterns))


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (30, 15, None),
        (40, 19, "removes<=21"),
        (20, 0, "removes<=20"),
        (19, 0, None),
        (300, 0, "removes<=300"),
    ],
)
async def test_most_of_the_blacklist_goes_with_a_word_only(
    recorder: Stage, before: int, after: int, text: str | None
) -> None:
    await recorder.program(blacklist(before))
    answer = await recorder.put(blacklist(after))
    if text is None:
        assert answer.status_code == 200
        return
    assert refused(answer) == [text]
    assert answer.json()["confirmations"][0]["object"] == BLACKLIST
    too_few = f"removes<={int(text.split('=')[1]) - 1}"
    assert refused(await recorder.put(blacklist(after), **word(too_few, BLACKLIST)))
    assert (await recorder.put(blacklist(after), **word(text, BLACKLIST))).status_code == 200


async def test_a_shorter_audit_log_needs_a_word(recorder: Stage) -> None:
    wanted = config(audit=AuditSection(retention="90d", object="AuditLog/voice/log"))
    await recorder.program(config())
    assert refused(await recorder.put(wanted)) == ["auditRetention=forever->90d"]
    given = word("auditRetention=forever->90d", "AuditLog/voice/log")
    assert (await recorder.put(wanted, **given)).status_code == 200


async def test_the_check_counts_what_the_put_is_held_to(recorder: Stage) -> None:
    await recorder.program(ruled("forever", "365d"))
    await recorded(recorder)
    await hold(recorder)
    wanted = ruled("90d", "disabled")
    body = {"owner": "folder:here", "epoch": 1, "config": to_json(wanted)}
    effects = (await recorder.ask("settings", "POST", "/v1/config:check", json=body)).json()["effects"]
    answer = await recorder.put(wanted)
    assert refused(answer)
    assert answer.json()["effects"] == {name: effects[name] for name in answer.json()["effects"]}


async def test_the_check_names_some_of_the_recordings_it_takes_something_from(recorder: Stage) -> None:
    await recorder.program(ruled("forever", "365d"))
    names = [await recorded(recorder, f"n-{number}", conversation=f"c-{number}") for number in range(22)]
    answer = await recorder.ask("user:ada", "POST", "/v1/conversations/c-0/holds", json={"reason": "case 7"})
    held = answer.json()["id"]

    async def affected(wanted: RecorderConfig) -> list[dict[str, Any]]:
        body = {"owner": "folder:here", "epoch": 1, "config": to_json(wanted)}
        answer = await recorder.ask("settings", "POST", "/v1/config:check", json=body)
        found: list[dict[str, Any]] = answer.json()["effects"]["affectedRecordings"]
        return found

    assert await affected(ruled("forever", "365d")) == []
    (lost,) = await affected(ruled("forever", "disabled"))
    assert (lost["recording"], lost["holds"], lost["deleted"]) == (names[0], [held], False)
    shortened = await affected(ruled("90d", "disabled"))
    assert len(shortened) == 20
    assert {one["recording"] for one in shortened} < set(names)
    assert {one["was"] for one in shortened} == {None}
    assert all(one["becomes"] > "2026" and not one["deleted"] for one in shortened)


async def test_what_ended_while_the_word_was_on_its_way_counts(recorder: Stage) -> None:
    await recorder.program(ruled("forever"))
    await recorded(recorder, "n-1")
    (text,) = refused(await recorder.put(ruled("90d")))
    await recorded(recorder, "n-2")
    assert refused(await recorder.put(ruled("90d"), **word(text))) == [
        "retention=forever->90d shortens<=2 deletes<=0 holds<=0"
    ]
