"""A served recorder with its real adapters: killed during puts, its audit log downloaded, bodies cut off."""

import csv
import io
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
"""Over HTTP a kill costs a start of some two seconds; `test_config_store` has the two hundred."""


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
def tokens(tmp_path: Path) -> dict[str, dict[str, str]]:
    principals = [Principal(id=role.value, roles=frozenset({role})) for role in Role if role is not Role.USER]
    principals.append(Principal(id="ada", email="ada@example.com", roles=frozenset({Role.USER})))
    made = {who.id: create_principal(tmp_path / "tokens.json", who) for who in principals}
    return {name: {"Authorization": f"Bearer {token}"} for name, token in made.items()}


def test_a_recorder_killed_during_puts_comes_back_with_the_config_before_or_after(
    tmp_path: Path, tokens: dict[str, dict[str, str]]
) -> None:
    chance = random.Random(11)
    number, acknowledged = 0, 0
    for _ in range(KILLS):
        with running(tmp_path) as (url, process), httpx.Client(base_url=url, headers=tokens["settings"]) as client:
            state = client.get("/v1/config").json()
            found = state["epoch"]
            assert found in {acknowledged, acknowledged + 1}
            assert state["revision"] == (revision(numbered(found)) if found else None)
            number, in_force = found, state["revision"]
            killer = Timer(chance.uniform(0.02, 0.15), process.kill)
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
