"""One row per accepted change, whoever tells of it, and whatever stops in between."""

import json

import pytest
from tests.operator.attribution.feeder import ARGO, Cluster, Operator, blacklist, note

from callkeeper.operator.attribution.book import BookError, BooksInMemory
from callkeeper.operator.attribution.note import Source, Verb, body_of

STAMPS = {"callkeeper.dev/changed-by": "grace@example.com", "callkeeper.dev/commit": "a" * 40}


@pytest.fixture
def cluster():
    cluster = Cluster()
    cluster.write("Recorder", "teams", {"endpoint": "https://recorder.example"})
    return cluster


@pytest.fixture
async def operator(cluster):
    async with Operator(cluster) as operator:
        await operator.rows_of(1, still=0)
        cluster.logs[("voice", "teams")].events.clear()
        yield operator


def told(events):
    return [(one.action.value, one.email, one.details.get("generation")) for one in events]


async def test_a_creation_an_update_and_a_deletion_are_a_row_each_with_who_did_it(operator):
    made = operator.cluster.write("Blacklist", "never", blacklist("+39!", "90XX"))
    operator.notes.take([note(made, verb=Verb.CREATE, field_manager="kubectl-create")])
    operator.rows.observe(made)
    await operator.rows_of(1, still=0)
    changed = operator.write("Blacklist", "never", blacklist("+39!", "112"))
    operator.notes.take([note(changed, "grace@example.com")])
    await operator.rows_of(2, still=0)
    gone = operator.delete("Blacklist", "never")
    operator.notes.take([note(gone, "kim@example.com", verb=Verb.DELETE)])
    events = await operator.rows_of(3)
    assert told(events) == [
        ("CreateSettings", "ada@example.com", 1),
        ("UpdateSettings", "grace@example.com", 2),
        ("DeleteSettings", "kim@example.com", 2),
    ]
    created, updated, deleted = (one.details for one in events)
    assert created["fieldManager"] == "kubectl-create"
    assert created["attributedBy"] == "admission"
    assert created["lists"]["numbers"]["to"]["entries"] == 2
    assert updated["fields"] == ["spec.numbers"]
    assert updated["previousGeneration"] == 1
    assert updated["lists"]["numbers"]["added"] == {"count": 1, "entries": ["112"]}
    assert updated["lists"]["numbers"]["removed"] == {"count": 1, "entries": ["90XX"]}
    assert deleted["lists"]["numbers"]["removed"]["count"] == 2
    assert all(one.details["object"] == "Blacklist/voice/never" for one in events)


async def test_both_sources_are_one_row_and_the_audit_knows_the_address(operator):
    made = operator.write("Blacklist", "never", blacklist("1"))
    operator.notes.take([note(made, verb=Verb.CREATE)])
    operator.notes.take([note(made, verb=Verb.CREATE, source=Source.AUDIT)])
    events = await operator.rows_of(1, still=0.4)
    assert (events[0].ip_address, events[0].details["attributedBy"]) == ("192.0.2.7", "audit")


async def test_the_audit_note_is_waited_for_where_the_cluster_has_that_webhook(operator):
    first = operator.write("Blacklist", "one", blacklist("1"))
    operator.notes.take([note(first, verb=Verb.CREATE, source=Source.AUDIT)])
    await operator.rows_of(1, still=0)
    second = operator.write("Blacklist", "two", blacklist("2"))
    operator.notes.take([note(second, verb=Verb.CREATE)])
    await operator.rows_of(1, still=0.02)
    operator.notes.take([note(second, verb=Verb.CREATE, source=Source.AUDIT)])
    assert (await operator.rows_of(2, still=0.2))[1].ip_address == "192.0.2.7"


async def test_a_note_that_comes_after_its_row_makes_no_second(operator):
    made = operator.write("Blacklist", "never", blacklist("1"))
    await operator.rows_of(1, still=0)
    operator.notes.take([note(made, verb=Verb.CREATE, source=Source.AUDIT)])
    events = await operator.rows_of(1, still=0.4)
    assert (events[0].email, events[0].details["attributedBy"]) == ("system:unattributed", "managedFields")
    assert events[0].details["fieldManager"] == "kubectl"


async def test_status_labels_and_foreign_annotations_are_no_change(operator):
    operator.write("Blacklist", "never", blacklist("1"))
    await operator.rows_of(1, still=0)
    operator.rows.observe(operator.cluster.status("Blacklist", "never"))
    operator.write("Blacklist", "never", annotations={"reconcile.fluxcd.io/requestedAt": "now"})
    await operator.rows_of(1, still=0.2)


async def test_an_annotation_of_ours_is_a_change_and_so_is_taking_it_away(operator):
    operator.write("RetentionRule", "keep", {"recorderRef": {"name": "teams"}, "retention": "90d"})
    await operator.rows_of(1, still=0)
    text = "retention=forever->90d shortens<=5 deletes<=1 holds<=0"
    operator.write("RetentionRule", "keep", annotations={"callkeeper.dev/confirm": text})
    await operator.rows_of(2, still=0)
    operator.write("RetentionRule", "keep", annotations={})
    events = await operator.rows_of(3)
    assert events[1].details["annotations"] == {"callkeeper.dev/confirm": text}
    assert events[2].details["annotations"] == {"callkeeper.dev/confirm": "(removed)"}
    assert told(events)[1:] == [("UpdateSettings", "system:unattributed", 1)] * 2


async def test_the_author_counts_where_a_trusted_account_wrote_and_not_where_it_deleted(operator):
    made = operator.write("Blacklist", "never", blacklist("1"), annotations=STAMPS)
    operator.notes.take([note(made, ARGO, verb=Verb.CREATE)])
    await operator.rows_of(1, still=0)
    forged = operator.write("Blacklist", "forged", blacklist("1"), annotations=STAMPS)
    operator.notes.take([note(forged, "mallory", verb=Verb.CREATE)])
    await operator.rows_of(2, still=0)
    gone = operator.delete("Blacklist", "never")
    operator.notes.take([note(gone, ARGO, verb=Verb.DELETE)])
    events = await operator.rows_of(3)
    assert [one.email for one in events] == ["grace@example.com", "mallory", ARGO]
    assert (events[0].details["author"], events[0].details["commit"]) == ("grace@example.com", "a" * 40)
    assert events[0].details["appliedBy"] == ARGO
    assert not {"author", "commit", "appliedBy"} & {*events[1].details, *events[2].details}


async def test_generations_that_went_by_unseen_have_a_row_each(operator):
    made = operator.write("Blacklist", "never", blacklist("1"))
    operator.notes.take([note(made, verb=Verb.CREATE)])
    await operator.rows_of(1, still=0)
    second = operator.write("Blacklist", "never", blacklist("2"), watch=False)
    operator.notes.take([note(second, "grace@example.com", fields=("spec.numbers",))])
    operator.write("Blacklist", "never", blacklist("3"), watch=False)
    fourth = operator.write("Blacklist", "never", blacklist("4"))
    operator.notes.take([note(fourth, "kim@example.com")])
    events = await operator.rows_of(4)
    assert told(events)[1:] == [
        ("UpdateSettings", "grace@example.com", 2),
        ("UpdateSettings", "system:unattributed", 3),
        ("UpdateSettings", "kim@example.com", 4),
    ]
    assert events[1].details["fields"] == ["spec.numbers"]
    assert events[3].details["previousGeneration"] == 1


async def test_what_was_made_and_deleted_between_two_looks_is_told_by_the_audit(operator):
    made = operator.write("Blacklist", "brief", blacklist("1"), watch=False)
    gone = operator.cluster.delete("Blacklist", "brief")
    operator.notes.take([note(made, verb=Verb.CREATE, source=Source.AUDIT)])
    operator.notes.take([note(gone, verb=Verb.DELETE, source=Source.AUDIT)])
    assert told(await operator.rows_of(2, still=0.3)) == [
        ("CreateSettings", "ada@example.com", 1),
        ("DeleteSettings", "ada@example.com", 1),
    ]


async def test_what_admission_let_through_and_nobody_saw_is_no_change(operator):
    made = operator.write("Blacklist", "brief", blacklist("1"), watch=False)
    operator.notes.take([note(made, verb=Verb.CREATE)])
    await operator.rows_of(0, still=0.3)


async def test_of_two_who_were_let_through_at_once_the_last_one_wrote(operator):
    made = operator.write("Blacklist", "never", blacklist("1"))
    operator.notes.take([note(made, verb=Verb.CREATE)])
    await operator.rows_of(1, still=0)
    second = operator.write("Blacklist", "never", blacklist("2"), watch=False)
    operator.notes.take(
        [note(second, "won@example.com", id="second", at=2), note(second, "lost@example.com", id="first", at=1)]
    )
    operator.rows.observe(second)
    assert (await operator.rows_of(2))[1].email == "won@example.com"


async def test_an_object_on_its_way_out_is_told_when_it_is_gone_and_once(operator):
    made = operator.write("Blacklist", "never", blacklist("1"))
    await operator.rows_of(1, still=0)
    waiting = operator.cluster.objects[("Blacklist", "voice", "never")]
    waiting["metadata"] |= {
        "deletionTimestamp": "2026-11-27T12:00:00Z",
        "generation": 2,
        "resourceVersion": str(next(operator.cluster.versions)),
    }
    operator.notes.take([note(made, "kim@example.com", verb=Verb.DELETE, source=Source.AUDIT)])
    operator.rows.observe(waiting)
    await operator.rows_of(1, still=0.2)
    operator.delete("Blacklist", "never")
    assert told(await operator.rows_of(2, still=0.3))[1][:2] == ("DeleteSettings", "kim@example.com")


@pytest.mark.parametrize("seen", [True, False])
async def test_an_object_made_anew_under_its_name_is_another_object(operator, seen):
    operator.write("Blacklist", "never", blacklist("1"))
    await operator.rows_of(1, still=0)
    if seen:
        operator.delete("Blacklist", "never")
    else:
        operator.cluster.delete("Blacklist", "never")
    operator.write("Blacklist", "never", blacklist("2"))
    events = await operator.rows_of(3)
    assert sorted(one.action.value for one in events[1:]) == ["CreateSettings", "DeleteSettings"]
    assert len({one.details["uid"] for one in events}) == 2


async def test_a_restart_tells_nothing_twice_and_a_change_meanwhile_once(cluster):
    async with Operator(cluster) as first:
        for number in range(5):
            first.write("Blacklist", f"list-{number}", blacklist("1"))
        await first.rows_of(6, still=0)
    async with Operator(cluster) as again:
        await again.rows_of(6)
    cluster.write("Blacklist", "list-1", blacklist("2"))
    cluster.delete("Blacklist", "list-2")
    cluster.write("Blacklist", "list-9", blacklist("3"))
    async with Operator(cluster) as third:
        events = await third.rows_of(9)
    assert sorted((one.action.value, one.details["object"]) for one in events[6:]) == [
        ("CreateSettings", "Blacklist/voice/list-9"),
        ("DeleteSettings", "Blacklist/voice/list-2"),
        ("UpdateSettings", "Blacklist/voice/list-1"),
    ]


async def test_a_restart_with_nothing_changed_saves_no_book(cluster):
    async with Operator(cluster) as first:
        await first.rows_of(1)
    saved = dict(cluster.books.saved)
    cluster.books.save = None
    async with Operator(cluster) as again:
        await again.rows_of(1)
        assert not again.task.done()
    assert cluster.books.saved == saved


@pytest.mark.parametrize("where", ["before the book", "before the log", "before the answer"])
async def test_a_crash_in_between_loses_no_row_and_doubles_none(cluster, where, monkeypatch):
    log = cluster.logs[("voice", "teams")]
    async with Operator(cluster) as first:
        await first.rows_of(1, still=0)
        with monkeypatch.context() as patch:
            if where == "before the book":
                patch.setattr(cluster.books, "save", refuse)
            log.failing = where == "before the log"
            log.lose_answer = where == "before the answer"
            made = first.write("Blacklist", "never", blacklist("1"))
            first.notes.take([note(made, verb=Verb.CREATE)])
            await first.rows_of(2 if log.lose_answer else 1, still=0.3)
            first.task.cancel()
    log.failing = log.lose_answer = False
    async with Operator(cluster) as again:
        events = await again.rows_of(2)
    assert events[1].action.value == "CreateSettings"
    assert events[1].email == ("system:unattributed" if where == "before the book" else "ada@example.com")


async def refuse(*_):
    raise BookError("the API server is away")


async def test_while_the_log_is_away_changes_wait_and_then_all_are_told(operator):
    log = operator.cluster.logs[("voice", "teams")]
    log.failing = True
    for generation in range(3):
        changed = operator.write("Blacklist", "never", blacklist(str(generation)))
        operator.notes.take([note(changed, verb=Verb.CREATE if generation == 0 else Verb.UPDATE)])
    await operator.rows_of(0, still=0.2)
    log.failing = False
    assert [one.details["generation"] for one in await operator.rows_of(3)] == [1, 2, 3]


async def test_a_failover_tells_from_the_notes_that_both_have(cluster):
    standby = Operator(cluster)
    async with Operator(cluster) as leader:
        await leader.rows_of(1, still=0)
        standby.list_all()
        cluster.logs[("voice", "teams")].failing = True
        made = leader.write("Blacklist", "never", blacklist("1"))
        standby.rows.observe(made)
        for one in (leader, standby):
            one.notes.take([note(made, verb=Verb.CREATE, source=Source.AUDIT)])
    cluster.logs[("voice", "teams")].failing = False
    async with standby:
        events = await standby.rows_of(2, still=0.3)
    assert told(events)[1:] == [("CreateSettings", "ada@example.com", 1)]


async def test_a_lost_book_tells_nothing_again(cluster):
    async with Operator(cluster) as first:
        first.write("Blacklist", "never", blacklist("1"))
        await first.rows_of(2, still=0)
    cluster.books = BooksInMemory()
    async with Operator(cluster) as again:
        await again.rows_of(2)
        again.write("Blacklist", "never", blacklist("2"))
        events = await again.rows_of(3)
    assert told(events)[2] == ("UpdateSettings", "system:unattributed", 2)


async def test_a_settings_object_without_its_recorder_is_told_in_a_log_there_is(operator):
    operator.write("Blacklist", "typo", blacklist("1", recorder="teems"))
    events = await operator.rows_of(1)
    assert events[0].details["object"] == "Blacklist/voice/typo"
    assert ("voice", "teems") not in operator.cluster.logs


async def test_no_number_is_told(cluster):
    async with Operator(cluster) as operator:
        spec = blacklist("+390551234567") | {"ranges": [{"from": "+390551230000", "to": "+390551239999"}]}
        operator.write("Blacklist", "never", spec)
        events = await operator.rows_of(2)
    text = json.dumps([dict(one.details) for one in events])
    assert "390551" not in text
    assert "567#" in text


async def test_a_push_of_hundreds_of_changes_is_a_row_each(operator):
    for number in range(130):
        operator.write("Blacklist", f"list-{number}", blacklist("1"))
    events = await operator.rows_of(130)
    assert len({one.details["object"] for one in events}) == 130
    assert [one.sequence for one in events] == list(range(2, 132))


async def test_notes_arrive_as_a_body(operator):
    made = operator.write("Blacklist", "never", blacklist("1"))
    sent = note(made, verb=Verb.CREATE, source=Source.AUDIT, impersonated_by="root@example.com")
    assert operator.notes.take_body(body_of([sent])) == 1
    assert operator.notes.take_body(body_of([sent])) == 0
    events = await operator.rows_of(1)
    assert events[0].details["impersonatedBy"] == "root@example.com"


async def test_an_object_that_comes_before_its_recorder_is_told_in_that_recorders_log(operator):
    made = operator.write("Blacklist", "never", blacklist("1", recorder="other"))
    operator.notes.take([note(made, verb=Verb.CREATE)])
    operator.write("Recorder", "other", {"endpoint": "https://other.example"})
    events = await operator.rows_of(2, recorder="other")
    assert sorted(one.details["object"] for one in events) == ["Blacklist/voice/never", "Recorder/voice/other"]


async def test_a_deletion_nobody_watched_is_told_once_though_a_note_tells_of_it_too(cluster):
    cluster.write("Blacklist", "never", blacklist("1"))
    async with Operator(cluster) as first:
        await first.rows_of(2)
    log = cluster.logs[("voice", "teams")]
    gone = cluster.delete("Blacklist", "never")
    cluster.write("Blacklist", "next", blacklist("1"))
    log.failing = True
    async with Operator(cluster) as again:
        again.notes.take([note(gone, "kim@example.com", verb=Verb.DELETE, source=Source.AUDIT)])
        await again.rows_of(2, still=0.4)
        log.failing = False
        events = await again.rows_of(4, still=0.4)
    assert [one.email for one in events if one.action.value == "DeleteSettings"] == ["kim@example.com"]
