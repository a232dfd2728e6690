"""The YAML writer: what it writes is read back the same, under the rules kubectl reads by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callkeeper.kinds.schema_yaml import to_yaml
from callkeeper.manifests.documents import read_text

WORDS = st.sampled_from(
    ["on", "No", "null", "~", "1e3", "0x1F", "- a", "a: b", "a #b", "=", "2026-11-23", "a " * 80, ".0", ""]
)
TEXT = st.text(alphabet=st.characters(max_codepoint=0x3000, exclude_categories=["Cs"]), max_size=30) | WORDS
VALUES = st.recursive(
    TEXT | st.booleans() | st.integers(-(2**40), 2**40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXT, VALUES, min_size=1, max_size=4))
def test_what_is_written_is_read_back(value: dict[str, object]):
    content = read_text(to_yaml(value), "x")
    assert [document.value for document in content.documents] == [value]
    assert content.findings == ()


def test_long_prose_is_folded_and_read_back():
    value = {"description": " ".join(["word"] * 100), "list": [{"a": "b " * 70 + "c"}]}
    text = to_yaml(value)
    assert max(map(len, text.splitlines())) <= 120
    assert [document.value for document in read_text(text, "x").documents] == [value]


def test_a_value_yaml_has_no_plain_word_for_is_refused():
    with pytest.raises(TypeError, match="no YAML is written for a float"):
        to_yaml({"a": 1.5})
