"""How the API server is reached: kubeconfigs, tokens that are replaced, and what is said when it does not go."""

import json

import pytest
from tests.operator.fake_api import FakeApi

from callkeeper.operator.access import find_access, from_kubeconfig, from_service_account
from callkeeper.operator.errors import ApiConflict, ApiDenied, ApiGone, ApiNotFound, ApiUnavailable, CannotStart


def a_kubeconfig(path, user):
    value = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "voice"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(json.dumps(value))
    return path


async def test_a_token_that_was_replaced_is_taken_up_when_the_old_one_is_refused(tmp_path):
    token, fake = tmp_path / "token", FakeApi()
    token.write_text("old\n")
    fake.tokens = {"old"}
    fake.put("/api/v1/namespaces/one", {})
    async with fake.serving(token_file=token) as api:
        await api.get("/api/v1/namespaces/one")
        fake.tokens = {"new"}
        with pytest.raises(ApiDenied):
            await api.get("/api/v1/namespaces/one")
        token.write_text("new")
        await api.get("/api/v1/namespaces/one")


async def test_each_failure_is_an_error_of_its_own():
    fake = FakeApi()
    async with fake.serving() as api:
        for status, error in {
            404: ApiNotFound,
            403: ApiDenied,
            409: ApiConflict,
            410: ApiGone,
            429: ApiUnavailable,
            500: ApiUnavailable,
        }.items():
            fake.failing = status
            with pytest.raises(error, match="GET /api/v1/namespaces/one"):
                await api.get("/api/v1/namespaces/one")
    with pytest.raises(ApiUnavailable, match="cannot be reached"):
        await api.get("/api/v1/namespaces/one")
    await api.close()


def test_a_kubeconfig_is_read_and_a_program_in_it_is_not_run(tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")
    access = from_kubeconfig(a_kubeconfig(tmp_path / "config", {"tokenFile": "token"}))
    assert (access.namespace, access.info.server) == ("voice", "https://127.0.0.1:1")
    assert access.connection().token == "from-a-file"
    (tmp_path / "token").write_text("another")
    assert access.connection().token == "another"
    with pytest.raises(CannotStart, match="plug-in"):
        from_kubeconfig(a_kubeconfig(tmp_path / "config", {"exec": {"command": "rm"}}))
    (tmp_path / "config").write_text("- no\n- kubeconfig\n")
    with pytest.raises(CannotStart, match="no kubeconfig"):
        find_access({"KUBECONFIG": str(tmp_path / "config")})
    with pytest.raises(CannotStart, match="cannot be read"):
        find_access({"KUBECONFIG": str(tmp_path / "missing")})


def test_a_pod_is_who_its_service_account_says(tmp_path):
    for name, text in {"token": "t", "ca.crt": "c", "namespace": "callkeeper\n"}.items():
        (tmp_path / name).write_text(text)
    access = from_service_account(tmp_path, "fd00::1", "443")
    assert (access.info.server, access.namespace) == ("https://[fd00::1]:443", "callkeeper")
    assert access.connection().token == "t"
