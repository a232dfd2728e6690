"""What counts as a change, read from whatever stands in a document."""

from hypothesis import given
from hypothesis import strategies as st
from tests.operator.attribution.feeder import Cluster, blacklist

from callkeeper.operator.attribution.versions import changed_fields, changed_paths, read_facts, read_version

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(anything, anything)
def test_facts_are_read_from_whatever_stands_there(spec, metadata):
    facts = read_facts({"spec": spec, "metadata": metadata})
    assert changed_fields(facts, facts) == ()
    read_version({"kind": "Blacklist", "spec": spec, "metadata": metadata})


def test_a_document_of_another_kind_is_none_of_ours():
    document = Cluster().write("Blacklist", "never", blacklist("1"))
    assert read_version(document) is not None
    assert read_version({**document, "kind": "ConfigMap"}) is None
    assert read_version({**document, "metadata": {"name": "never"}}) is None


def test_the_last_manager_is_the_last_that_wrote_more_than_the_status():
    document = Cluster().write("Blacklist", "never", blacklist("1"))
    document["metadata"]["managedFields"] = [
        {"manager": "kubectl", "time": "2026-11-27T12:00:00Z"},
        {"manager": "argocd", "time": "2026-11-27T12:00:05Z"},
        {"manager": "callkeeper", "time": "2026-11-27T12:00:09Z", "subresource": "status"},
        {"manager": "old", "time": "2026-11-27T11:00:00Z"},
    ]
    version = read_version(document)
    assert (version.manager, version.written.second) == ("argocd", 5)


def test_changed_fields_are_paths_without_values():
    before = {"spec": {"a": {"b": 1}, "numbers": [{"pattern": "1", "comment": "x"}]}, "metadata": {}}
    after = {"spec": {"a": {"b": 2}, "numbers": [{"pattern": "1", "comment": "y"}]}, "metadata": {}}
    assert changed_fields(read_facts(before), read_facts(after)) == ("spec.a.b", "spec.numbers")
    assert changed_paths(before, after) == ("spec.a.b", "spec.numbers")


def test_names_of_annotations_of_ours_are_among_them_and_others_are_not():
    before = {"metadata": {"annotations": {"other": "1"}}}
    after = {"metadata": {"annotations": {"other": "2", "callkeeper.dev/protect": "true"}}}
    assert changed_paths(before, after) == ("metadata.annotations.callkeeper.dev/protect",)
    assert changed_paths(after, after) == ()
