"""Reviews in and out, the verdict about one object, and the words people see."""

import json
from copy import deepcopy

import pytest
from docs.generate.pages import ROOT
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.kinds.finding import Severity
from callkeeper.kinds.reading import KINDS, read_object
from callkeeper.manifests.documents import read_bytes
from callkeeper.operator.admission.review import (
    MAX_WARNING_LENGTH,
    MAX_WARNINGS,
    Operation,
    Review,
    ReviewError,
    Verdict,
    answer,
    read_review,
)
from callkeeper.operator.admission.verdict import asks_for_guard, guarded, judge

OBJECT = {
    "apiVersion": "callkeeper.dev/v1alpha1",
    "kind": "Blacklist",
    "metadata": {"name": "never", "namespace": "voice"},
    "spec": {"recorderRef": {"name": "teams"}, "numbers": [{"pattern": "112"}]},
}


def review(document=OBJECT, before=None, operation=None):
    operation = operation or (Operation.UPDATE if before else Operation.CREATE)
    return Review(
        uid="1",
        operation=operation,
        namespace="voice",
        name="never",
        document=document or {},
        before=before or {},
        user="ada",
    )


def with_spec(**spec):
    return {**OBJECT, "spec": {**OBJECT["spec"], **spec}}


def test_what_is_wrong_in_an_object_is_refused_with_place_and_hint():
    verdict, _ = judge(review(with_spec(numbers=[{"pattern": "112"}, {"pattern": "39a"}])))
    assert (verdict.allowed, verdict.code, verdict.rules) == (False, 422, ("blacklist.pattern",))
    assert verdict.message.startswith("spec.numbers[1].pattern: 'a' at position 3 is not allowed")


def test_of_many_findings_ten_are_named():
    verdict, _ = judge(review(with_spec(numbers=[{"pattern": f"a{number}"} for number in range(30)])))
    assert verdict.message.count("spec.numbers[") == 10
    assert "and 20 more" in verdict.message


def test_a_label_may_be_changed_on_an_object_that_was_stored_wrong():
    wrong = with_spec(numbers=[{"pattern": "39a"}])
    labelled = deepcopy(wrong)
    labelled["metadata"]["labels"] = {"team": "x"}
    assert judge(review(labelled, wrong))[0].allowed
    confirmed = deepcopy(wrong)
    confirmed["metadata"]["annotations"] = {"callkeeper.dev/confirm": "x"}
    assert not judge(review(confirmed, wrong))[0].allowed


def test_what_the_api_server_knows_of_metadata_is_its_own_business():
    document = deepcopy(OBJECT)
    document["metadata"] |= {"somethingNew": {"a": 1}, "managedFields": [{"manager": "kubectl"}]}
    assert judge(review(document))[0].allowed


def test_the_verdict_is_that_of_the_command_line_for_every_bad_document_there_is():
    seen = 0
    for path in sorted((ROOT / "tests" / "corpus" / "bad").glob("*.yaml")):
        for document in read_bytes(path.read_bytes(), path.name).documents:
            value = document.value
            if not isinstance(value, dict) or value.get("kind") not in KINDS:
                continue
            if not isinstance(value.get("metadata"), dict) or not isinstance(value["metadata"].get("name"), str):
                continue
            errors = {
                one.rule
                for one in read_object(value).findings
                if one.severity is Severity.ERROR and one.path[:1] == ("spec",)
            }
            verdict, _ = judge(review(value))
            assert set(verdict.rules) >= errors, path.name
            seen += bool(errors)
    assert seen > 60


def test_a_guarded_object_asks_and_says_how_to_lift_the_guard():
    document = {**OBJECT, "metadata": {**OBJECT["metadata"], "annotations": {"callkeeper.dev/protect": "true"}}}
    asked = review(None, document, Operation.DELETE)
    assert asks_for_guard(asked)
    assert not asks_for_guard(review(None, OBJECT, Operation.DELETE))
    assert not asks_for_guard(review(document, document))
    verdict = guarded(asked)
    assert (verdict.code, verdict.reason) == (403, "Forbidden")
    assert "kubectl annotate --namespace voice blacklist never callkeeper.dev/protect-" in verdict.message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"request":{}}', b'{"request":{"uid":7}}', b"[" * 99_999])
def test_garbage_has_no_uid_to_answer_to(body):
    with pytest.raises(ReviewError) as caught:
        read_review(body)
    assert caught.value.uid == ""


@pytest.mark.parametrize(
    "request_",
    [
        {"operation": "CONNECT"},
        {"operation": []},
        {"resource": {"group": "apps"}},
        {"subResource": "status"},
    ],
)
def test_a_question_that_is_not_ours_has_a_uid_to_answer_to(request_):
    value = {"uid": "u", "operation": "CREATE", "resource": {"group": "callkeeper.dev"}, **request_}
    with pytest.raises(ReviewError) as caught:
        read_review(json.dumps({"apiVersion": "admission.k8s.io/v1", "request": value}).encode())
    assert caught.value.uid == "u"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)


@given(anything, anything, anything)
def test_whatever_stands_in_an_object_there_is_a_verdict(spec, metadata, before):
    value = {
        "uid": "u",
        "operation": "UPDATE",
        "resource": {"group": "callkeeper.dev"},
        "object": {**OBJECT, "spec": spec, "metadata": metadata},
        "oldObject": before,
    }
    asked = read_review(json.dumps({"apiVersion": "admission.k8s.io/v1", "request": value}).encode())
    verdict, _ = judge(asked)
    said = answer(asked.uid, verdict)["response"]
    assert said["uid"] == "u"
    assert said["allowed"] or said["status"]["message"]


def test_warnings_are_few_short_and_on_one_line():
    many = tuple(f"{number} " + "long\n" * 100 for number in range(40))
    warnings = answer("u", Verdict(warnings=(*many, many[0])))["response"]["warnings"]
    assert len(warnings) == MAX_WARNINGS
    assert all(len(one) <= MAX_WARNING_LENGTH and "\n" not in one for one in warnings)
    assert warnings[-1].startswith("and 25 more")
