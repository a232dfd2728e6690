"""Notes from reviews and from audit events: who, from where, of which state; and what is nobody's business."""

import json
from copy import deepcopy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.operator.admission.noting import BatchError, note_of_review, notes_of_batch
from callkeeper.operator.admission.review import Verdict, read_review
from callkeeper.operator.attribution.note import Source, Verb

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
OBJECT = {
    "apiVersion": "callkeeper.dev/v1alpha1",
    "kind": "Blacklist",
    "metadata": {
        "name": "never",
        "namespace": "voice",
        "uid": "uid-1",
        "generation": 2,
        "resourceVersion": "77",
        "annotations": {"callkeeper.dev/changed-by": "grace@example.com", "other": "x"},
    },
    "spec": {"recorderRef": {"name": "teams"}, "numbers": [{"pattern": "112"}]},
}
EVENT = {
    "auditID": "a-1",
    "stage": "ResponseComplete",
    "verb": "patch",
    "requestURI": "/apis/callkeeper.dev/v1alpha1/namespaces/voice/blacklists/never?fieldManager=argocd-controller",
    "user": {"username": "ada"},
    "sourceIPs": ["203.0.113.9", "192.0.2.7"],
    "objectRef": {"apiGroup": "callkeeper.dev", "resource": "blacklists", "namespace": "voice", "name": "never"},
    "responseStatus": {"code": 200},
    "responseObject": OBJECT,
    "requestReceivedTimestamp": "2026-11-27T12:00:00.000000Z",
}


def batch(*events):
    return json.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": events}).encode()


def notes(own=(), **changes):
    return notes_of_batch(batch({**deepcopy(EVENT), **changes}), own)


def test_an_event_tells_who_from_where_and_which_state():
    (note,) = notes()
    assert (note.user, note.address, note.field_manager) == ("ada", "192.0.2.7", "argocd-controller")
    assert (note.uid, note.generation, note.resource_version, note.verb) == ("uid-1", 2, 77, Verb.UPDATE)
    assert (note.recorder, note.changed_by, note.source) == ("teams", "grace@example.com", Source.AUDIT)
    assert note.stored


def test_a_server_side_apply_that_creates_is_a_creation():
    (note,) = notes(responseStatus={"code": 201})
    assert note.verb is Verb.CREATE


def test_who_acts_as_somebody_else_is_told_beside_that_user():
    (note,) = notes(impersonatedUser={"username": "kim"})
    assert (note.user, note.impersonated_by) == ("kim", "ada")


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "ResponseStarted"},
        {"verb": "get"},
        {"objectRef": {**EVENT["objectRef"], "subresource": "status"}},
        {"objectRef": {**EVENT["objectRef"], "apiGroup": "apps"}},
        {"objectRef": {**EVENT["objectRef"], "resource": "pods"}},
        {"requestURI": EVENT["requestURI"] + "&dryRun=All"},
        {"user": {"username": "system:serviceaccount:callkeeper:operator"}},
        {"responseStatus": {"code": 429}},
        {"verb": "delete", "responseStatus": {"code": 404}},
        {"auditID": ""},
        {"user": None},
    ],
)
def test_what_is_no_write_of_ours_by_somebody_else_is_left_out(changes):
    assert notes(own={"system:serviceaccount:callkeeper:operator"}, **changes) == ()


def test_a_name_that_the_api_server_made_is_in_the_answer():
    (note,) = notes(
        verb="create",
        objectRef={key: value for key, value in EVENT["objectRef"].items() if key != "name"},
        responseStatus={"code": 201},
    )
    assert note.key.name == "never"


def test_a_refused_attempt_names_what_was_tried():
    (note,) = notes(
        verb="create",
        objectRef={**EVENT["objectRef"], "name": ""},
        responseStatus={"code": 403, "reason": "Forbidden", "message": "a +390212345 in it"},
        responseObject={"kind": "Status"},
        requestObject=OBJECT,
    )
    assert (note.code, note.reason, note.key.name, note.recorder) == (403, "Forbidden", "never", "teams")
    assert note.refused
    assert "390212345" not in str(note)


def test_a_deletion_is_found_by_its_uid_whether_the_object_or_a_status_answers():
    (first,) = notes(verb="delete")
    details = {"kind": "blacklists", "name": "never", "uid": "uid-1"}
    (second,) = notes(verb="delete", responseObject={"kind": "Status", "details": details})
    assert (first.uid, first.verb) == (second.uid, second.verb) == ("uid-1", Verb.DELETE)


def test_a_deletecollection_is_a_note_for_each_object_it_took():
    other = deepcopy(OBJECT)
    other["metadata"] |= {"name": "other", "uid": "uid-2"}
    items = [{key: value for key, value in one.items() if key != "kind"} for one in (OBJECT, other)]
    found = notes(verb="deletecollection", responseObject={"kind": "BlacklistList", "items": items})
    assert [(one.key.name, one.uid, one.verb) for one in found] == [
        ("never", "uid-1", Verb.DELETE),
        ("other", "uid-2", Verb.DELETE),
    ]
    assert len({one.id for one in found}) == 2


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"kind":"EventList","items":{}}', b"\xff"])
def test_what_is_no_batch_is_refused(body):
    with pytest.raises(BatchError):
        notes_of_batch(body, ())


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(EVENT)), anything))
def test_events_of_any_form_are_taken(changes):
    notes_of_batch(batch({**EVENT, **changes}), ())


def review(operation="UPDATE", **request):
    before = deepcopy(OBJECT)
    before["metadata"]["generation"] = 1
    before["spec"]["numbers"] = []
    value = {
        "uid": "r-1",
        "operation": operation,
        "namespace": "voice",
        "name": "never",
        "resource": {"group": "callkeeper.dev", "resource": "blacklists"},
        "userInfo": {"username": "ada"},
        "options": {"fieldManager": "kubectl-edit"},
        "object": None if operation == "DELETE" else OBJECT,
        "oldObject": None if operation == "CREATE" else before,
        **request,
    }
    return read_review(json.dumps({"apiVersion": "admission.k8s.io/v1", "request": value}).encode())


def test_a_review_tells_who_and_which_fields_without_their_values():
    note = note_of_review(review(), Verdict(), NOW)
    assert (note.user, note.field_manager, note.fields) == ("ada", "kubectl-edit", ("spec.numbers",))
    assert (note.uid, note.generation, note.verb, note.stored) == ("uid-1", 2, Verb.UPDATE, False)


def test_a_deletion_is_noted_by_the_object_as_it_was():
    note = note_of_review(review("DELETE"), Verdict(), NOW)
    assert (note.uid, note.generation, note.verb) == ("uid-1", 1, Verb.DELETE)


def test_a_refusal_is_noted_with_its_rules():
    note = note_of_review(review("CREATE"), Verdict(allowed=False, rules=("blacklist.pattern",)), NOW)
    assert (note.code, note.reason, note.rules) == (422, "Invalid", ("blacklist.pattern",))


def test_a_dry_run_and_a_write_that_changes_nothing_of_ours_are_not_noted():
    assert note_of_review(review(dryRun=True), Verdict(), NOW) is None
    assert note_of_review(review(oldObject=OBJECT), Verdict(), NOW) is None
