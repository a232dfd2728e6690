"""What is kept of objects says the same as what was read, in less memory."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from callkeeper.kinds.reading import read_object
from callkeeper.operator.compacting import compact

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def readings():
    files = [path for path in EXAMPLES.rglob("*.yaml") if "callkeeper.dev/v1alpha1" in path.read_text()]
    documents = [one for path in files for one in YAML(typ="safe").load_all(path) if isinstance(one, dict)]
    found = [read_object(one) for one in documents if one.get("apiVersion") == "callkeeper.dev/v1alpha1"]
    assert {one.key.kind for one in found} >= {"Recorder", "Blacklist", "UserPolicy", "RetentionRule", "AuditExport"}
    return found


def test_a_compact_reading_is_equal_to_the_one_it_was_made_from(readings):
    for reading in readings:
        made = compact(reading)
        assert made == reading
        if reading.resource is not None:
            assert made.resource.model_dump() == reading.resource.model_dump()
            assert made.resource.model_copy() == reading.resource
