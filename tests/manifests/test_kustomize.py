from pathlib import Path

import pytest

from callkeeper.manifests import kustomize
from callkeeper.manifests.loading import read_folder, read_paths

BLACKLIST = """\
apiVersion: callkeeper.dev/v1alpha1
kind: Blacklist
metadata:
  name: {}
spec:
  recorderRef: {{name: teams}}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def said(manifests):
    return [(one.file, one.line, one.column, one.finding.rule) for one in manifests.findings]


def keys(manifests):
    return [str(one.reading.key) for one in manifests.objects]


def test_a_kustomization_names_its_files_and_namespace():
    write("s/kustomization.yaml", "namespace: voice\nresources:\n  - b.yaml\n  - a.yaml\n")
    for name in "abc":
        write(f"s/{name}.yaml", BLACKLIST.format(name))
    manifests = read_folder("s")
    assert keys(manifests) == ["Blacklist/voice/b", "Blacklist/voice/a"]
    assert manifests.files == ("s/kustomization.yaml", "s/b.yaml", "s/a.yaml")
    assert said(manifests) == []
    assert str(manifests.locate("Blacklist/voice/a")) == "s/a.yaml:1:1"
    assert keys(read_paths(["s/kustomization.yaml"])) == keys(manifests)


def test_a_position_in_an_object_whose_namespace_was_given_leads_to_its_metadata():
    write("s/kustomization.yml", "namespace: Not A Name\nresources: [a.yaml]\n")
    write("s/a.yaml", BLACKLIST.format("a"))
    assert said(read_folder("s")) == [("s/a.yaml", 3, 1, "blacklist.namespace")]


def test_overlays_are_followed_and_the_outermost_namespace_stands():
    write("base/kustomization.yaml", "namespace: base\nresources: [a.yaml]\n")
    write("base/a.yaml", BLACKLIST.format("a"))
    write("overlays/one/kustomization.yaml", "namespace: one\nresources: [../../base]\n")
    write("overlays/two/Kustomization", "bases: [../../base]\n")
    assert keys(read_folder("overlays/one")) == ["Blacklist/one/a"]
    assert keys(read_folder("overlays/two")) == ["Blacklist/base/a"]
    manifests = read_folder(".")
    assert keys(manifests) == ["Blacklist/one/a", "Blacklist/base/a"]
    assert said(manifests) == []
    assert "base/a.yaml" in manifests.files


def test_one_file_by_two_ways_is_one_object():
    write("base/kustomization.yaml", "resources: [a.yaml]\n")
    write("base/a.yaml", BLACKLIST.format("a"))
    write("s/kustomization.yaml", "resources: [../base, ../other]\n")
    write("other/kustomization.yaml", "resources: [../base]\n")
    manifests = read_folder("s")
    assert keys(manifests) == ["Blacklist/default/a"]
    assert said(manifests) == []


def test_what_is_not_applied_is_named():
    write(
        "s/kustomization.yaml",
        "resources: [a.yaml]\nnamePrefix: x-\npatches:\n  - path: p.yaml\nimages: [{name: x}]\ncommonAnnotations: {}\n",
    )
    write("s/a.yaml", BLACKLIST.format("a"))
    manifests = read_folder("s")
    assert said(manifests) == [
        ("s/kustomization.yaml", 2, 1, "kustomize.not-applied"),
        ("s/kustomization.yaml", 3, 1, "kustomize.not-applied"),
    ]
    assert "namePrefix" in manifests.findings[0].finding.message
    assert "kustomize build | callkeeper validate -" in manifests.findings[0].finding.hint
    assert not any(one.is_error for one in manifests.findings)


@pytest.mark.parametrize(
    "entry",
    ["https://example.com/x.yaml", "github.com/acme/settings", "git@example.com:x.git", "x/y?ref=v1"],
)
def test_nothing_is_fetched(entry):
    write("s/kustomization.yaml", f"resources:\n  - {entry}\n")
    (finding,) = read_folder("s").findings
    assert (finding.finding.rule, finding.line, finding.column) == ("kustomize.not-applied", 2, 5)
    assert not finding.is_error


@pytest.mark.parametrize(
    ("entry", "rule", "word"),
    [
        ("missing.yaml", "kustomize.resource", "does not exist"),
        ("plain", "kustomize.resource", "without a kustomization"),
        ("../outside.yaml", "kustomize.resource", "outside"),
        (".", "kustomize.cycle", "leads back"),
        ("../round", "kustomize.cycle", "leads back"),
    ],
)
def test_a_resource_that_cannot_be_read_is_an_error_at_its_entry(entry, rule, word):
    write("s/kustomization.yaml", f"resources:\n  - {entry}\n")
    write("s/plain/a.yaml", "")
    write("outside.yaml", "")
    write("round/kustomization.yaml", "resources:\n  - ../s\n")
    (finding,) = read_folder("s").findings
    assert finding.finding.rule == rule
    assert word in finding.finding.message
    assert (finding.line, finding.column) == (2, 5)
    assert finding.is_error


def test_kustomizations_in_a_circle_are_still_read():
    write("s/a/kustomization.yaml", "resources: [../b, x.yaml]\n")
    write("s/a/x.yaml", BLACKLIST.format("a"))
    write("s/b/kustomization.yaml", "resources: [../a]\n")
    manifests = read_folder("s")
    assert keys(manifests) == ["Blacklist/default/a"]
    assert {rule for *_, rule in said(manifests)} == {"kustomize.cycle"}


def test_kustomizations_are_not_followed_without_end(monkeypatch):
    monkeypatch.setattr(kustomize, "MAX_KUSTOMIZATION_DEPTH", 3)
    for number in range(6):
        write(f"s/{number}/kustomization.yaml", f"resources: [../{number + 1}]\n")
    write("s/6/kustomization.yaml", "resources: []\n")
    (finding,) = read_folder("s/0").findings
    assert (finding.file, finding.finding.rule) == ("s/2/kustomization.yaml", "kustomize.cycle")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "kustomize.syntax"),
        ("- a\n", "kustomize.syntax"),
        ("a: 1\n---\nb: 2\n", "kustomize.syntax"),
        ("a: [\n", "yaml.syntax"),
        ("resources: []\nresources: []\n", "yaml.duplicate-key"),
    ],
)
def test_a_kustomization_that_cannot_be_understood_is_an_error(text, rule):
    write("s/kustomization.yaml", text)
    write("s/a.yaml", BLACKLIST.format("a"))
    assert [found for *_, found in said(read_folder("s"))] == [rule]


def test_a_kustomization_that_is_too_large_is_an_error(monkeypatch):
    monkeypatch.setattr("callkeeper.manifests.files.MAX_FILE_BYTES", 10)
    write("s/kustomization.yaml", "resources: [a.yaml, b.yaml]\n")
    assert [found for *_, found in said(read_folder("s"))] == ["yaml.too-large"]


def test_an_object_without_metadata_takes_no_namespace():
    write("s/kustomization.yaml", "namespace: voice\nresources: [a.yaml]\n")
    write("s/a.yaml", "apiVersion: callkeeper.dev/v1alpha1\nkind: Blacklist\n")
    assert "blacklist.required" in {rule for *_, rule in said(read_folder("s"))}
