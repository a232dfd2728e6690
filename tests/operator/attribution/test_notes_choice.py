"""Of several notes about one state: whose word counts."""

from tests.operator.attribution.feeder import Cluster, blacklist, note

from callkeeper.operator.attribution.note import Source
from callkeeper.operator.attribution.notes import ChangeNotes
from callkeeper.operator.attribution.versions import Mark

MARK = Mark(generation=1)


def notes_with(*some):
    made = Cluster().write("Blacklist", "never", blacklist("1"))
    notes = ChangeNotes()
    notes.take(note(made, user, id=user, source=Source.AUDIT, resource_version=version) for user, version in some)
    return notes


def test_who_wrote_the_same_again_changed_nothing():
    notes = notes_with(("ada", 100), ("again", 100), ("later", 120))
    assert notes.of_write("uid-1", MARK, 100).user == "ada"
    assert notes.of_write("uid-1", MARK).user == "ada"


def test_a_state_that_comes_back_is_of_who_brought_it_back():
    notes = notes_with(("ada", 100), ("kim", 140), ("again", 140))
    assert notes.of_write("uid-1", MARK, 140).user == "kim"
    assert notes.of_write("uid-1", MARK, 100).user == "ada"
    assert notes.of_write("uid-1", MARK, 150).user == "kim"


def test_a_note_without_a_version_is_better_than_none():
    assert notes_with(("ada", 0)).of_write("uid-1", MARK, 100).user == "ada"
    assert notes_with(("ada", 200)).of_write("uid-1", MARK, 100).user == "ada"
