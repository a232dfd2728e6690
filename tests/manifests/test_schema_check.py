import json
from pathlib import Path

import pytest

from callkeeper.manifests.files import ManifestsError
from callkeeper.manifests.loading import read_paths
from callkeeper.manifests.schema_check import MAX_FINDINGS_PER_OBJECT, SchemaSet

OBJECT = """\
apiVersion: callkeeper.dev/v1alpha1
kind: Blacklist
metadata: {name: a, labels: null}
spec:
  recorderRef: {name: teams}
  numbers:
    - pattern: "90XX"
    - {pattern: "9", colour: red, comment: null}
"""
SCHEMA = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "metadata": {"type": "object", "properties": {"labels": {"type": "object"}}},
        "spec": {
            "type": "object",
            "properties": {
                "numbers": {
                    "items": {
                        "additionalProperties": False,
                        "properties": {"pattern": {"type": "string", "minLength": 2}, "comment": {"type": "string"}},
                    }
                }
            },
        },
    },
}


@pytest.fixture
def schemas(tmp_path):
    (tmp_path / "schemas" / "callkeeper.dev").mkdir(parents=True)
    return tmp_path / "schemas"


def schema_file(schemas, content, kind="blacklist"):
    text = content if isinstance(content, str) else json.dumps(content)
    (schemas / "callkeeper.dev" / f"{kind}_v1alpha1.json").write_text(text)


def check(schemas, text=OBJECT):
    path = Path(schemas).parent / "a.yaml"
    path.write_text(text)
    return list(SchemaSet(schemas).check(read_paths([path]).objects))


def said(findings):
    return [(one.finding.rule, one.line, one.column) for one in findings]


def test_what_a_schema_refuses_is_located(schemas):
    schema_file(schemas, SCHEMA)
    findings = check(schemas)
    assert sorted(said(findings)) == [("schema.additionalProperties", 8, 22), ("schema.minLength", 8, 17)]
    assert "`colour`" in next(one.finding.message for one in findings if one.column == 22)


def test_a_null_field_is_absent(schemas):
    schema_file(schemas, SCHEMA)
    assert check(schemas, OBJECT.replace("colour: red, ", "").replace('"9"', '"99"')) == []


def test_other_validators_of_fields_keep_their_own_words(schemas):
    schema_file(schemas, {"additionalProperties": {"type": "string"}, "properties": {"spec": {}}})
    assert said(check(schemas)) == [("schema.type", 3, 11)]
    schema_file(schemas, {"additionalProperties": False, "patternProperties": {"^[a-r]": {}}})
    assert said(check(schemas)) == [("schema.additionalProperties", 1, 1)]


def test_a_kind_without_a_schema_is_an_error_that_names_the_file(schemas):
    (finding,) = check(schemas)
    assert said([finding]) == [("schema.missing", 2, 7)]
    assert "blacklist_v1alpha1.json" in finding.finding.message


@pytest.mark.parametrize("kind", ["../../etc/passwd", "", "Black list"])
def test_a_kind_never_leads_out_of_the_folder(schemas, kind):
    assert check(schemas, OBJECT.replace("kind: Blacklist", f"kind: '{kind}'")) == []


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "not JSON"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "not JSON"),
        ({"type": "nonsense"}, "not a JSON Schema"),
        ({"$ref": "https://example.com/schema.json"}, "refers to `https://example.com/schema.json`"),
        ({"$ref": "#/definitions/missing"}, "refers to"),
    ],
)
def test_a_schema_that_cannot_be_used_is_an_error(schemas, content, word):
    schema_file(schemas, content)
    (finding,) = check(schemas)
    assert finding.finding.rule == "schema.unusable"
    assert word in finding.finding.message


def test_a_schema_that_is_not_text_is_an_error(schemas):
    (schemas / "callkeeper.dev" / "blacklist_v1alpha1.json").write_bytes(b"\xff")
    assert said(check(schemas)) == [("schema.unusable", 2, 7)]


def test_a_schema_that_cannot_be_read_ends_the_run(schemas):
    (schemas / "callkeeper.dev" / "blacklist_v1alpha1.json").mkdir()
    with pytest.raises(ManifestsError, match="cannot read"):
        check(schemas)


def test_a_folder_that_is_not_there_ends_the_run(tmp_path):
    with pytest.raises(ManifestsError, match="not a folder"):
        SchemaSet(tmp_path / "missing")


def test_findings_and_messages_are_bounded(schemas):
    numbers_schema = {"items": {"type": "number"}, "maxItems": 3}
    schema_file(schemas, {"properties": {"spec": {"properties": {"numbers": numbers_schema}}}})
    numbers = "".join(f'    - pattern: "{number}"\n' for number in range(1_000))
    findings = check(schemas, OBJECT + numbers)
    assert len(findings) == MAX_FINDINGS_PER_OBJECT
    assert max(len(one.finding.message) for one in findings) <= 301


def test_our_own_schemas_accept_our_own_examples():
    root = Path(__file__).parents[2]
    manifests = read_paths([root / "examples"])
    assert len(manifests.objects) > 3
    assert list(SchemaSet(root / "schemas").check(manifests.objects)) == []
