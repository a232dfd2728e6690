import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from callkeeper.kinds.finding import Severity
from callkeeper.manifests import documents
from callkeeper.manifests.documents import read_bytes, read_text


def values(text):
    content = read_text(text, "f.yaml")
    assert not content.findings
    assert not any(document.findings for document in content.documents)
    return [document.value for document in content.documents]


def said(text):
    """Rule, line and column of everything that is wrong with a text (or bytes)."""
    content = read_bytes(text, "f.yaml") if isinstance(text, bytes) else read_text(text, "f.yaml")
    found = [*content.findings, *(finding for document in content.documents for finding in document.findings)]
    return [(one.finding.rule, one.line, one.column) for one in found]


def message_of(text):
    content = read_text(text, "f.yaml")
    return [*content.findings, *(one for document in content.documents for one in document.findings)][0].finding


def places(text):
    return read_text(text, "f.yaml").documents[0].places


def test_scalars_keep_quotes_styles_and_kubectls_meaning():
    text = "a: +39\nb: '+39'\nc: \"0039\"\nd: 0039\ne: |\n  on\nf: on\ng: !!str on\nh:\ni: >-\n  1\n  2\n"
    assert values(text) == [
        {"a": 39, "b": "+39", "c": "0039", "d": 39, "e": "on\n", "f": True, "g": "on", "h": None, "i": "1 2"}
    ]


def test_keys_become_text_as_kubectl_writes_them():
    assert values("on: 1\n2: 2\n1.5: 3\n0x10: 4\n'y': 5\n!!str n: 6\n") == [
        {"true": 1, "2": 2, "1.5": 3, "16": 4, "y": 5, "n": 6}
    ]


def test_a_null_or_composite_key_is_refused():
    assert said("~: 1\n") == [("yaml.key", 1, 1)]
    assert said("? [a]\n: 1\n") == [("yaml.key", 1, 3)]
    assert said("? {a: b}\n: 1\nc: d\n") == [("yaml.key", 1, 3)]


def test_several_documents_count_lines_from_the_files_start():
    text = "# first\na: 1\n---\n---\n# nothing\n---\nb:\n  c: 2\n...\n--- {d: 3}\n"
    content = read_text(text, "f.yaml")
    assert [document.value for document in content.documents] == [{"a": 1}, {"b": {"c": 2}}, {"d": 3}]
    assert content.documents[0].places.position(("a",)) == (2, 4)
    assert content.documents[1].places.position(("b", "c")) == (8, 6)
    assert content.documents[2].places.position(("d",)) == (10, 9)
    assert content.documents[2].places.position(("d",), key=True) == (10, 6)


def test_an_empty_file_holds_no_documents():
    for text in ("", "\n", "# only a comment\n", "---\n", "--- ~\n", "\ufeff"):
        assert read_bytes(text.encode(), "f.yaml").documents == ()


def test_a_byte_order_mark_is_not_counted():
    content = read_bytes("\ufeffa: 1\n".encode(), "f.yaml")
    assert content.documents[0].value == {"a": 1}
    assert content.documents[0].places.position(("a",), key=True) == (1, 1)
    assert content.documents[0].places.position(("a",)) == (1, 4)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_lines_end_as_editors_see_it(line_break):
    text = line_break.join(["a: 1", "# comment", "b:", "  - x", "  - p: z", ""])
    where = places(text)
    assert where.position(("b", 0)) == (4, 5)
    assert where.position(("b", 1, "p")) == (5, 8)


@pytest.mark.parametrize("odd", ["\x85", "\u2028", "\u2029"])
def test_line_breaks_that_only_yaml_knows_are_not_counted(odd):
    where = places(f"a: 'x{odd} y'\nb: 2\n")
    assert where.position(("b",)) == (2, 4)
    where = places(f"# x{odd}a: 1\n")
    assert where.position(("a",)) == (1, 8)


def test_tabs_count_one_and_so_does_every_character():
    assert places("a:\t1\n").position(("a",)) == (1, 4)
    assert places("{'\U0001f600é': 1, b: 2}\n").position(("b",)) == (1, 14)


def test_a_path_beyond_the_document_leads_to_the_nearest_ancestor():
    where = places("spec:\n  numbers:\n    - pattern: x\n    - comment: y\nmetadata: {}\n")
    assert where.position(("spec", "numbers", 1, "pattern")) == (4, 7)
    assert where.position(("spec", "colour")) == (1, 1)
    assert where.position(("metadata", "name")) == (5, 1)
    assert where.position(("spec", "numbers", 7)) == (2, 3)
    assert where.position(("spec", "numbers", "name")) == (2, 3)
    assert where.position(("metadata", 0)) == (5, 1)
    assert where.position(("nothing", "at", "all")) == (1, 1)


@pytest.mark.parametrize(
    ("text", "line", "column", "hint"),
    [
        ("a: b: c\n", 1, 5, None),
        ("a: [1\nb: 2\n", 2, 2, None),
        ("\ta: 1\n", 1, 1, "tabs"),
        ("a:\n\tb: 1\n", 2, 1, "tabs"),
        ("a: @x\n", 1, 4, "quote"),
        ("a: %x\n", 1, 4, "quote"),
        ("a: 'x\n", 2, 1, "close the quote that was opened on line 1"),
        ("z: 1\n---\na: 1\nb: [1, 2\n", 5, 1, "close the bracket that was opened on line 4"),
        ("a: {b: 1\n", 2, 1, "close the bracket that was opened on line 1"),
        ("a:\n  b: 1\n c: 2\n", 3, 2, "indent it as the lines it belongs with"),
        ("a: 'it's'\n", 1, 8, "quote all of a value"),
        ("a: b: c\n", 1, 5, "holds a colon and a space"),
        ("a: - b\n", 1, 4, "line of its own"),
        ("a: 1\nb:2\nc: 3\n", 3, 1, "with a space after the colon"),
        ("%YAML 3.0\n---\na: 1\n", 1, 1, None),
    ],
)
def test_what_is_not_yaml_is_a_finding_with_its_place(text, line, column, hint):
    assert said(text)[0] == ("yaml.syntax", line, column)
    assert (hint is None) or hint in message_of(text).hint


def test_after_a_broken_document_reading_goes_on_at_the_next():
    text = "a: 1\n---\nb: [\n---\nc: 3\n--- x\nd: 'e\n---\n  f: 4\n g: 5\n---\nh: 6\n"
    content = read_text(text, "f.yaml")
    assert [document.value for document in content.documents] == [{"a": 1}, {"c": 3}, {"h": 6}]
    assert [one.line for one in content.findings] == [4, 7, 10]
    assert content.documents[2].places.position(("h",)) == (12, 4)


def test_a_file_of_broken_documents_is_given_up():
    found = said("---\na: [\n" * 100)
    assert len(found) == documents.MAX_BROKEN_DOCUMENTS + 1
    assert message_of("---\na: [\n" * 100).rule == "yaml.syntax"


def test_a_repeated_key_is_an_error_at_the_second():
    assert said("a: 1\nb: 2\na: 3\n") == [("yaml.duplicate-key", 3, 1)]
    assert "2 lines above" in message_of("a: 1\nb: 2\na: 3\n").message
    assert "same line" in message_of("{a: 1, a: 2}").message
    assert said("x: {1: a, '1': b}\n") == [("yaml.duplicate-key", 1, 11)]
    content = read_text("x:\n  a: 1\n  a: {b: 2}\n", "f.yaml")
    assert content.documents[0].value == {"x": {"a": 1}}
    assert content.documents[0].findings[0].finding.path == ("x", "a")


def test_defects_without_number_are_bounded():
    found = said("a: 1\n" * 5_000)
    assert [rule for rule, *_ in found] == ["yaml.duplicate-key"] * 500 + ["yaml.more"]


def test_a_value_without_a_form_in_json_is_an_error():
    assert said("a: .inf\n") == [("yaml.scalar", 1, 4)]
    assert said("a: [1, .nan]\n") == [("yaml.scalar", 1, 8)]
    assert said("a: !!int x\n") == [("yaml.scalar", 1, 4)]


def test_aliases_stand_for_what_they_name():
    assert values("a: &x {b: [1, 2]}\nc: *x\nd: &y 012\ne: *y\n&k f: *y\n*k : 7\n"[:-8]) == [
        {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": 10, "e": 10, "f": 10}
    ]
    assert places("a: &x {b: 1}\nc: *x\n").position(("c", "b")) == (1, 11)
    assert values("&k a: b\nc: *k\n") == [{"a": "b", "c": "a"}]


def test_an_alias_that_leads_nowhere_is_an_error_with_a_hint():
    assert said("a: *72\n") == [("yaml.aliases", 1, 4)]
    assert "quote" in message_of("a: *72\n").hint
    assert said("a: &x [*x]\n") == [("yaml.aliases", 1, 8)]
    assert said("---\na: &x 1\n---\nb: *x\n") == [("yaml.aliases", 4, 4)]


def test_merge_keys_take_over_fields():
    base = "base: &b {a: 1, b: 2}\n"
    assert values(base + "x: {<<: *b, b: 3}\n")[0]["x"] == {"a": 1, "b": 3}
    assert values(base + "x: {<<: [*b, {a: 9, c: 9}]}\n")[0]["x"] == {"a": 1, "b": 2, "c": 9}
    assert values("x: {'<<': 1}\n") == [{"x": {"<<": 1}}]
    assert values(base + "x: {!!merge <<: *b}\n")[0]["x"] == {"a": 1, "b": 2}
    assert places(base + "x: {<<: *b}\n").position(("x", "b")) == (1, 20)


def test_a_merge_that_overrides_what_stands_above_it_is_a_warning():
    text = "base: &b {a: 1}\nx:\n  a: 2\n  <<: *b\n"
    finding = read_text(text, "f.yaml").documents[0].findings[0]
    assert (finding.finding.rule, finding.finding.severity, finding.line) == ("yaml.merge-order", Severity.WARNING, 4)
    assert read_text(text, "f.yaml").documents[0].value["x"] == {"a": 1}  # as kubectl has it


def test_a_merge_of_anything_but_mappings_is_an_error():
    assert said("x: {<<: 1}\n") == [("yaml.merge", 1, 5)]
    assert said("x: {<<: [{a: 1}, 2]}\n") == [("yaml.merge", 1, 5)]


def test_too_much_nesting_is_an_error():
    deep = documents.TreeBuilder.__init__.__globals__["MAX_DEPTH"]
    assert values("[" * deep + "]" * deep)
    assert said("[" * (deep + 1) + "]" * (deep + 1)) == [("yaml.depth", 1, deep + 1)]
    halves = f"a: &x {'[' * 40}{']' * 40}\nb: {'[' * 40}*x{']' * 40}\n"
    assert said(halves) == [("yaml.depth", 2, 44)]
    assert said("? " * 200 + "x\n")[0][0] == "yaml.depth"


@pytest.mark.parametrize(
    ("data", "line", "column", "word"),
    [
        (b"a: 1\nb: \xff\n", 2, 4, "0xff"),
        ("a: é\nb: ".encode("latin-1"), 1, 4, "0xe9"),
        (b"\xef\xbb\xbf\xff", 1, 1, "0xff"),
        ("a: 1".encode("utf-16"), 1, 1, "UTF-16"),
        (b"a: 1\nb: x\x00y\n", 2, 5, "U+0000"),
        (b"a: 1\n---\nb: '\x1b[31m'\n", 3, 5, "U+001B"),
        ("a: \ufffe\n".encode(), 1, 4, "U+FFFE"),
    ],
)
def test_what_is_not_text_is_a_finding_with_its_place(data, line, column, word):
    assert said(data) == [("yaml.encoding", line, column)]
    assert word in read_bytes(data, "f.yaml").findings[0].finding.message


def test_a_colon_inside_a_plain_value_in_brackets_is_read_as_kubectl_reads_it():
    text = "a: 1\n---\nspec: {endpoint: https://recorder:8443/x, from: [1:30, b:]}\n---\nb: [c:d, +39, on]\n---\ne: 2\n"
    content = read_text(text, "f.yaml")
    assert not content.findings
    assert [document.value for document in content.documents] == [
        {"a": 1},
        {"spec": {"endpoint": "https://recorder:8443/x", "from": ["1:30", "b:"]}},
        {"b": ["c:d", 39, True]},
        {"e": 2},
    ]
    assert content.documents[1].places.position(("spec", "from", 0)) == (3, 50)
    assert content.documents[2].places.position(("b", 1)) == (5, 10)
    assert content.documents[3].places.position(("e",)) == (7, 4)
    many = read_text("---\na: {b:c}\n" * 100, "f.yaml")
    assert (len(many.documents), many.findings) == (100, ())


def test_a_broken_document_with_such_a_colon_is_still_broken():
    assert said("a: {b:c\n---\nd: 1\n") == [("yaml.syntax", 2, 1)]
    assert said("a: {b:c, b:c}\n") == [("yaml.duplicate-key", 1, 10)]
    assert said("a: {b:c, d: *e}\n") == [("yaml.aliases", 1, 13)]


def test_patience_with_such_colons_ends(monkeypatch):
    monkeypatch.setattr(documents, "MAX_PATIENT_CHARACTERS", 30)
    assert said("---\na: {b:c}\n" * 3) == [("yaml.syntax", 6, 6)]
    assert "quote" in message_of("---\na: {b:c}\n" * 3).hint


def test_json_is_read_with_its_escapes():
    value = {"a": ["\U0001f600", "\\ud83d\\ude00", "tab\tand \\", 1.5, None, True], "b/c": {}}
    assert values(json.dumps(value)) == [value]
    assert values(json.dumps(value, indent="\t")) == [value]


def test_a_file_over_the_limit_is_not_read(monkeypatch):
    monkeypatch.setattr(documents, "MAX_FILE_BYTES", 10)
    assert said(b"a: 12345678\n") == [("yaml.too-large", 1, 1)]


def test_a_file_with_too_many_values_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(documents, "MAX_FILE_VALUES", 60)
    assert said("[" + "1," * 40 + "1]") == [("yaml.too-large", 1, 72)]
    assert said("".join(f"k{i}: v\n" for i in range(40)))[0][0] == "yaml.too-large"
    assert said("---\n" * 10)[0][0] == "yaml.too-large"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_json_reads_as_json(value):
    content = read_text(json.dumps({"top": value}), "f.json")
    assert not content.findings
    assert content.documents[0].value == {"top": value}


# Words that YAML 1.1 readers agree about: no y and n, no numbers in text.
words = st.text("abcdghijklmpqrsvwxz éß", min_size=1, max_size=12)
agreed_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(agreed_values.filter(lambda value: value is not None), max_size=3), st.booleans())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_ordinary_documents_read_as_other_readers_read_them(several, flow):
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    yaml.allow_unicode = True
    yaml.default_flow_style = flow
    stream = io.StringIO()
    yaml.dump_all(several, stream)
    text = stream.getvalue()
    assert [document.value for document in read_text(text, "f.yaml").documents] == [
        value for value in YAML(typ="safe", pure=True).load_all(text) if value is not None
    ]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused_with_a_place(data):
    content = read_bytes(data, "f.yaml")
    for one in [*content.findings, *(finding for document in content.documents for finding in document.findings)]:
        assert one.line >= 1
        assert one.column >= 1
        assert one.finding.rule.startswith("yaml.")


@given(st.text("abc:-[]{}&*!<|>'\"%@`#?, \n\t012.~", max_size=120))
@settings(max_examples=400)
def test_any_yaml_like_text_is_read_or_refused(text):
    content = read_text(text, "f.yaml")
    for document in content.documents:
        assert json.loads(json.dumps(document.value, allow_nan=False)) == document.value
