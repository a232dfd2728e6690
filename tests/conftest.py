"""What all tests share: the long fault runs stay out unless they are asked for, and how property tests draw examples.

`make test` runs everything else; `make faults` (`-m faults`) runs the long versions.

Property tests draw new examples at every run, so that each run of a developer's looks where none has looked yet. CI
draws the same ones each time: what it says of a change must not depend on luck. No example has a deadline of its own,
since a shared machine would be what is measured.

Fixtures for tests on a real API server come from `tests.cluster.fixtures`.
"""

import os

import pytest
from hypothesis import settings

pytest_plugins = ["tests.cluster.fixtures"]

# Where checks stand outside of test modules: a failure is to show the values there as well.
pytest.register_assert_rewrite("tests.policy.compile_sentences", "tests.recorder.store.contract")

settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `faults` where no `-m` expression mentions it."""
    if "faults" in config.getoption("markexpr"):
        return
    long_runs = [item for item in items if item.get_closest_marker("faults") is not None]
    if long_runs:
        config.hook.pytest_deselected(items=long_runs)
        items[:] = [item for item in items if item.get_closest_marker("faults") is None]
