"""Rows about settings objects wait for the key of their log, though not for ever; and carry the name in force there."""

from types import SimpleNamespace

import pytest
from tests.operator.test_registry import a_document

from callkeeper.kinds.finding import ObjectKey
from callkeeper.operator.attribution.book import BookError
from callkeeper.operator.log_style import PATIENCE_SECONDS, LogStyle
from callkeeper.operator.registry import Registry

KEY = ObjectKey(kind="Recorder", namespace="voice", name="teams")


def an_object(kind, name, **spec):
    return {**a_document(5, name=name, uid=name), "kind": kind, "spec": spec}


@pytest.fixture
def world():
    now, names, registry, governed = [100.0], {}, Registry(), {}
    keeping = SimpleNamespace(application_name=names.get)
    style = LogStyle(registry=registry, governed=governed, keeping=keeping, clock=lambda: now[0])
    return SimpleNamespace(now=now, names=names, registry=registry, governed=governed, style=style)


def a_governed(world, *, is_read):
    ledger = SimpleNamespace(is_read=is_read, show=lambda pattern: f"shown {pattern}")
    return SimpleNamespace(ledger=ledger, begun=world.now[0], key=KEY)


def test_rows_wait_for_the_key_of_a_recorder_and_not_for_ever(world):
    assert world.style.show("voice", "teams") is None, "there is no such Recorder"
    world.registry.observe(an_object("Recorder", "teams", endpoint="http://recorder:8080"))
    with pytest.raises(BookError):
        world.style.show("voice", "teams")
    world.governed[KEY] = a_governed(world, is_read=False)
    with pytest.raises(BookError):
        world.style.show("voice", "teams")
    world.now[0] += PATIENCE_SECONDS
    assert world.style.show("voice", "teams") is None
    world.governed[KEY] = a_governed(world, is_read=True)
    assert world.style.show("voice", "teams")("112") == "shown 112"


def test_a_recorder_that_is_gone_is_remembered_for_the_rows_that_say_so(world):
    world.names[KEY] = "lab"
    world.style.ended(KEY, a_governed(world, is_read=True))
    world.names.clear()
    assert world.style.show("voice", "teams")("112") == "shown 112"
    assert world.style.app_name("voice", "teams") == "lab"


def test_the_name_is_the_one_in_force_or_else_what_the_only_audit_log_says(world):
    assert world.style.app_name("voice", "teams") == "callkeeper"
    reference = {"recorderRef": {"name": "teams"}}
    world.registry.observe(an_object("AuditLog", "a", **reference, applicationName="lab"))
    assert world.style.app_name("voice", "teams") == "lab"
    world.registry.observe(an_object("AuditLog", "b", **reference, applicationName="other"))
    assert world.style.app_name("voice", "teams") == "callkeeper", "which of the two wins is not known yet"
    world.names[KEY] = "other"
    assert world.style.app_name("voice", "teams") == "other"
