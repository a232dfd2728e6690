"""What is checked in under deploy/ is what its one source says, and every choice has an effect."""

import json
from typing import Any

import jsonschema
import pytest
from deploy.generate.__main__ import rendered, stale
from deploy.generate.bundle import bundle
from deploy.generate.choices import CHOICES
from deploy.generate.values import Each, Expression, Merged, Value
from ruamel.yaml import YAML
from tests.deploy.rendering import CHART

VALUES = YAML(typ="safe").load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def test_every_generated_file_is_current() -> None:
    assert stale(rendered()) == [], "run: python -m deploy.generate"


def test_every_value_is_used_by_a_template() -> None:
    text = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    assert [path for path in CHOICES if f"$.Values.{path}" not in text] == []


def test_the_defaults_are_those_of_the_source_and_fit_the_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)
    for path, value in CHOICES.items():
        found: Any = VALUES
        for part in path.split("."):
            found = found[part]
        assert found == value.default, path


@pytest.mark.parametrize(
    "wrong",
    [
        {"oprator": {}},
        {"operator": {"replicas": "2"}},
        {"operator": {"replicas": 0}},
        {"webhook": {"failurePolicy": "ignore"}},
        {"recorder": {"log": "teams"}},
        {"image": {"digest": "latest"}},
        {"watchNamespaces": ["Voice"]},
        {"collector": {"storage": {"size": "much"}}},
    ],
)
def test_a_wrong_value_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


def test_no_leaf_is_lost_on_the_way_into_a_template() -> None:
    def leaves(tree: Any) -> int:
        if isinstance(tree, Value | Each | Expression | Merged):
            return 1
        if isinstance(tree, dict):
            return sum(leaves(item) for item in tree.values())
        return sum(leaves(item) for item in tree) if isinstance(tree, list | tuple) else 0

    assert sum(leaves(item.object) for item in bundle()) > 50
    text = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    assert "callkeeperInline" not in text
    assert "callkeeperBlock" not in text
