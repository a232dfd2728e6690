"""Three verdicts on one corpus: ours, the published schema's (tests/kinds), and here the API server's.

tests/corpus/differences.yaml is the table of every document on which they differ, with the reason. It is compared
whole: a difference that is not in it fails, and so does one in it that is none any more.
"""

import httpx
import pytest
from tests.cluster.api import apply, path_of
from tests.cluster.kubectl import Kubectl
from tests.cluster.verdicts import judge, served_kinds
from tests.kinds.corpus import corpus, differing

from callkeeper.kinds.finding import Severity
from callkeeper.kinds.reading import read_object
from callkeeper.manifests.documents import read_text


@pytest.fixture
def namespaces(kubectl: Kubectl) -> None:
    """Those that documents name: a document is not to be refused for a namespace that is not there."""
    named = {document.value["metadata"].get("namespace") for document in corpus() if document.good}
    for name in sorted(named - {None, "default"}):
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def test_the_api_server_agrees_with_us_or_the_table_says_why_not(api: httpx.Client, namespace: str, namespaces: None):
    kinds = served_kinds(api)
    verdicts = {document.id: judge(api, kinds, document, namespace=namespace) for document in corpus()}
    differ = {
        document.id: "accepts" if verdicts[document.id].accepts else "refuses"
        for document in corpus()
        if verdicts[document.id].accepts is not document.good
    }
    assert differ == differing("apiServer")


def test_a_server_side_apply_takes_every_good_document_but_for_nulls_that_are_warned_of(
    api: httpx.Client, namespace: str
):
    """Flux applies so, and kubectl where asked; nulls in what it sends are values, and refused."""
    kinds = served_kinds(api)
    refused, warned = {}, set()
    for position, document in enumerate(one for one in corpus() if one.good):
        value = {name: field for name, field in document.value.items() if name != "status"}
        value["metadata"] = {"name": f"good-{position}"}
        plural = kinds[value["apiVersion"], value["kind"]]
        answer = apply(api, path_of(plural, namespace, f"good-{position}"), value, dry_run=True)
        if not answer.is_success:
            refused[document.id] = answer.json()["message"]
        if any(finding.rule.endswith(".null") for finding in read_object(value).findings):
            warned.add(document.id)
    assert warned
    assert set(refused) == warned, refused


BLACKLIST = """\
apiVersion: callkeeper.dev/v1alpha1
kind: Blacklist
metadata: {name: a}
spec:
  recorderRef: {name: t}
  """

SCALARS = {
    "a key given twice": "numbers: [{pattern: '1', pattern: '2'}]",
    "a field given twice": "numbers: []\n  numbers: []",
    "a number for a pattern": "numbers: [{pattern: 112}]",
    "an octal number for a pattern": "numbers: [{pattern: 0039}]",
    "a word that is a boolean": "numbers: [{pattern: '1', comment: on}]",
    "a letter that is a boolean": "numbers: [{pattern: '1', comment: y}]",
    "a quoted word": "numbers: [{pattern: '1', comment: 'on'}]",
    "a date for a comment": "numbers: [{pattern: '1', comment: 2026-11-23}]",
    "a sexagesimal number": "numbers: [{pattern: '1', comment: 12:30}]",
    "a null field": "numbers: null",
    "a tilde": "numbers: ~",
    "nothing after the colon": "numbers:",
    "an anchor": "numbers: [&a {pattern: '1'}, *a]",
    "a merge key": "numbers: [&a {pattern: '1'}, {<<: *a, comment: b}]",
    "a tag": "numbers: [{pattern: !!str 112}]",
    "a plus in front of a number": "numbers: [{pattern: +112}]",
    "an exponent": "numbers: [{pattern: 1e3}]",
    "a hexadecimal number": "numbers: [{pattern: 0x12}]",
    "an underscore in a number": "numbers: [{pattern: 1_000}]",
}


def test_scalars_of_yaml_are_read_as_the_api_server_reads_them(api: httpx.Client, namespace: str):
    ours, theirs = {}, {}
    for title, text in SCALARS.items():
        whole = BLACKLIST + text + "\n"
        content = read_text(whole, "a.yaml")
        (document,) = content.documents
        findings = [*content.findings, *(located.finding for located in document.findings)]
        wrong = any(finding.severity is Severity.ERROR for finding in findings)
        ours[title] = not wrong and read_object(document.value).resource is not None
        response = api.post(
            f"/apis/callkeeper.dev/v1alpha1/namespaces/{namespace}/blacklists",
            params={"dryRun": "All", "fieldValidation": "Strict"},
            content=whole.encode(),
            headers={"Content-Type": "application/yaml"},
        )
        theirs[title] = response.is_success
    assert ours == theirs
