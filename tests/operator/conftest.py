"""A recorder and operators for one test, in the test's own namespace."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cluster.fixtures import MakeServiceAccount
from tests.cluster.kubectl import Kubectl
from tests.operator.cluster_objects import a_recorder, a_secret, role
from tests.operator.processes import CollectorProcess, OperatorProcess, RecorderProcess

ACCOUNT = "operator"

NEVER_LOGGED = re.compile(r"\+\d{6,}|\bey[JI]\w{20,}|token-of-\w+|[Bb]earer \S{8,}|\d[X!.]{2,}")
"""Numbers, patterns, and tokens of the cluster and the collector: whatever a test did, no log has one."""

StartOperator = Callable[..., OperatorProcess]
StartRecorder = Callable[..., RecorderProcess]


@pytest.fixture
def start_recorder(tmp_path: Path) -> Iterator[StartRecorder]:
    """Starts a recorder: `start_recorder("teams")`; again with the same name and port, the same one."""
    started: list[RecorderProcess] = []

    def start(name: str = "teams", *, port: int = 0) -> RecorderProcess:
        started.append(RecorderProcess(tmp_path / name, port=port))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def recorder(start_recorder: StartRecorder, kubectl: Kubectl) -> RecorderProcess:
    """A running recorder, and the Secret with its token; its Recorder object is the test's to apply."""
    running = start_recorder()
    kubectl.apply(a_secret("teams-token", token=running.token))
    return running


@pytest.fixture
def governed(recorder: RecorderProcess, kubectl: Kubectl) -> RecorderProcess:
    """A running recorder with its Recorder object."""
    kubectl.apply(a_recorder(recorder.url))
    return recorder


@pytest.fixture
def start_operator(
    tmp_path: Path, namespace: str, kubectl: Kubectl, service_account: MakeServiceAccount
) -> Iterator[StartOperator]:
    """Starts an operator of the test's namespace, as a service account with the rights it needs and no others."""
    started: list[OperatorProcess] = []
    service_account(ACCOUNT)
    kubectl.apply(*role(namespace, ACCOUNT))

    def start(*arguments: str, url: str | None = None, kubeconfig: Path | None = None) -> OperatorProcess:
        home = tmp_path / f"operator-{len(started)}"
        access = kubeconfig or service_account(ACCOUNT, url=url)
        started.append(OperatorProcess(home, access, "--namespace", namespace, "--cluster", "tests", *arguments))
        return started[-1]

    yield start
    for one in started:
        one.end()
    secrets = [file.read_text().strip() for file in tmp_path.rglob("secret") if file.is_file()]
    for one in started:
        assert not any(secret in one.text for secret in secrets), "the operator's log holds a recorder's token"
        assert (found := NEVER_LOGGED.search(one.text)) is None, f"the operator's log holds {found.group()!r}"


@pytest.fixture
def start_collector(tmp_path: Path) -> Iterator[Callable[..., CollectorProcess]]:
    """Starts a collector; again with the same port, the same one."""
    started: list[CollectorProcess] = []

    def start(*, port: int = 0) -> CollectorProcess:
        started.append(CollectorProcess(tmp_path / "collector", port=port))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def collector(start_collector: Callable[..., CollectorProcess]) -> CollectorProcess:
    """A running audit collector."""
    return start_collector()
