"""Who changed an object, as `reconcile` asks."""

import pytest
from tests.operator.attribution.feeder import ARGO, Cluster, blacklist, key_of, note

from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.attribution.note import Source, Verb
from callkeeper.operator.attribution.notes import ChangeNotes
from callkeeper.operator.attribution.versions import read_version
from callkeeper.operator.attribution.who import ClusterAttribution, Evidence, who_wrote

STAMPS = {"callkeeper.dev/changed-by": "grace@example.com", "callkeeper.dev/commit": "A" * 40}


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def notes():
    return ChangeNotes()


@pytest.fixture
def attribution(notes):
    return ClusterAttribution(notes, trusted={ARGO})


def test_the_last_writer_is_who_the_note_of_that_state_names(cluster, notes, attribution):
    first = cluster.write("Blacklist", "never", blacklist("1"))
    notes.take([note(first, "ada@example.com")])
    attribution.observe(read_version(first))
    assert attribution.actor(key_of(first)).email == "ada@example.com"
    second = cluster.write("Blacklist", "never", blacklist("2"))
    attribution.observe(read_version(second))
    assert attribution.actor(key_of(first)).email == "system:unattributed"
    notes.take([note(second, "kim@example.com", source=Source.AUDIT)])
    assert attribution.actor(key_of(first)).email == "kim@example.com"
    assert attribution.actor(key_of(first)).ip_address == "192.0.2.7"


def test_what_was_known_once_stays_known_when_the_notes_are_gone(cluster, notes, attribution):
    made = cluster.write("Blacklist", "never", blacklist("1"))
    notes.take([note(made)])
    attribution.observe(read_version(made))
    attribution.actor(key_of(made))
    notes._notes.clear()
    attribution.observe(read_version(cluster.status("Blacklist", "never")))
    assert attribution.actor(key_of(made)).email == "ada@example.com"


def test_whoever_deleted_an_object_is_named_and_not_who_wrote_it(cluster, notes, attribution):
    made = cluster.write("Blacklist", "never", blacklist("1"), annotations=STAMPS)
    notes.take([note(made, ARGO, verb=Verb.CREATE)])
    attribution.observe(read_version(made))
    author = attribution.actor(key_of(made))
    assert (author.email, author.author, author.commit) == ("grace@example.com", "grace@example.com", "a" * 40)
    attribution.removed(read_version(made))
    notes.take([note(made, ARGO, verb=Verb.DELETE)])
    assert attribution.actor(key_of(made)).email == ARGO
    assert attribution.fingerprint(key_of(made)) == ""


def test_the_removal_of_a_former_object_of_that_name_is_no_removal_of_this_one(cluster, attribution):
    old = cluster.write("Blacklist", "never", blacklist("1"))
    attribution.observe(read_version(old))
    cluster.delete("Blacklist", "never")
    new = cluster.write("Blacklist", "never", blacklist("1"))
    attribution.observe(read_version(new))
    attribution.removed(read_version(old))
    assert attribution.fingerprint(key_of(new)).startswith("uid-2:1:")


@pytest.mark.parametrize("author", ["", "a b@example.com", "x" * 255, "a\tb"])
def test_an_author_that_is_no_address_is_not_taken(cluster, author):
    made = cluster.write("Blacklist", "never", blacklist("1"))
    who = who_wrote(note(made, ARGO, changed_by=author, commit="not-hex"), None, {ARGO})
    assert (who.actor.email, who.actor.author, who.actor.commit, who.applied_by) == (ARGO, None, None, "")


def test_without_a_note_the_field_manager_is_all_that_is_known(cluster):
    made = cluster.write("Blacklist", "never", blacklist("1"), manager="argocd-controller")
    who = who_wrote(None, read_version(made), {ARGO})
    assert (who.evidence, who.field_manager) == (Evidence.MANAGED_FIELDS, "argocd-controller")


def test_an_object_nobody_saw_has_an_answer_too(attribution):
    key = ObjectKey(kind="Blacklist", namespace="voice", name="never")
    assert attribution.actor(key).email == "system:unattributed"
    assert attribution.fingerprint(key) == ""


def test_the_fingerprint_differs_with_the_objects_text_and_not_with_its_status(cluster, attribution):
    prints = []
    cluster.write("Blacklist", "never", blacklist("1"))
    for document in (
        cluster.objects[("Blacklist", "voice", "never")],
        cluster.status("Blacklist", "never"),
        cluster.write("Blacklist", "never", blacklist("2")),
        cluster.write("Blacklist", "never", annotations=STAMPS),
    ):
        attribution.observe(read_version(document))
        prints.append(attribution.fingerprint(key_of(document)))
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3
