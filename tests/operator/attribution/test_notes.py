"""The notes that are kept: found by the write they are about, bounded in number and time."""

from tests.operator.attribution.feeder import Cluster, blacklist, note

from callkeeper.operator.attribution.note import Source, Verb
from callkeeper.operator.attribution.notes import ChangeNotes
from callkeeper.operator.attribution.versions import Mark


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def document(name="never"):
    return Cluster().write("Blacklist", name, blacklist("1"))


def test_a_note_is_found_by_the_write_it_is_about_and_by_no_other():
    notes, made = ChangeNotes(), document()
    notes.take([note(made)])
    assert notes.of_write("uid-1", Mark(generation=1)).user == "ada@example.com"
    assert notes.of_write("uid-1", Mark(generation=2)) is None
    assert notes.of_write("uid-1", Mark(generation=1, annotations="other")) is None
    assert notes.of_write("uid-2", Mark(generation=1)) is None
    assert notes.of_deletion("uid-1") is None


def test_the_audit_comes_before_admission_and_takes_the_fields_that_admission_saw():
    notes, made = ChangeNotes(), document()
    notes.take([note(made, source=Source.AUDIT, impersonated_by="root")])
    notes.take([note(made, fields=("spec.numbers",))])
    found = notes.of_write("uid-1", Mark(generation=1))
    assert (found.source, found.impersonated_by, found.fields) == (Source.AUDIT, "root", ("spec.numbers",))


def test_a_refused_attempt_says_nothing_about_what_took_place():
    notes = ChangeNotes()
    notes.take([note(document(), code=403)])
    assert notes.of_write("uid-1", Mark(generation=1)) is None


def test_notes_go_after_their_time_and_the_oldest_when_there_are_too_many():
    clock = Clock()
    notes = ChangeNotes(clock=clock, most=3, seconds=10)
    for number in range(5):
        notes.take([note(document(), id=str(number), generation=number + 1, source=Source.AUDIT)])
    assert (len(notes), notes.dropped, len(notes.open_notes())) == (3, 2, 3)
    clock.now = 9.0
    notes.take([note(document(), id="late", generation=9, verb=Verb.DELETE)])
    clock.now = 11.0
    assert notes.open_notes() == ()
    assert len(notes) == 1
    clock.now = 30.0
    notes.take([])
    assert (len(notes), notes._by_uid, notes._open) == (0, {}, {})


def test_only_what_is_a_row_by_itself_is_open_until_it_is_settled():
    notes, made = ChangeNotes(), document()
    notes.take([note(made, id="a"), note(made, id="b", source=Source.AUDIT), note(made, id="c", code=422)])
    assert [one.id for _, one in notes.open_notes()] == ["b", "c"]
    notes.settle("audit:b")
    assert [one.id for _, one in notes.open_notes()] == ["c"]


def test_the_audit_is_expected_once_it_was_heard_and_for_an_hour():
    clock = Clock()
    notes = ChangeNotes(clock=clock)
    notes.take([note(document())])
    assert not notes.expects_audit
    notes.take([note(document(), source=Source.AUDIT)])
    assert notes.expects_audit
    clock.now = 3601.0
    assert not notes.expects_audit
