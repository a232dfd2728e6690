"""The tests' own control plane: what its users rely on."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from tests.cluster import build
from tests.cluster.api import api_client, apply, path_of
from tests.cluster.audit_log import AuditLogReader
from tests.cluster.control_plane import Access
from tests.cluster.fixtures import MakeServiceAccount, StartControlPlane
from tests.cluster.keeper import SharedControlPlane
from tests.cluster.kubectl import Kubectl, KubectlError
from tests.cluster.proxy import Proxy

BLACKLIST = {
    "apiVersion": "callkeeper.dev/v1alpha1",
    "kind": "Blacklist",
    "metadata": {"name": "never"},
    "spec": {"recorderRef": {"name": "teams"}, "numbers": [{"pattern": "+39!"}]},
}


def test_our_kinds_are_served(kubectl: Kubectl):
    kubectl.apply(BLACKLIST)
    (found,) = kubectl.json("get", "callkeeper")["items"]
    assert found["metadata"]["name"] == "never"


def test_a_namespace_ends_with_what_is_in_it(kubectl: Kubectl, namespace: str):
    kubectl.apply(BLACKLIST)
    kubectl("delete", "namespace", namespace, "--timeout=60s")
    assert kubectl.run("get", "namespace", namespace).returncode == 1


def test_a_service_account_may_do_what_it_was_granted_until_its_token_ends(
    kubectl: Kubectl, namespace: str, service_account: MakeServiceAccount
):
    reader = Kubectl(service_account("reader"))
    with pytest.raises(KubectlError, match="Forbidden"):
        reader("get", "blacklists")
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=blacklists.callkeeper.dev")
    kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:reader")
    assert reader.json("get", "blacklists")["items"] == []
    ended = Kubectl(service_account("reader", seconds=-1))
    with pytest.raises(KubectlError, match=r"Unauthorized|provide credentials"):
        ended("get", "blacklists")


def test_the_audit_log_counts_what_a_user_wrote(control_plane: Access, api: httpx.Client, namespace: str):
    assert control_plane.audit_log is not None
    log = AuditLogReader(control_plane.audit_log)
    path = path_of("blacklists", namespace, "never")
    assert apply(api, path, BLACKLIST).status_code == 201
    assert apply(api, path, BLACKLIST, dry_run=True).status_code == 200
    assert api.get(path).status_code == 200
    (write,) = log.writes(user="kubernetes-admin", namespace=namespace)
    assert (write.verb, write.resource, write.name, write.code) == ("patch", "blacklists", "never", 201)


def test_a_proxy_cuts_silences_and_refuses(control_plane: Access):
    with Proxy(control_plane.url) as proxy, api_client(control_plane.kubeconfig, url=proxy.url) as client:
        assert client.get("/version").status_code == 200
        proxy.silence()
        with pytest.raises(httpx.TimeoutException):
            client.get("/version", timeout=0.3)
        proxy.refuse()
        with pytest.raises(httpx.TransportError):
            client.get("/version")
        proxy.heal()
        assert client.get("/version").status_code == 200
        proxy.cut()
        assert client.get("/version").status_code == 200
        assert proxy.connections >= 3


def test_what_is_stored_survives_its_programs(private_control_plane: StartControlPlane):
    control_plane = private_control_plane()
    kubectl = Kubectl(control_plane.access.kubeconfig)
    kubectl.apply(BLACKLIST)
    control_plane.api_server.kill()
    control_plane.etcd.restart()
    control_plane.api_server.start()
    control_plane.api_server.wait()
    control_plane.compact()
    control_plane.api_server.pause()
    with api_client(control_plane.access.kubeconfig) as client, pytest.raises(httpx.TimeoutException):
        client.get("/version", timeout=0.3)
    control_plane.api_server.resume()
    assert len(kubectl.json("get", "blacklists")["items"]) == 1


def test_the_shared_control_plane_ends_when_its_last_user_is_killed(control_plane: Access, tmp_path: Path):
    script = f"""
import sys, time
from pathlib import Path
from tests.cluster.keeper import SharedControlPlane
print(SharedControlPlane(Path({str(tmp_path)!r})).access().url, flush=True)
time.sleep(600)
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None
        url = user.stdout.readline().strip()
        try:
            with SharedControlPlane(tmp_path) as other:
                assert other.access().url == url != control_plane.url
                user.kill()
                user.wait()
                assert httpx.get(f"{url}/version", verify=False).status_code == 200
        finally:
            user.kill()
    deadline = time.monotonic() + 60
    while (tmp_path / "etcd").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/version", verify=False)


def test_without_a_way_to_build_there_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    test = tmp_path / "test_it.py"
    test.write_text("def test_it(namespace): ...\n")
    empty = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    without_go = (
        "import sysconfig; sysconfig.get_path = lambda *_: '/nowhere'; import pytest, sys; sys.exit(pytest.main())"
    )
    arguments = [sys.executable, "-c", without_go, "-q", "-p", "no:cacheprovider", "-p", "tests.cluster.fixtures"]
    root = Path(__file__).parents[2]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "KUBEB", "CALLK"))
    }
    done = subprocess.run(
        [*arguments, f"--rootdir={tmp_path}", "-c", "/dev/null", str(test)],
        cwd=root,
        env=environment | empty,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 error" in done.stdout
    assert "skipped" not in done.stdout
    (line,) = {line for line in done.stdout.splitlines() if "needs Go" in line and not line.startswith("ERROR")}
    assert "make dev" in line
    assert "make test-unit" in line
    assert "Traceback" not in done.stdout


def test_an_existing_cluster_is_used_where_it_is_named(control_plane: Access, tmp_path: Path):
    test = tmp_path / "test_it.py"
    test.write_text(
        "def test_it(control_plane, kubectl):\n    assert kubectl.json('get', 'blacklists')['items'] == []\n"
    )
    arguments = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.cluster.fixtures",
        f"--rootdir={tmp_path}",
        "-c",
        "/dev/null",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, str(test)],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"CALLKEEPER_TEST_KUBECONFIG": str(control_plane.kubeconfig), "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "callkeeper").exists()


def test_programs_of_another_make_are_used_where_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    (tmp_path / "kube-apiserver").touch()
    (tmp_path / "etcd").touch()
    found = build.binaries()
    assert (found.etcd, found.api_server) == (tmp_path / "etcd", tmp_path / "kube-apiserver")
    assert found.controller_manager.parent == build.cache_folder()


def test_processes_that_want_the_programs_at_once_get_one_build(tmp_path: Path):
    fake = tmp_path / "bin" / "go"
    fake.parent.mkdir()
    fake.write_text(
        "#!/bin/bash\n"
        'if [ "$1" = version ]; then echo "go version go1.99.0 linux/amd64"; exit; fi\n'
        f'echo x >> {tmp_path}/builds; sleep 0.3; while [ "$1" != -o ]; do shift; done; echo binary > "$2"\n'
    )
    fake.chmod(0o755)
    environment = os.environ | {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": f"{fake.parent}:{os.environ['PATH']}",
    }
    environment.pop("KUBEBUILDER_ASSETS", None)
    command = [sys.executable, "-m", "tests.cluster", "build"]
    root = Path(__file__).parents[2]
    processes = [
        subprocess.Popen(command, cwd=root, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert (tmp_path / "builds").read_text().count("x") == len(build.PROGRAMS)
    assert sum("1 of 3  etcd" in text for text in said) == 1
    assert sum("Waiting for another process" in text for text in said) == 2


def test_a_build_that_fails_says_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fake = tmp_path / "go"
    fake.write_text(
        "#!/bin/bash\n"
        'if [ "$1" = version ]; then echo "go version go1.26.0 linux/amd64"; exit; fi\n'
        "echo something; echo 'no space left on device' >&2; exit 1\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    with pytest.raises(build.BuildError, match=r"etcd.* ended with 1: no space left on device"):
        build.binaries(lambda _: None)
    assert build.existing_binaries() is None
    assert [path.suffix for path in build.cache_folder().parent.iterdir()] == [".lock"]
