"""`callkeeper recorder serve` and a real collector that is not always there."""

import asyncio
from pathlib import Path

from tests.audit.collector.served import collector, token
from tests.local.serving import Serving, until

from callkeeper.policy.directory import Role


def rows(folder: Path) -> list[str]:
    """The actions in the collector's log."""
    found = sorted(path for path in folder.rglob("*.csv"))
    return [line.split(",")[4] for path in found for line in path.read_text().splitlines()[1:]]


def put_user(recorder: Serving, name: str) -> None:
    status, answer = recorder.ask(Role.ADMINISTRATOR, "PUT", f"/v1/users/{name}", {"name": name})
    assert status in {200, 201}, answer


async def test_rows_are_delivered_to_the_collector_and_wait_while_it_is_away(serve, tmp_path):
    token_file = tmp_path / "collector-token"
    token_file.write_text(token("recorder-teams") + "\n")
    async with collector(tmp_path / "collector") as there:
        url, port = there.url, int(there.url.rpartition(":")[2])
        named = ("--collector", url, "--collector-token-file", token_file, "--log", "voice/teams")
        recorder = serve(*named)
        await asyncio.to_thread(put_user, recorder, "ada")
        await asyncio.to_thread(until, lambda: rows(there.folder) == ["CreateUser"])
        status, problem = await asyncio.to_thread(recorder.ask, Role.AUDITOR, "GET", "/v1/audit?from=today&to=now")
        assert (status, problem["type"]) == (404, "/problems/audit-elsewhere")
        assert url in problem["detail"]

    # Away: people go on working, also after a restart.
    await asyncio.to_thread(put_user, recorder, "bob")
    assert await asyncio.to_thread(recorder.end) == 0
    again = serve(*named)
    await asyncio.to_thread(again.said, "collector_unreachable")
    await asyncio.to_thread(put_user, again, "cleo")
    assert rows(tmp_path / "collector") == ["CreateUser"]
    async with collector(tmp_path / "collector", port=port) as back:
        await asyncio.to_thread(until, lambda: rows(back.folder) == ["CreateUser"] * 3, lambda: str(again.log))
        await asyncio.to_thread(again.said, "collector_reached")
    assert await asyncio.to_thread(again.end) == 0
    assert token("recorder-teams") not in "".join(recorder.lines + again.lines)
