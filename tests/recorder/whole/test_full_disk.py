"""A disk that is really full: media, database and outbox on a small file system of their own, filled to the last byte.

Needs the right to mount one; elsewhere the parts are tested alone, on disks that say they are full.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from tests.recorder.media import made
from tests.recorder.media.sending import kept, offset, recording, send
from tests.recorder.stage import Stage, config, stage, strike

from callkeeper.audit.actions import Action
from callkeeper.recorder.app import create_app
from callkeeper.recorder.files import LocalDisk
from callkeeper.recorder.outbox_audit import OutboxAudit
from callkeeper.recorder.store.ledger import LedgerState
from callkeeper.recorder.store.recording import Status

DISK_BYTES = 24 * 1024 * 1024
NOTE = {"text": "x" * 4_000}
AWAY = "/problems/audit-unavailable"


class SmallDisk(LocalDisk):
    """Says that there is room, so that it is the file system that refuses and not the reserve."""

    def free_bytes(self, folder: Path) -> int:  # noqa: ARG002 - the port's
        return 1 << 40


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "callkeeper-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a file system, so there is none that can be filled")
    try:
        yield folder
    finally:
        strike()
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write until not a byte more fits."""
    with path.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with suppress(OSError):
                while file.write(bytes(size)):
                    continue


def outboxed(folder: Path) -> Stage:
    """A recorder whose audit rows go through its own outbox."""
    bare = stage(folder, disk=SmallDisk())
    parts = bare.recorder.parts
    app = create_app(replace(parts, audit=OutboxAudit(parts.store, bare.clock, sender="recorder")))
    return replace(bare, app=app)


async def told(recorder: Stage, action: Action) -> int:
    rows = await recorder.recorder.parts.store.read(lambda rows: rows.undelivered(100_000))
    return sum(event.action is action for _, event in rows)


async def write_until_refused(recorder: Stage, name: str, in_the_way: Path) -> tuple[int, int]:
    """Act as long as the journal has room, see everything refused then; how many notes and searches were answered."""
    notes = searches = 0
    while (note := await recorder.ask("user:ada", "POST", f"/v1/recordings/{name}/notes", json=NOTE)).is_success:
        notes += 1
        assert notes < 5_000
    while (await recorder.ask("user:ada", "POST", "/v1/recordings:search", json={})).is_success:
        searches += 1
        assert searches < 5_000
        fill(in_the_way)
    refused = [
        note,
        await recorder.ask("user:ada", "POST", "/v1/recordings:search", json={}),
        await recorder.ask("user:ada", "GET", f"/v1/recordings/{name}"),
        await recorder.ask("user:ada", "GET", f"/v1/recordings/{name}/media"),
        await recorder.ask("user:ada", "POST", "/v1/conversations/c-1/holds", json={"reason": "case 7"}),
        await recorder.ask("user:ada", "DELETE", f"/v1/recordings/{name}"),
    ]
    assert [(one.status_code, one.json().get("type")) for one in refused] == [(503, AWAY)] * len(refused)
    assert (await recorder.ask(None, "GET", "/readyz")).status_code == 503
    return notes, searches


async def test_a_full_disk_refuses_people_and_media_and_no_call_and_loses_nothing(small: Path) -> None:
    recorder = outboxed(small)
    await recorder.program(config())
    content = made.wav(60)
    whole, growing = await recording(recorder), await recording(recorder, nativeId="n-2")
    assert (await send(recorder, whole, content)).status_code == 200
    assert (await send(recorder, growing, content[:100_000], complete=False)).status_code == 204
    (upload,) = recorder.recorder.media.open_uploads.all
    await recorder.recorder.media.open_uploads.in_lane(upload, upload.part.sync)
    fill(small / "in-the-way")

    # Media: refused, and what had arrived stays.
    refused = await send(recorder, growing, content[100_000:], 100_000)
    assert (refused.status_code, refused.json()["type"]) == (507, "/problems/storage-full")
    assert await offset(recorder, growing) == 100_000

    # People: refused, what only reads as well. Calls: decided, recorded and ended as ever.
    notes, searches = await write_until_refused(recorder, whole, small / "in-the-way")
    started = await recorder.call(nativeId="n-3")
    assert (started.status_code, started.json()["outcome"]) == (201, "record")
    later = f"{started.json()['segment']}-1"
    assert (await recorder.event(growing.removesuffix("-1"), "end")).status_code == 200

    # Room again: everything goes on, and nothing that was answered is missing.
    (small / "in-the-way").unlink()
    await recorder.recorder.keeper.finish(30)
    assert (recorder.recorder.keeper.backlog, recorder.recorder.keeper.failure) == (0, None)
    here = await offset(recorder, growing)
    assert here == 100_000
    finished = await send(recorder, growing, content[here:], here)
    assert finished.json()["sha256"] == sha256(content).hexdigest()
    assert (await send(recorder, later, content)).status_code == 200
    played = await recorder.ask("user:ada", "GET", f"/v1/recordings/{whole}/media")
    assert (played.status_code, played.content) == (200, content)
    details = (await recorder.ask("user:ada", "GET", f"/v1/recordings/{whole}")).json()
    assert len(details["notes"]) == notes == await told(recorder, Action.ADD_NOTE)
    assert await told(recorder, Action.SEARCH_RECORDINGS) == searches
    assert await told(recorder, Action.PLAY_RECORDING) == 1
    assert [await told(recorder, action) for action in (Action.PLACE_HOLD, Action.DELETE_RECORDING)] == [0, 0]
    assert {(await kept(recorder, name)).status for name in (whole, growing, later)} == {Status.COMPLETE}
    now = recorder.clock.now()
    totals = await recorder.recorder.parts.store.read(lambda rows: rows.ledger_totals(now, now.replace(year=2030)))
    assert sum(totals.values()) == 3
    assert totals[LedgerState.FAILED] == 0
    await recorder.recorder.media.stop()
    assert list((small / "recorder/media/incoming").iterdir()) == []
