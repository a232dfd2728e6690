"""Notes over the wire: what is written reads back, and what is no note is refused with its place."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.attribution.note import MAX_NOTES_A_BODY, Note, NoteError, Source, Verb, body_of, notes_of

words = st.text(st.characters(categories=["L", "N", "P"]), max_size=40)
some = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40)
notes = st.builds(
    Note,
    id=some,
    source=st.sampled_from(Source),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    verb=st.sampled_from(Verb),
    key=st.builds(ObjectKey, kind=some, namespace=some, name=words),
    user=some,
    uid=words,
    generation=st.integers(0, 2**53),
    resource_version=st.integers(0, 2**63 - 1),
    annotations=words,
    recorder=words,
    code=st.none() | st.integers(400, 599),
    reason=words,
    rules=st.lists(some, max_size=20).map(tuple),
    impersonated_by=words,
    address=words,
    field_manager=words,
    changed_by=words,
    commit=words,
    fields=st.lists(some, max_size=20).map(tuple),
)


@given(st.lists(notes, max_size=5))
def test_what_is_written_reads_back(some_notes):
    assert notes_of(body_of(some_notes)) == tuple(some_notes)


ONE = {
    "id": "1",
    "source": "audit",
    "at": "2026-11-27T12:00:00+00:00",
    "verb": "update",
    "kind": "Blacklist",
    "namespace": "voice",
    "name": "never",
    "user": "ada",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": ""}, "id is missing"),
        ({"source": "rumour"}, "rumour"),
        ({"at": "yesterday"}, "yesterday"),
        ({"at": "2026-11-27T12:00:00"}, "no offset"),
        ({"generation": -1}, "generation"),
        ({"generation": True}, "generation"),
        ({"user": 7}, "user is not text"),
        ({"fields": "spec"}, "fields"),
        ({"code": 10_000}, "code"),
    ],
)
def test_what_is_no_note_is_refused_with_its_place(change, said):
    with pytest.raises(NoteError, match=r"notes\[1\].*") as caught:
        notes_of(json.dumps({"notes": [ONE, {**ONE, **change}]}).encode())
    assert said in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"notes": 1}', b'{"notes": [1]}', b"\xff", b"[" * 100_000])
def test_what_is_no_body_is_refused(body):
    with pytest.raises(NoteError):
        notes_of(body)


def test_a_body_with_too_many_notes_is_refused():
    with pytest.raises(NoteError, match="at most 500"):
        notes_of(json.dumps({"notes": [ONE] * (MAX_NOTES_A_BODY + 1)}).encode())


def test_what_breaks_a_line_and_what_is_too_long_is_cut():
    note = notes_of(json.dumps({"notes": [{**ONE, "reason": "a\nb" * 1000}]}).encode())[0]
    assert "\n" not in note.reason
    assert len(note.reason) == 256
