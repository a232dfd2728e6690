"""Log lines: JSON or for people, one event each."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from callkeeper.recorder.logs import configure_logging


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_json_lines_hold_one_event_each() -> None:
    stream = io.StringIO()
    configure_logging(as_json=True, stream=stream)
    structlog.get_logger().info("config_programmed", revision="ab", detail="two\nlines")
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert (found["event"], found["level"], found["revision"]) == ("config_programmed", "info", "ab")
    assert found["timestamp"].endswith("Z")


def test_lines_for_people_name_the_event() -> None:
    stream = io.StringIO()
    configure_logging(as_json=False, stream=stream)
    structlog.get_logger().error("request_failed", route="/v1/calls")
    assert "request_failed" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_what_is_less_than_the_level_is_not_written() -> None:
    stream = io.StringIO()
    configure_logging(as_json=False, level=logging.WARNING, stream=stream)
    structlog.get_logger().info("config_programmed")
    structlog.get_logger().warning("outbox_grows")
    assert "config_programmed" not in stream.getvalue()
    assert "outbox_grows" in stream.getvalue()
