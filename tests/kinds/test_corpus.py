"""The corpus: what is said about each document, and two verdicts on it side by side.

The third verdict, the API server's own, needs a cluster: tests/cluster/test_verdicts.py.
"""

import json
from collections import Counter
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from tests.kinds.corpus import CorpusDocument, corpus, differences, differing

from callkeeper.kinds.finding import Severity
from callkeeper.kinds.reading import KINDS, read_object
from callkeeper.manifests.documents import read_bytes

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas" / "callkeeper.dev"
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))
DOCUMENTS = corpus()
BAD = [document for document in DOCUMENTS if not document.good]


def _published() -> Draft7Validator:
    files = ((path.name, json.loads(path.read_text())) for path in SCHEMAS.glob("*.json"))
    registry = Registry().with_resources(
        (f"https://x/{name}", Resource.from_contents(schema)) for name, schema in files
    )
    return Draft7Validator({"$ref": "https://x/index.json"}, registry=registry)


PUBLISHED = _published()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.id)
def test_what_is_said_about_a_document_is_what_stands_above_it(document: CorpusDocument):
    assert document.said_now == document.said


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.id)
def test_only_good_documents_become_resources(document: CorpusDocument):
    assert (read_object(document.value).resource is not None) is document.good


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.id)
def test_the_published_schema_agrees_or_the_table_says_why_not(document: CorpusDocument):
    expected = differing("publishedSchema").get(document.id, "accepts" if document.good else "refuses")
    assert PUBLISHED.is_valid(document.value) is (expected == "accepts")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_example_is_right_in_both_verdicts(path: Path):
    content = read_bytes(path.read_bytes(), path.name)
    assert content.findings == ()
    for value in (document.value for document in content.documents):
        if not str(value["apiVersion"]).startswith("callkeeper.dev/"):
            continue  # what brings the settings into a cluster, such as a Flux Kustomization
        assert [error.message for error in PUBLISHED.iter_errors(value)] == []
        assert read_object(value).resource is not None


def test_the_table_names_no_document_that_is_not_there():
    named = [name for entry in differences() for name in entry["documents"]]
    assert set(named) <= {document.id for document in DOCUMENTS}
    assert len(set(named)) == len(named)


def test_the_table_gives_a_reason_and_a_difference_in_each_entry():
    for entry in differences():
        assert entry["reason"].strip()
        for name in entry["documents"]:
            assert {differing(verdict).get(name) for verdict in ("publishedSchema", "apiServer", "webhook")} - {None}


def test_no_two_documents_of_a_file_have_one_title():
    assert [title for title, count in Counter(document.id for document in DOCUMENTS).items() if count > 1] == []


def test_there_are_at_least_150_bad_documents_and_some_of_every_kind():
    assert len(BAD) >= 150
    assert {document.value.get("kind") for document in BAD} >= set(KINDS)
    assert {document.value["kind"] for document in DOCUMENTS if document.good} == set(KINDS)


@pytest.mark.parametrize("document", BAD, ids=lambda document: document.id)
def test_every_error_of_a_bad_document_names_the_object_as_far_as_it_can(document: CorpusDocument):
    reading = read_object(document.value)
    errors = [finding for finding in reading.findings if finding.severity is Severity.ERROR]
    assert errors
    nameable = bool(reading.key.kind and reading.key.name)
    assert {finding.key for finding in errors} == {reading.key if nameable else None}


@pytest.mark.parametrize("document", BAD, ids=lambda document: document.id)
def test_a_message_is_one_line_without_a_final_stop(document: CorpusDocument):
    for finding in read_object(document.value).findings:
        assert finding.message.isprintable()
        assert not finding.message.endswith(".")
