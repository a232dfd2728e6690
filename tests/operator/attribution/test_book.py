"""Books are read back as they were written, and whatever is none is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.attribution.feeder import NOON

from callkeeper.audit.actions import Action
from callkeeper.audit.event import AuditEvent
from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.attribution.book import (
    MAX_BOOK_BYTES,
    MAX_KEYS_REMEMBERED,
    Book,
    BookError,
    LoggedRow,
    Told,
    read_book,
    row_key,
    written_book,
)
from callkeeper.operator.attribution.versions import Mark


def told(number: int) -> Told:
    key = ObjectKey(kind="Blacklist", namespace="voice", name=f"list-{number}")
    return Told(key=key, recorder="teams", mark=Mark(generation=number + 1, annotations="abc"))


def test_a_book_is_read_back_as_it_was_written():
    event = AuditEvent(
        sender="settings/here",
        sequence=7,
        at=NOON,
        email="ada@example.com",
        ip_address="",
        app_name="callkeeper",
        action=Action.CREATE_SETTINGS,
        details={"object": "Blacklist/voice/never", "lists": {"numbers": {"added": {"count": 1}}}},
    )
    book = Book(
        objects={f"uid-{number}": told(number) for number in range(3)},
        sequences={"teams": 7},
        rows=(LoggedRow(recorder="teams", event=event),),
        keys=(row_key("uid-1", Mark(generation=1)), row_key("uid-2", None)),
    )
    assert read_book(written_book(book)) == book


def test_a_book_of_ten_thousand_objects_fits():
    uids = [f"{number * 7919 % 2**32:08x}-1c2b-4a3f-9d11-{number * 104729:012x}" for number in range(10_000)]
    book = Book(objects={uid: told(number) for number, uid in enumerate(uids)})
    book = book.with_keys(tuple(row_key(uid, None) for uid in uids))
    assert len(book.keys) == MAX_KEYS_REMEMBERED
    assert len(written_book(book)) < MAX_BOOK_BYTES


@given(st.binary(max_size=60))
def test_what_is_no_book_is_refused(data):
    with pytest.raises(BookError):
        read_book(data)
