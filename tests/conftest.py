"""What all tests share: the long fault runs stay out unless they are asked for.

`make test` runs everything else; `make faults` (`-m faults`) runs the long versions.
"""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `faults` where no `-m` expression mentions it."""
    if "faults" in config.getoption("markexpr"):
        return
    long_runs = [item for item in items if item.get_closest_marker("faults") is not None]
    if long_runs:
        config.hook.pytest_deselected(items=long_runs)
        items[:] = [item for item in items if item.get_closest_marker("faults") is None]
