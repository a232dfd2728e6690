import io
import itertools
import json

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from callkeeper.manifests.documents import read_text
from callkeeper.manifests.marks import Lines

shapes = st.recursive(
    st.none(),
    lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(st.integers(0, 9), inner, min_size=1),
    max_leaves=25,
).filter(lambda shape: shape is not None)


def named(shape, names):
    """Give every key and every leaf of a shape a name of its own, so that a text tells where it is from."""
    if shape is None:
        return f"v{next(names)}"
    if isinstance(shape, list):
        return [named(item, names) for item in shape]
    return {f"k{next(names)}": named(item, names) for item in shape.values()}


def paths(value, path=()):
    if isinstance(value, dict):
        for name, item in value.items():
            yield (*path, name), name, True
            yield from paths(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))
    else:
        yield path, value, False


def dumped(value, style):
    if style == "json":
        return json.dumps(value)
    if style == "indented json":
        return json.dumps(value, indent=2)
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = style == "flow"
    yaml.indent = 3
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


@given(shapes, st.sampled_from(["json", "indented json", "flow", "block"]), st.integers(0, 3), st.booleans())
def test_every_position_shows_the_value_or_key_it_is_said_to(shape, style, before, windows):
    value = named(shape, itertools.count(100))
    text = "# a comment: [\n---\na: b\n--- \n" * before + dumped(value, style)
    if windows:
        text = text.replace("\n", "\r\n")
    lines = text.splitlines()
    document = read_text(text, "f.yaml").documents[-1]
    assert document.value == value
    for path, name, is_key in paths(value):
        line, column = document.places.position(path, key=is_key)
        assert lines[line - 1][column - 1 :].lstrip('"').startswith(name), (path, line, column)
        missing = (*path, "missing", 3)
        assert document.places.position(missing) == document.places.position(path, key=path[-1:] != () and _named(path))


def _named(path):
    return isinstance(path[-1], str)


@given(st.text("ab\r\n", max_size=60), st.data())
def test_lines_are_counted_as_they_are_split_whoever_asked_before(text, data):
    lines = Lines(text)
    for index in data.draw(st.lists(st.integers(0, len(text)), min_size=1)):
        before = text[:index]
        ends = before.replace("\r\n", "\n").replace("\r", "\n")
        assert lines.position(index) == (ends.count("\n") + 1, len(ends) - (ends.rfind("\n") + 1) + 1)


def test_many_questions_about_a_large_file_do_not_start_at_its_top_each():
    text = "ab\r\n" * 300_000 + "c\rd\n" * 10
    lines = Lines(text)
    for index in range(0, len(text), 4 * 97):
        assert lines.position(index)[0] == index // 4 + 1 or index > 1_200_000
    assert lines.position(1_200_000 + 2) == (300_002, 1)
