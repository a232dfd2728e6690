import io
import os
from pathlib import Path

import pytest

from callkeeper.kinds.finding import Finding, ObjectKey, Severity
from callkeeper.manifests import files
from callkeeper.manifests.files import ManifestsError
from callkeeper.manifests.loading import read_folder, read_paths

HEAD = "apiVersion: callkeeper.dev/v1alpha1\nkind: Blacklist\n"


def blacklist(name, *patterns, namespace="voice"):
    numbers = "".join(f'    - pattern: "{pattern}"\n' for pattern in patterns)
    listed = f"  numbers:\n{numbers}" if patterns else ""
    return f"{HEAD}metadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  recorderRef: {{name: teams}}\n{listed}"


def rules(manifests):
    return [one.finding.rule for one in manifests.findings]


def key(name, namespace="voice"):
    return ObjectKey(kind="Blacklist", namespace=namespace, name=name)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Path("settings")


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_folder_is_read_in_order_without_hidden_and_foreign_files(folder):
    for name in ("b.yaml", "a.yml", "sub/c.json", ".hidden.yaml", ".git/d.yaml", "users.csv", "README.md", "Z.YAML"):
        write(folder / name, blacklist(Path(name).stem.lower().lstrip("."), "90XX"))
    (folder / "sub/c.json").write_text(
        '{"apiVersion": "callkeeper.dev/v1alpha1", "kind": "Blacklist", "metadata": {"name": "c"},'
        ' "spec": {"recorderRef": {"name": "teams"}}}'
    )
    manifests = read_folder(folder)
    assert manifests.files == ("settings/Z.YAML", "settings/a.yml", "settings/b.yaml", "settings/sub/c.json")
    assert [one.reading.key.name for one in manifests.objects] == ["z", "a", "b", "c"]
    assert manifests.documents == 4
    assert not [one for one in manifests.findings if one.is_error]


def test_a_file_is_read_whatever_it_is_called(folder):
    path = write(folder / "settings.txt", blacklist("a"))
    assert len(read_paths([path]).objects) == 1
    assert len(read_paths([str(path)]).objects) == 1


def test_links_are_followed_but_never_in_circles(folder):
    write(folder / "real/a.yaml", blacklist("a"))
    (folder / "again").symlink_to("real")
    (folder / "real/up").symlink_to("..")
    (folder / "linked.yaml").symlink_to("real/a.yaml")
    manifests = read_folder(folder)
    assert manifests.files == ("settings/again/a.yaml", "settings/linked.yaml")


def test_standard_input_is_a_file_of_its_own():
    manifests = read_paths(["-"], stdin=io.BytesIO(blacklist("a", "9Y").encode()))
    assert (manifests.files, manifests.findings[0].file) == (("<stdin>",), "<stdin>")
    with pytest.raises(ManifestsError, match="standard input"):
        read_paths(["-"])


def test_a_path_that_cannot_be_read_is_named(folder):
    with pytest.raises(ManifestsError, match=r"cannot read nowhere: No such file"):
        read_paths(["nowhere"])
    with pytest.raises(ManifestsError, match="cannot read"):
        read_paths(["a\0b"])
    write(folder / "a.yaml")
    (folder / "b.yaml").symlink_to("missing")
    with pytest.raises(ManifestsError, match=r"cannot read settings/b\.yaml"):
        read_folder(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_forbidden_folder_is_named(folder):  # pragma: no cover - where tests run as root
    write(folder / "sub/a.yaml").parent.chmod(0)
    with pytest.raises(ManifestsError, match="Permission denied"):
        read_folder(folder)


def test_a_folder_that_vanishes_is_named(folder, monkeypatch):
    write(folder / "a.yaml")

    def vanish(_path):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(files.os, "scandir", vanish)
    with pytest.raises(ManifestsError, match="cannot read settings: No such file"):
        read_folder(folder)


def test_too_many_files_are_refused(folder, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILES", 2)
    for name in "abc":
        write(folder / f"{name}.yaml")
    with pytest.raises(ManifestsError, match="more than 2"):
        read_folder(folder)


def test_a_file_that_is_too_large_is_a_finding(folder, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 10)
    path = write(folder / "a.yaml", "a: 1234567890\n")
    assert rules(read_paths([path])) == ["yaml.too-large"]


def test_documents_of_other_groups_are_skipped_and_counted(folder):
    write(folder / "a.yaml", f"apiVersion: v1\nkind: ConfigMap\n---\n{blacklist('a')}---\n---\napiVersion: apps/v1\n")
    manifests = read_folder(folder)
    assert (manifests.documents, manifests.skipped, len(manifests.objects)) == (3, 2, 1)
    assert not rules(manifests)


def test_what_is_no_object_is_an_error_that_says_what_is_missing(folder):
    write(folder / "a.yaml", "- a\n---\njust text\n---\nkind: Deployment\n---\nfoo: bar\n---\napiVersion: 1\nkind: x\n")
    manifests = read_folder(folder)
    assert rules(manifests) == ["document.not-an-object"] * 5
    assert [one.line for one in manifests.findings] == [1, 3, 5, 7, 9]
    assert "a list" in manifests.findings[0].finding.message
    assert "apiVersion must" in manifests.findings[2].finding.message
    assert "apiVersion and kind" in manifests.findings[3].finding.message


def test_our_kind_without_a_version_is_read_as_ours(folder):
    write(folder / "a.yaml", "kind: Blacklist\nmetadata: {name: a}\n")
    manifests = read_folder(folder)
    assert manifests.objects[0].reading.key == key("a", "default")
    assert "blacklist.api-version" in rules(manifests)


def test_a_misspelt_group_is_a_warning_not_silence(folder):
    write(folder / "a.yaml", blacklist("a").replace("callkeeper.dev", "callkeeper.io"))
    write(folder / "b.yaml", blacklist("b").replace("callkeeper.dev", "example.com"))
    manifests = read_folder(folder)
    assert rules(manifests) == ["document.api-group"]
    assert "callkeeper.dev/v1alpha1" in manifests.findings[0].finding.hint
    assert manifests.skipped == 2


def test_a_number_lost_to_yaml_is_hinted_at_as_it_was_written(folder):
    text = blacklist("a", "1").replace('"1"', "+39") + "    - {pattern: 0039, comment: on}\n"
    write(folder / "a.yaml", text)
    findings = {(one.line, one.column): one.finding for one in read_folder(folder).findings}
    assert 'pattern: "+39"' in findings[(9, 16)].hint
    assert 'pattern: "0039"' in findings[(10, 17)].hint
    assert 'comment: "on"' in findings[(10, 32)].hint


def test_lists_are_taken_apart(folder):
    item = "{apiVersion: callkeeper.dev/v1alpha1, kind: Blacklist, metadata: {name: %s}, spec: {colour: red}}"
    write(
        folder / "a.yaml",
        "apiVersion: v1\nkind: List\nitems:\n"
        f"- {item % 'a'}\n- {item % 'b'}\n- {{apiVersion: v1, kind: ConfigMap}}\n- text\n- {{kind: List}}\n",
    )
    write(
        folder / "b.yaml",
        "apiVersion: callkeeper.dev/v1alpha1\nkind: BlacklistList\nitems:\n"
        "- metadata: {name: c}\n  spec: {colour: red}\n",
    )
    manifests = read_folder(folder)
    assert [one.reading.key for one in manifests.objects] == [key(name, "default") for name in "abc"]
    assert (manifests.documents, manifests.skipped) == (6, 1)
    unknown = [one for one in manifests.findings if one.finding.rule == "blacklist.unknown-field"]
    assert [(one.file[-6:], one.line, one.column) for one in unknown] == [
        ("a.yaml", 4, f"- {item % 'a'}".index("colour") + 1),
        ("a.yaml", 5, f"- {item % 'a'}".index("colour") + 1),
        ("b.yaml", 5, 10),
    ]
    assert unknown[0].finding.path == ("spec", "colour")
    assert rules(manifests).count("document.not-an-object") == 2


def test_a_repeated_field_keeps_its_object_out_of_force(folder):
    write(folder / "a.yaml", blacklist("a", "90XX") + "metadata:\n  name: b\n")
    manifests = read_folder(folder)
    reading = manifests.readings[0]
    assert reading.resource is None
    assert [finding.rule for finding in reading.findings if finding.severity is Severity.ERROR] == [
        "yaml.duplicate-key"
    ]
    assert reading.findings[0].key == key("a")
    located = next(one for one in manifests.findings if one.finding.rule == "yaml.duplicate-key")
    assert (located.line, located.column) == (10, 1)


def test_a_repeated_field_in_a_list_concerns_its_item_alone(folder):
    item = (
        "{apiVersion: callkeeper.dev/v1alpha1, kind: Blacklist, metadata: {name: %s}, spec: {recorderRef: {name: r}%s}}"
    )
    write(
        folder / "a.yaml",
        f"apiVersion: v1\nkind: List\nitems:\n- {item % ('a', '')}\n- {item % ('b', ', ranges: [], ranges: []')}\n",
    )
    manifests = read_folder(folder)
    assert [one.reading.resource is None for one in manifests.objects] == [False, True]
    assert rules(manifests) == ["yaml.duplicate-key"]
    assert manifests.findings[0].finding.path == ("spec", "ranges")


def test_a_merge_warning_leaves_the_object_in_force(folder):
    text = blacklist("a").replace("  recorderRef: {name: teams}\n", "  recorderRef: {name: x, <<: {name: teams}}\n")
    write(folder / "a.yaml", text)
    manifests = read_folder(folder)
    assert manifests.readings[0].resource is not None
    assert manifests.readings[0].recorder == "teams"
    assert rules(manifests) == ["yaml.merge-order"]


def test_an_object_that_stands_twice_is_an_error_at_the_second_that_names_the_first(folder):
    write(folder / "a.yaml", blacklist("a", "90XX"))
    write(folder / "b.yaml", f"# second\n{blacklist('a', '91XX')}---\n{blacklist('a', namespace='other')}")
    manifests = read_folder(folder)
    (duplicate,) = [one for one in manifests.findings if one.is_error]
    assert duplicate.finding.rule == "object.duplicate"
    assert (duplicate.file, duplicate.line, duplicate.column) == ("settings/b.yaml", 5, 9)
    assert "settings/a.yaml:1" in duplicate.finding.message
    assert len(manifests.objects) == 3
    assert [one.key.namespace for one in manifests.readings] == ["voice", "other"]
    assert manifests.readings[0].resource is not None
    assert manifests.object_of(key("a")).file == "settings/a.yaml"


def test_objects_without_a_name_are_no_duplicates_of_each_other(folder):
    write(folder / "a.yaml", f"{HEAD}---\n{HEAD}")
    manifests = read_folder(folder)
    assert "object.duplicate" not in rules(manifests)
    assert manifests.readings == ()
    assert len(manifests.objects) == 2


def test_a_long_list_is_warned_of_and_a_longer_one_refused(folder):
    write(folder / "a.yaml", blacklist("a", *(f"+39055{number:06}" for number in range(11_000))))
    write(folder / "b.yaml", blacklist("b", *(f"+39055{number:06}" for number in range(50_000))))
    manifests = read_folder(folder)
    found = {one.finding.rule: one for one in manifests.findings}
    assert found["object.too-large-for-apply"].finding.severity is Severity.WARNING
    assert "--server-side" in found["object.too-large-for-apply"].finding.hint
    assert found["object.too-large-for-apply"].file == "settings/a.yaml"
    assert found["object.too-large"].is_error
    assert [one.resource is None for one in manifests.readings] == [False, True]


def test_aliases_count_for_the_size_of_an_object(folder):
    entries = ", ".join(
        f"&e{i} {{pattern: '{i}', comment: &c{i} {'x' * 200}}}" if not i else "*e0" for i in range(2000)
    )
    write(
        folder / "a.yaml",
        blacklist("a").replace("metadata:\n", "metadata:\n  annotations: {a: b}\n") + f"  numbers: [{entries}]\n",
    )
    assert "object.too-large-for-apply" in rules(read_folder(folder))


def test_every_entry_is_found_again_by_its_own_text(folder):
    write(
        folder / "a.yaml",
        blacklist("a", "+39!", "90xx", "+39!")
        + '  ranges:\n    - {from: "100", to: "199"}\n---\n'
        + "apiVersion: callkeeper.dev/v1alpha1\nkind: UserPolicy\nmetadata: {name: u}\nspec:\n"
        "  recorderRef: {name: teams}\n  overrides:\n    - {user: Ada@Example.com, mode: AlwaysOn}\n---\n"
        "apiVersion: callkeeper.dev/v1alpha1\nkind: RecordingFilter\nmetadata: {name: f}\nspec:\n"
        "  recorderRef: {name: teams}\n  inbound: false\n  external:\n  internalNumbers:\n    - pattern: 2xxx\n",
    )
    manifests = read_folder(folder)

    def at(object_key, entry=""):
        place = manifests.locate(object_key, entry)
        return (place.line, place.column)

    assert at("Blacklist/voice/a", "+39!") == (9, 16)
    assert at("Blacklist/voice/a", "90XX") == (10, 16)
    assert at("Blacklist/voice/a", "100-199") == (13, 14)
    assert at("Blacklist/voice/a", "numbers") == (9, 5)
    assert at("Blacklist/voice/a", "no such entry") == (1, 1)
    assert at("UserPolicy/default/u", "ada@example.com") == (21, 14)
    assert at("RecordingFilter/default/f", "inbound") == (28, 12)
    assert at("RecordingFilter/default/f", "external") == (29, 3)
    assert at("RecordingFilter/default/f", "outbound") == (23, 1)
    assert at("RecordingFilter/default/f", "2XXX") == (31, 16)
    assert at("RecordingFilter/default/f") == (23, 1)
    assert str(manifests.locate("Blacklist/voice/a", "90XX")) == "settings/a.yaml:10:16"
    assert manifests.locate("Blacklist/voice/missing") is None
    assert manifests.locate("no key") is None


def test_entries_are_found_in_objects_that_are_no_good(folder):
    write(
        folder / "a.yaml",
        f"{HEAD}metadata: {{name: a}}\nspec: [1]\n---\n{HEAD}metadata: {{name: b}}\n"
        "spec: {numbers: [1, {pattern: 2}, {pattern: '7'}], ranges: 3, overrides: [{}]}\n",
    )
    manifests = read_folder(folder)
    assert manifests.locate("Blacklist/default/a", "spec").line == 1
    assert manifests.locate("Blacklist/default/b", "7").line == 9


def test_twenty_thousand_entries_are_found_at_once(folder):
    write(folder / "a.yaml", blacklist("a", *(str(number) for number in range(100_000, 120_000))))
    manifests = read_folder(folder)
    for number in range(20_000):
        assert manifests.locate("Blacklist/voice/a", str(100_000 + number)).line == 9 + number


def test_findings_of_others_are_put_in_their_place(folder):
    write(folder / "a.yaml", blacklist("a", "1"))
    manifests = read_folder(folder)
    finding = Finding(
        rule="x.y", severity=Severity.NOTE, message="m", key=key("a"), path=("spec", "numbers", 0, "pattern")
    )
    assert (manifests.place(finding).line, manifests.place(finding).column) == (9, 16)
    elsewhere = manifests.place(Finding(rule="x.y", severity=Severity.NOTE, message="m", key=key("b")))
    assert (elsewhere.file, elsewhere.line) == ("", 0)
    assert manifests.place(Finding(rule="x.y", severity=Severity.NOTE, message="m")).file == ""
