"""Refused attempts: one row each, however they come and however often."""

import pytest
from tests.operator.attribution.feeder import Cluster, Operator, blacklist, note

from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.attribution import refusals
from callkeeper.operator.attribution.note import Source, Verb


@pytest.fixture
async def operator():
    cluster = Cluster()
    cluster.write("Recorder", "teams", {"endpoint": "https://recorder.example"})
    async with Operator(cluster) as operator:
        await operator.rows_of(1, still=0)
        cluster.logs[("voice", "teams")].events.clear()
        yield operator


def refused(number=1, *, name="never", user="mallory", source=Source.AUDIT, namespace="voice", **more):
    document = Cluster().write("Blacklist", name, blacklist("1"), namespace=namespace)
    more = {"uid": "", "generation": 0, "code": 403, "reason": "Forbidden", **more}
    return note(document, user, verb=Verb.CREATE, source=source, id=f"{source}-{number}-{name}-{user}", **more)


async def test_a_refused_attempt_is_a_row_with_what_was_tried_and_why_not(operator):
    operator.notes.take([refused()])
    (event,) = await operator.rows_of(1)
    assert (event.action.value, event.email, event.ip_address) == ("RefuseSettings", "mallory", "192.0.2.7")
    assert event.details == {
        "object": "Blacklist/voice/never",
        "attributedBy": "audit",
        "verb": "create",
        "code": 403,
        "reason": "Forbidden",
    }


async def test_an_attempt_that_both_webhooks_saw_is_one_row_with_the_rules(operator):
    first = operator.write("Blacklist", "seen", blacklist("1"))
    operator.notes.take([note(first, verb=Verb.CREATE, source=Source.AUDIT)])
    await operator.rows_of(1, still=0)
    operator.notes.take([refused(source=Source.ADMISSION, code=422, rules=("blacklist.pattern",))])
    operator.notes.take([refused(code=422, reason="Invalid")])
    event = (await operator.rows_of(2, still=0.3))[1]
    assert (event.details["rules"], event.details["reason"]) == (["blacklist.pattern"], "Invalid")
    assert "attempts" not in event.details


async def test_the_audits_word_after_the_row_makes_no_second(operator):
    operator.notes.take([refused(source=Source.ADMISSION)])
    await operator.rows_of(1, still=0)
    operator.notes.take([refused()])
    await operator.rows_of(1, still=0.3)
    assert operator.notes.open_notes() == ()


async def test_the_same_attempt_again_is_counted_and_told_when_the_minute_is_over(operator, monkeypatch):
    monkeypatch.setattr(refusals, "REFUSAL_SECONDS", 0.4)
    operator.notes.take([refused(1)])
    await operator.rows_of(1, still=0)
    operator.notes.take([refused(number) for number in range(2, 7)])
    await operator.rows_of(1, still=0.05)
    assert (await operator.rows_of(2, still=0.5))[1].details["attempts"] == 5


async def test_beyond_the_bound_one_row_counts_the_rest(operator, monkeypatch):
    monkeypatch.setattr(refusals, "REFUSAL_SECONDS", 1.2)
    operator.notes.take([refused(name=f"list-{number}") for number in range(100)])
    events = await operator.rows_of(61, still=0.3)
    assert events[60].details["summary"] == "40 more refused attempts within a minute, by 1 users"
    assert events[60].email == "system:operator"


async def test_in_a_namespace_without_a_recorder_there_is_no_log_to_make(operator):
    operator.notes.take([refused(namespace="elsewhere")])
    await operator.rows_of(0, still=0.2)
    assert operator.rows.untold_refusals == 1
    assert {namespace for namespace, _ in operator.cluster.logs} == {"voice"}


async def test_after_a_failover_a_refusal_that_was_told_is_not_told_again(operator):
    standby = Operator(operator.cluster)
    for one in (operator, standby):
        one.notes.take([refused()])
    await operator.rows_of(1, still=0)
    operator.task.cancel()
    async with standby:
        await standby.rows_of(1, still=0.3)


async def test_an_attempt_without_a_name_is_told_too(operator):
    operator.notes.take([refused(key=ObjectKey(kind="Blacklist", namespace="voice", name=""))])
    assert (await operator.rows_of(1))[0].details["object"] == "Blacklist/voice/"
