"""What a recorder finds of uploads when it starts: completed, interrupted, to be gone on with."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import wave
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.recorder import served
from tests.recorder.media import made
from tests.recorder.media.disks import FailingDisk
from tests.recorder.media.sending import files, kept, media_folder, offset, recording, send
from tests.recorder.stage import Stage, config, stage

from callkeeper.policy.config_json import to_json
from callkeeper.policy.directory import Role
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.principals import Principal, create_principal
from callkeeper.recorder.store.ledger import LedgerState
from callkeeper.recorder.store.recording import Status
from callkeeper.recorder.store.retention import Tombstone

WAV = made.wav(1.5)


async def restarted(recorder: Stage, disk: FailingDisk | None = None) -> Stage:
    """A recorder over the same folder, started as if the one before had died."""
    after = stage(recorder.folder, disk=disk)
    await after.recorder.media.recover()
    return after


@pytest.mark.parametrize("content", [made.wav(1.5, streamed=True), made.ogg_opus(3), made.mp3(40), made.mp4(2)])
async def test_what_had_arrived_of_a_call_is_kept_as_interrupted(recorder: Stage, content: bytes) -> None:
    name = await recording(recorder)
    cut = len(content) * 2 // 3
    await send(recorder, name, content[:cut], complete=False)
    after = await restarted(recorder)
    found = await kept(after, name)
    assert found.status is Status.INTERRUPTED
    assert found.media is not None
    assert found.media.bytes == cut
    stored = media_folder(after) / found.media.path
    assert found.media.sha256 == sha256(stored.read_bytes()).hexdigest()
    assert files(after) == [found.media.path]
    assert found.clock == found.last_media
    if stored.suffix == ".wav":
        with wave.open(str(stored)) as reader:
            assert reader.getnframes() == (cut - 44) // 2
        assert found.media.duration is not None
    else:
        assert stored.read_bytes() == content[:cut]
    shown = (await after.ask("user:ada", "GET", f"/v1/recordings/{name}")).json()
    # An MP4 without its index is kept and said to be so; of the others what had arrived plays.
    assert shown["media"]["playable"] is (stored.suffix != ".mp4")
    played = await after.ask("user:ada", "GET", f"/v1/recordings/{name}/media")
    assert played.content == stored.read_bytes()
    more = await send(after, name, content[cut:], cut)
    assert more.json()["type"] == "/problems/media-closed"
    assert (await after.ask("ingest", "HEAD", f"/v1/recordings/{name}/media")).status_code == 409


async def test_an_upload_after_its_call_goes_on_after_a_restart(recorder: Stage) -> None:
    name = await recording(recorder)
    await recorder.event(name.removesuffix("-1"), "end")
    await recorder.recorder.keeper.finish(5)
    await send(recorder, name, WAV[:9_000], complete=False)
    await recorder.ask("ingest", "PUT", f"/v1/recordings/{name}/channels", json={"channels": ["calling"]})
    after = await restarted(recorder)
    assert await offset(after, name) == 9_000
    answer = await send(after, name, WAV[9_000:], 9_000)
    assert answer.json()["sha256"] == sha256(WAV).hexdigest()
    assert answer.json()["channels"] == ["calling"]
    assert (await kept(after, name)).status is Status.COMPLETE


async def test_too_little_to_tell_what_it_is_goes_without_an_error(recorder: Stage) -> None:
    name = await recording(recorder)
    await send(recorder, name, WAV[:5_000], complete=False)
    os.truncate(media_folder(recorder) / f"incoming/{name}.part", 7)
    with capture_logs() as logged:
        after = await restarted(recorder)
    told = [(line["log_level"], line["event"]) for line in logged if line.get("recording") == name]
    assert told == [("info", "media_too_short")]
    found = await kept(after, name)
    assert (found.status, found.media, files(after)) == (Status.INTERRUPTED, None, [])
    assert (await send(after, name, WAV)).status_code == 200


async def test_all_of_a_recording_may_come_after_a_crash_where_nothing_had(recorder: Stage) -> None:
    name = await recording(recorder)
    await recorder.recorder.keeper.finish(5)
    after = await restarted(recorder)
    assert (await kept(after, name)).status is Status.INTERRUPTED
    assert (await send(after, name, WAV)).status_code == 200
    assert (await kept(after, name)).status is Status.COMPLETE


async def test_what_had_its_name_before_the_store_knew_is_complete(
    recorder: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await recording(recorder)
    await recorder.recorder.keeper.finish(5)

    async def refuse(unit: Any) -> Any:
        raise StorageFault("the store is away", "wait")

    monkeypatch.setattr(recorder.recorder.parts.store, "write", refuse)
    answer = await send(recorder, name, WAV)
    assert answer.status_code == 503
    assert (await send(recorder, name, b"more", len(WAV))).json()["type"] == "/problems/media-closed"
    monkeypatch.undo()
    assert len(files(recorder)) == 2
    after = await restarted(recorder)
    found = await kept(after, name)
    assert found.status is Status.COMPLETE
    assert found.media is not None
    assert found.media.sha256 == sha256(WAV).hexdigest()
    assert files(after) == [found.media.path]
    totals = await after.recorder.parts.store.read(
        lambda rows: rows.ledger_totals(recorder.clock.now(), recorder.clock.now().replace(year=2030))
    )
    assert totals[LedgerState.RECORDED] == 1


async def test_completing_may_be_tried_again_when_the_store_is_back(
    recorder: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await recording(recorder)

    async def refuse(unit: Any) -> Any:
        raise StorageFault("the store is away", "wait")

    monkeypatch.setattr(recorder.recorder.parts.store, "write", refuse)
    assert (await send(recorder, name, WAV)).status_code == 503
    monkeypatch.undo()
    answer = await send(recorder, name, b"", len(WAV))
    assert answer.json()["sha256"] == sha256(WAV).hexdigest()
    assert len(files(recorder)) == 1


async def test_what_was_stored_whole_leaves_no_part_behind(recorder: Stage) -> None:
    name = await recording(recorder)
    await send(recorder, name, WAV)
    folder = media_folder(recorder)
    os.link(folder / f"2026/03/01/{name}.wav", folder / f"incoming/{name}.part")
    await restarted(recorder)
    assert files(recorder) == [f"2026/03/01/{name}.wav"]


async def test_media_of_a_recording_that_was_removed_goes_and_that_of_an_unknown_one_stays(recorder: Stage) -> None:
    name = await recording(recorder)
    await send(recorder, name, WAV[:9_000], complete=False)
    found = await kept(recorder, name)
    tombstone = Tombstone(
        recording=name, key=found.key, segment=found.segment, conversation="c-1", user="ada", groups=(), sha256="",
        opened=found.opened, closed=None, clock=None, bytes=0, removed=found.opened, removed_by="x", why="deleted",
        rule="", revision="",
    )  # fmt: skip
    await recorder.recorder.parts.store.write(lambda rows: rows.bury(tombstone))
    (media_folder(recorder) / "incoming" / "unknown-1.part").write_bytes(WAV)
    await restarted(recorder)
    assert files(recorder) == ["incoming/unknown-1.part"]


async def test_a_failing_disk_is_answered_and_the_upload_goes_on(tmp_path: Path) -> None:
    disk = FailingDisk()
    recorder = stage(tmp_path, disk=disk)
    name = await recording(recorder)
    await send(recorder, name, WAV[:5_000], complete=False)
    disk.room = 100
    answer = await send(recorder, name, WAV[5_000:], 5_000)
    assert answer.status_code == 507
    assert answer.json()["type"] == "/problems/storage-full"
    disk.room = None
    here = await offset(recorder, name)
    assert here in {0, 5_000}
    disk.failing_syncs = 1
    answer = await send(recorder, name, WAV[here:], here)
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/storage-failed"
    assert files(recorder) == [f"incoming/{name}.part"]
    here = await offset(recorder, name)
    disk.failing_links = 1
    assert (await send(recorder, name, WAV[here:], here)).status_code == 503
    assert (await kept(recorder, name)).media is None
    answer = await send(recorder, name, b"", await offset(recorder, name))
    assert answer.json()["sha256"] == sha256(WAV).hexdigest()


class Killed:
    """A recorder in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, served.__file__, str(folder)],
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip().isdigit():
                self.port = int(line)
                break

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def ask(port: int, token: str, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {token}"} | headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_a_recorder_killed_in_the_middle_keeps_what_had_arrived(tmp_path: Path) -> None:
    tokens = {
        role: create_principal(tmp_path / "tokens.json", Principal(id=id_, roles=frozenset({role})))
        for role, id_ in ((Role.INGEST, "bot"), (Role.SETTINGS, "git"), (Role.USER, "ada"))
    }
    content = made.wav(20, streamed=True)
    running = Killed(tmp_path)
    as_json = {"Content-Type": "application/json"}
    envelope = json.dumps({"owner": "folder:x", "epoch": 1, "config": to_json(config())}).encode()
    status, _, text = ask(
        running.port, tokens[Role.SETTINGS], "PUT", "/v1/config", envelope, **as_json, **{"If-None-Match": "*"}
    )
    assert status == 200, text
    names = []
    for number in range(3):
        call = json.dumps({"nativeId": f"n-{number}", "conversation": "c", "called": {"user": "ada"}}).encode()
        status, _, text = ask(running.port, tokens[Role.INGEST], "POST", "/v1/calls", call, **as_json)
        assert status == 201, text
        names.append(f"{json.loads(text)['segment']}-1")
    acknowledged = []
    for name in names:
        status, headers, text = ask(
            running.port,
            tokens[Role.INGEST],
            "PATCH",
            f"/v1/recordings/{name}/media",
            content[:100_000],
            **{"Upload-Offset": "0"},
        )
        assert status == 204, text
        acknowledged.append(int(headers["upload-offset"]))
    # One more is cut in the middle of a body.
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    connection.putrequest("PATCH", f"/v1/recordings/{names[0]}/media")
    for key, value in (
        ("Authorization", f"Bearer {tokens[Role.INGEST]}"),
        ("Upload-Offset", "100000"),
        ("Content-Length", "200000"),
    ):
        connection.putheader(key, value)
    connection.endheaders()
    connection.send(content[100_000:150_000])
    time.sleep(0.3)
    running.kill()
    connection.close()
    running = Killed(tmp_path)
    try:
        for name, before in zip(names, acknowledged, strict=True):
            status, headers, body = ask(running.port, tokens[Role.USER], "GET", f"/v1/recordings/{name}/media")
            assert status == 200, body
            assert len(body) >= before
            assert body[44:] == content[44 : len(body)]
            assert headers["etag"] == f'"{sha256(body).hexdigest()}"'
        assert list((tmp_path / "recorder/media/incoming").iterdir()) == []
    finally:
        running.kill()
