"""Helm for the tests that render the chart, built before the first test, whose time is short."""

from pathlib import Path

import pytest
from tests.cluster.build import BuildError
from tests.deploy.helm_build import HelmError, helm, helm_path

_failure = pytest.StashKey[str]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build Helm where a test wants it and it is missing."""
    wanted = any("helm" in getattr(item, "fixturenames", ()) for item in session.items)
    if session.config.option.collectonly or not wanted or helm_path().is_file():
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            helm()
    except (BuildError, HelmError) as error:
        session.config.stash[_failure] = str(error)


@pytest.fixture(scope="session", name="helm")
def helm_command(request: pytest.FixtureRequest) -> Path:
    """Where Helm is."""
    failure = request.config.stash.get(_failure, None)
    if failure is not None:
        pytest.fail(failure, pytrace=False)
    return helm()
