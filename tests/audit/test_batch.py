import hashlib
import json
import threading

from hypothesis import given
from hypothesis import strategies as st

from callkeeper.audit.batch import PREPARED_BYTES, Batch
from callkeeper.audit.commits import GENESIS, Commit, marks_text, read_line
from callkeeper.audit.event import MAX_SEQUENCE, SENDER

SENDERS = st.from_regex(SENDER, fullmatch=True)
SEQUENCES = st.integers(1, MAX_SEQUENCE)
ROWS = st.lists(st.tuples(st.binary(max_size=40), SENDERS, SEQUENCES), max_size=8)


@given(ROWS)
def test_a_batch_says_of_its_rows_what_they_are_whoever_asks_first(rows):
    batch = Batch(rows)
    batch.prepare()
    for asked in (batch, Batch(rows)):
        assert asked.data == b"".join(data for data, _, _ in rows)
        assert asked.content.sha256 == hashlib.sha256(asked.data).hexdigest()
        assert asked.content.marks == {sender: sequence for _, sender, sequence in rows}
        assert json.loads(asked.content.marks_text) == asked.content.marks


@given(st.dictionaries(SENDERS, SEQUENCES, max_size=8), st.booleans())
def test_a_line_with_marks_made_beforehand_is_the_line_made_at_once(marks, recovered):
    commit = Commit(
        file="audit-2026-11-23.csv",
        offset=52,
        row=0,
        size=10,
        rows=1,
        at="2026-11-23 12:00:00",
        marks=marks,
        sha256=hashlib.sha256(b"").hexdigest(),
        recovered=recovered,
    )
    line, chain = commit.line(GENESIS)
    assert commit.line(GENESIS, marks_text(marks)) == (line, chain)
    assert read_line(line, GENESIS) == (commit, chain)


def test_a_large_batch_is_left_to_the_thread_that_writes_it():
    asked_in = []

    class Watched(Batch):
        @property
        def content(self):
            asked_in.append(threading.current_thread().name)
            return super().content

    Watched([(bytes(PREPARED_BYTES), "a", 1)]).prepare()
    assert asked_in == [threading.current_thread().name]
    Watched([(bytes(PREPARED_BYTES + 1), "a", 1)]).prepare()
    assert len(asked_in) == 1
