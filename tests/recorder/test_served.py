"""A served recorder with its real adapters: killed during puts, its audit log downloaded, bodies cut off."""

import csv
import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer

import httpx
import pytest
from tests.recorder import served
from tests.recorder.killed_writer import numbered

from callkeeper.policy.config_json import revision, to_json
from callkeeper.policy.directory import Role
from callkeeper.recorder import bounds
from callkeeper.recorder.principals import Principal, create_principal

KILLS = 6
"""Over HTTP a kill costs a start of a recorder; `test_config_store` has the two hundred."""


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen([sys.executable, served.__file__, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}", process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def forker() -> Iterator[subprocess.Popen[str]]:
    """A process that serves a folder, in one of its own, for each line that names one."""
    process = subprocess.Popen(
        [sys.executable, served.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


@contextmanager
def forked(forker: subprocess.Popen[str], folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A recorder of this folder: its URL, and what kills it."""
    assert forker.stdin is not None
    assert forker.stdout is not None
    forker.stdin.write(f"{folder}\n")
    forker.stdin.flush()
    process, port = map(int, forker.stdout.readline().split())

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)

    try:
        yield f"http://127.0.0.1:{port}", kill
    finally:
        kill()
        until_gone(process)


def until_gone(process: int) -> None:
    """Wait until a process is no more, and with it its locks."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        time.sleep(0.002)
    raise AssertionError(f"process {process} outlived a kill by 30 s")


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, dict[str, str]]:
    principals = [Principal(id=role.value, roles=frozenset({role})) for role in Role if role is not Role.USER]
    principals.append(Principal(id="ada", email="ada@example.com", roles=frozenset({Role.USER})))
    made = {who.id: create_principal(tmp_path / "tokens.json", who) for who in principals}
    return {name: {"Authorization": f"Bearer {token}"} for name, token in made.items()}


def test_a_recorder_killed_during_puts_comes_back_with_the_config_before_or_after(
    tmp_path: Path, tokens: dict[str, dict[str, str]], forker: subprocess.Popen[str]
) -> None:
    chance = random.Random(11)
    number, acknowledged = 0, 0
    for _ in range(KILLS):
        with forked(forker, tmp_path) as (url, kill), httpx.Client(base_url=url, headers=tokens["settings"]) as client:
            state = client.get("/v1/config").json()
            found = state["epoch"]
            assert found in {acknowledged, acknowledged + 1}
            assert state["revision"] == (revision(numbered(found)) if found else None)
            number, in_force = found, state["revision"]
            killer = Timer(chance.uniform(0.02, 0.15), kill)
            killer.start()
            try:
                while True:
                    number += 1
                    body = {"owner": "folder:here", "epoch": number, "config": to_json(numbered(number))}
                    headers = {"If-Match": f'"{in_force}"'} if in_force else {"If-None-Match": "*"}
                    answer = client.put("/v1/config", json=body, headers=headers)
                    assert answer.status_code == 200, answer.text
                    acknowledged, in_force = number, answer.json()["revision"]
            except httpx.TransportError:
                acknowledged = max(acknowledged, found)
            finally:
                killer.join()
    assert acknowledged > KILLS


def test_what_a_user_does_is_in_the_log_that_is_downloaded(tmp_path: Path, tokens: dict[str, dict[str, str]]) -> None:
    with running(tmp_path) as (url, _), httpx.Client(base_url=url) as client:
        body = {"owner": "folder:here", "epoch": 1, "config": to_json(numbered(1))}
        client.put("/v1/config", json=body, headers=tokens["settings"] | {"If-None-Match": "*"})
        call = {"nativeId": "1", "conversation": "1", "called": {"user": "ada"}, "calling": {"number": "+390212345"}}
        segment = client.post("/v1/calls", json=call, headers=tokens["ingest"]).json()["segment"]
        for verb in ("start", "stop"):
            assert client.post(f"/v1/calls/{segment}:{verb}", headers=tokens["ada"]).status_code == 200
        query = "/v1/audit?from=yesterday&to=now"
        client.get(query, headers=tokens["auditor"])
        text = client.get("/v1/audit?from=yesterday&to=today", headers=tokens["auditor"]).text
        assert "0212345" not in text
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(row["ActionType"], row["Email"], row["IpAddress"]) for row in rows] == [
            ("StartRecording", "ada@example.com", "127.0.0.1"),
            ("StopRecording", "ada@example.com", "127.0.0.1"),
            ("DownloadCsvAudit", "system:auditor", "127.0.0.1"),
        ]
        assert all(segment in row["Details"] for row in rows[:2])


def test_a_chunked_body_over_the_bound_is_cut_off(tmp_path: Path, tokens: dict[str, dict[str, str]]) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * bounds.BODY_BYTES

    headers = tokens["ingest"] | {"Content-Type": "application/json"}
    with running(tmp_path) as (url, _), httpx.Client(base_url=url) as client:
        try:
            answer = client.post("/v1/calls", content=endless(), headers=headers)
            assert answer.status_code == 413
        except httpx.TransportError:
            pass  # the recorder answered and closed while the body was still being sent
        assert client.get("/livez").status_code == 200
