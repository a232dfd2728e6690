"""The pytest fixtures of tests on a real API server; tests/conftest.py loads them for every test.

- `control_plane`: how to reach the run's control plane, shared by all workers, with our CRDs.
- `namespace`: the name of a namespace of the test's own, deleted afterwards without waiting for its end.
- `kubectl`: kubectl as administrator, in that namespace.
- `api`: the API server over HTTP as administrator, for many requests.
- `programs`: the control plane's programs, for a test that runs something which starts them.
- `private_control_plane`: starts another control plane, which the test may stop, pause and break, or start with
  settings of its own; costs some five seconds.
- `service_account`: a kubeconfig for a service account.

A run against an existing cluster is asked for by `CALLKEEPER_TEST_KUBECONFIG`. Without a way to build the control plane
these tests fail with one line; they are never skipped. The first build happens before the first test, outside its time.
"""

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.cluster.api import api_client
from tests.cluster.build import Binaries, BuildError, binaries
from tests.cluster.control_plane import Access, ControlPlane, Settings
from tests.cluster.existing import existing_cluster
from tests.cluster.installing import install_crds
from tests.cluster.keeper import KeeperError, SharedControlPlane
from tests.cluster.kubectl import Kubectl

EXISTING = "CALLKEEPER_TEST_KUBECONFIG"

_NEEDS_PROGRAMS = {"programs", "control_plane", "private_control_plane"}
_share = pytest.StashKey[SharedControlPlane]()
_failure = pytest.StashKey[str]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing before the first test, whose time is short, and take a share in the run's control plane."""
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if session.config.option.collectonly or not wanted & _NEEDS_PROGRAMS:
        return
    if EXISTING in os.environ and not wanted & {"programs", "private_control_plane"}:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            binaries()
    except BuildError as error:
        session.config.stash[_failure] = str(error)
        return
    if EXISTING not in os.environ:
        share = SharedControlPlane(_run_folder(session.config))
        session.config.stash[_share] = share
        if "control_plane" in wanted:
            # It starts while the first tests run that do not need it.
            threading.Thread(target=_start_early, args=(share,), daemon=True).start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the share back."""
    share = config.stash.get(_share, None)
    if share is not None:
        share.release()


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest) -> Binaries:
    """The control plane's programs, for what starts them by itself."""
    _fail_without_programs(request.config)
    return binaries()


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Access:
    """How to reach the run's control plane, with our CRDs in it."""
    existing = os.environ.get(EXISTING)
    if existing:
        access = existing_cluster(Path(existing), tmp_path_factory.mktemp("existing-cluster"))
        install_crds(access.kubeconfig)
        return access
    _fail_without_programs(request.config)
    try:
        return request.config.stash[_share].access()
    except KeeperError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def namespace(control_plane: Access) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{secrets.token_hex(4)}"
    kubectl = Kubectl(control_plane.kubeconfig)
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture
def kubectl(control_plane: Access, namespace: str) -> Kubectl:
    """kubectl as administrator, in the test's namespace."""
    return Kubectl(control_plane.kubeconfig, namespace=namespace)


@pytest.fixture
def api(control_plane: Access) -> Iterator[httpx.Client]:
    """The API server over HTTP, as administrator."""
    with api_client(control_plane.kubeconfig) as client:
        yield client


StartControlPlane = Callable[..., ControlPlane]


@pytest.fixture
def private_control_plane(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StartControlPlane]:
    """Starts a control plane of the test's own, with our CRDs: `private_control_plane(Settings(…), crds=True)`."""
    _fail_without_programs(request.config)
    started: list[ControlPlane] = []

    def start(settings: Settings | None = None, *, crds: bool = True) -> ControlPlane:
        control_plane = ControlPlane(tmp_path / f"control-plane-{len(started)}", binaries(), settings)
        started.append(control_plane)
        control_plane.start()
        if crds:
            install_crds(control_plane.access.kubeconfig)
        return control_plane

    yield start
    for control_plane in started:
        control_plane.remove()


MakeServiceAccount = Callable[..., Path]


@pytest.fixture
def service_account(control_plane: Access, namespace: str, kubectl: Kubectl) -> MakeServiceAccount:
    """Gives a kubeconfig for a service account of the test's namespace, made where it is missing.

    `service_account("operator")`, with a `url` by way of a proxy, and with `seconds` for a token that ends so soon.
    """

    def kubeconfig(name: str, *, url: str | None = None, seconds: float | None = None) -> Path:
        if kubectl.run("get", "serviceaccount", name).returncode:
            kubectl("create", "serviceaccount", name)
        if seconds is None:
            token = kubectl("create", "token", name, "--duration=2h").strip()
        else:
            uid = kubectl("get", "serviceaccount", name, "--output=jsonpath={.metadata.uid}")
            token = control_plane.short_token(namespace, name, uid=uid, seconds=seconds)
        file = f"{namespace}-{name}"
        return control_plane.kubeconfig_with_token(token, name=file, namespace=namespace, url=url)

    return kubeconfig


def _run_folder(config: pytest.Config) -> Path:
    """A folder that all workers of a run have in common, and no other run."""
    base = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # what the public fixture hands out
    return (base.parent if hasattr(config, "workerinput") else base) / "control-plane"


def _start_early(share: SharedControlPlane) -> None:
    try:
        share.access()
    except KeeperError:
        return  # the first test that needs it says so


def _fail_without_programs(config: pytest.Config) -> None:
    failure = config.stash.get(_failure, None)
    if failure is not None:
        pytest.fail(failure, pytrace=False)
