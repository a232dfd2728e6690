"""What is done beside the rows: rotation by size, retention with signed lines, compression, checkpoints, keys."""

import asyncio
import gzip
import hashlib
import json
import subprocess
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from tests.audit.documented import assert_documented
from tests.audit.making import NOON, Clock, event, identifiers, read_csv, stored

from callkeeper.audit.actions import Action
from callkeeper.audit.checkpoints import checkpoint_lines, list_checkpoints
from callkeeper.audit.disk import LocalDisk
from callkeeper.audit.errors import KeyUnusable, SettingsError
from callkeeper.audit.export import export_range
from callkeeper.audit.layout import list_store
from callkeeper.audit.log_settings import LogSettings
from callkeeper.audit.signing import load_keys, new_key, save_keys
from callkeeper.audit.store import AuditStore
from callkeeper.audit.stubs import read_stubs
from callkeeper.audit.verification import Trouble
from callkeeper.audit.verify import verify

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def exported(folder: Path) -> list[str]:
    return identifiers(export_range(folder, START - timedelta(days=9), START + timedelta(days=99)))


def actions(folder: Path) -> list[str]:
    rows = read_csv(b"".join(export_range(folder, START - timedelta(days=9), START + timedelta(days=99))))
    return [row[4] for row in rows[1:]]


async def write_days(store: AuditStore, clock: Clock, days: range) -> None:
    """Three rows a day, one of them late."""
    for number in days:
        clock.at = day(number)
        base = number * 10
        await store.append([event(base + 1, at=clock.at), event(base + 2, at=clock.at + timedelta(seconds=9))])
        await store.append([event(base + 3, at=clock.at - timedelta(seconds=9))])


async def test_a_file_that_has_reached_its_size_is_continued_in_a_further_one(tmp_path):
    text = {"text": "x" * 30_000}
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        await store.apply(LogSettings(rotation="1Mi"))
        for number in range(1, 81):
            at = NOON + timedelta(seconds=number // 2)
            await store.append([event(number, at=at, details=text)])
            if number % 7 == 0:
                await store.append([event(number, sender="late", at=NOON + timedelta(seconds=number // 4))])
        names = [str(name) for name in list_store(tmp_path).segments]
        assert names[:3] == [
            "audit-2026-11-23.csv",
            "audit-2026-11-23.part-002.csv",
            "audit-2026-11-23.part-003.csv",
        ]
        rows = read_csv(b"".join(export_range(tmp_path, NOON - timedelta(hours=1), NOON + timedelta(hours=1))))[1:]
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
        assert len(rows) == 80 + 11
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        assert store.recovery.clean
        assert store.settings.rotation == "1Mi"
        await store.append([event(80, details=text), event(81, at=NOON + timedelta(minutes=2), details=text)])
        assert len(stored(tmp_path)) == 80 + 11 + 1
    assert verify(tmp_path).sound


async def test_settings_are_in_force_at_once_and_after_a_restart_and_bad_ones_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="is not a rotation"):
        LogSettings(rotation="weekly")
    with pytest.raises(SettingsError, match="not a duration"):
        LogSettings(retention="1h")
    settings = LogSettings(rotation="2Mi", retention="90d", application_name="prod")
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        await store.apply(settings)
        assert store.settings == settings
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        assert store.settings == settings
    (tmp_path / "settings.json").write_bytes(b"{")
    async with AuditStore.open(tmp_path, now=Clock()) as store:
        assert store.settings == LogSettings()
        assert [damage.file for damage in store.recovery.damaged] == ["settings.json"]


async def test_what_is_older_than_the_retention_is_deleted_told_and_leaves_signed_lines(tmp_path):
    clock = Clock(START)
    async with AuditStore.open(tmp_path, now=clock) as store:
        await write_days(store, clock, range(6))
        hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.glob("*.csv")}
        await store.checkpoint()
        old = list_checkpoints(tmp_path)
        await store.apply(LogSettings(retention="2d", application_name="prod"))
        await store.maintain()
        assert {name.day for name in list_store(tmp_path).segments} == {"2026-11-04", "2026-11-05", "2026-11-06"}
        stubs = read_stubs(tmp_path, "2026-11-01")
        assert {stub.file for stub in stubs if stub.segment} == {
            "audit-2026-11-01.csv",
            "audit-2026-11-01.late-001.csv",
        }
        for stub in stubs:
            if stub.segment:
                assert stub.fields["sha256"] == hashes[stub.file]
        told = [
            row for row in read_csv(b"".join(export_range(tmp_path, START, day(20)))) if row[4] == "DeleteAuditSegment"
        ]
        assert len(told) == 6
        assert json.loads(told[0][5])["file"] == "audit-2026-11-01.csv"
        assert told[0][1:4] == ["system:audit-store", "", "prod"]
        assert verify(tmp_path, against=old).sound
        # However late: neither a repeat nor a row of a day that was deleted goes wrong.
        await store.append([event(1, at=day(0)), event(2, at=day(0)), event(100, at=day(0))])
        assert identifiers([(tmp_path / "audit-2026-11-01.late-002.csv").read_bytes()]) == ["recorder:100"]
        assert verify(tmp_path).sound
    async with AuditStore.open(tmp_path, now=clock) as store:
        assert store.recovery.clean
        assert store.mark("recorder") == 100
        await store.maintain()
        assert not (tmp_path / "audit-2026-11-01.late-002.csv").exists()
        assert len(read_stubs(tmp_path, "2026-11-01")) >= 3
        await write_days(store, clock, range(20, 23))
        await store.maintain()
        assert (tmp_path / "audit-2026-11-05.csv").exists(), "by a clock that has jumped nothing is deleted"
        (tmp_path / "clock.json").unlink()
        await store.maintain()
        assert not (tmp_path / "audit-2026-11-05.csv").exists()
        (row,) = [row for row in read_csv(b"".join(export_range(tmp_path, START, day(99)))) if row[4] == "AcceptClock"]
        details = json.loads(row[5])
        assert_documented(Action.ACCEPT_CLOCK, {key: value for key, value in details.items() if key != "id"})
        assert timedelta(seconds=details["aheadSeconds"]) > timedelta(days=16)
    found = verify(tmp_path)
    assert found.sound
    assert found.deleted > 6
    assert not (tmp_path / "audit-2026-11-03.commits").exists()


async def test_a_file_that_vanished_or_a_line_that_was_forged_is_no_deletion(tmp_path):
    clock = Clock(START)
    async with AuditStore.open(tmp_path, now=clock) as store:
        await write_days(store, clock, range(6))
        await store.apply(LogSettings(retention="2d"))
        await store.maintain()
    (tmp_path / "audit-2026-11-04.csv").unlink()
    (problem,) = verify(tmp_path).problems
    assert (problem.trouble, problem.file) == (Trouble.FILE_MISSING, "audit-2026-11-04.csv")
    path = tmp_path / "audit-2026-11-01.deleted"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"rows=2", b"rows=1", 1))
    assert Trouble.SIGNATURE_WRONG in {problem.trouble for problem in verify(tmp_path).problems}
    path.unlink()
    assert "audit-2026-11-01.csv" in {problem.file for problem in verify(tmp_path).problems} | {
        "audit-2026-11-01.csv" if not (tmp_path / "audit-2026-11-01.commits").exists() else ""
    }
    assert len(verify(tmp_path).problems) > 1


async def test_closed_days_are_compressed_and_nothing_else_changes(tmp_path):
    clock = Clock(START)
    async with AuditStore.open(tmp_path, now=clock) as store:
        await write_days(store, clock, range(4))
        before = exported(tmp_path)
        csv = (tmp_path / "audit-2026-11-02.csv").read_bytes()
        checkpoint = await store.checkpoint()
        await store.apply(LogSettings(compress_closed=True))
        await store.maintain()
        assert not (tmp_path / "audit-2026-11-02.csv").exists()
        assert gzip.decompress((tmp_path / "audit-2026-11-02.csv.gz").read_bytes()) == csv
        assert exported(tmp_path) == before
        assert verify(tmp_path, against=[checkpoint]).sound
        # A late row for a day that is compressed goes to a further run.
        await store.append([event(100, at=day(1)), event(101, at=day(1) + timedelta(seconds=1))])
        assert (tmp_path / "audit-2026-11-02.late-002.csv").exists()
        assert "recorder:100" in exported(tmp_path)
        assert verify(tmp_path).sound
        await store.append([event(11, at=day(1))])
    async with AuditStore.open(tmp_path, now=clock) as store:
        assert store.recovery.clean
        assert store.mark("recorder") == 101
        await store.apply(LogSettings(compress_closed=True, retention="1d"))
        await store.maintain()
        assert not list(tmp_path.glob("audit-2026-11-01.*csv*"))
    assert verify(tmp_path).sound


async def test_a_flipped_bit_in_a_compressed_file_is_found(tmp_path):
    clock = Clock(START)
    async with AuditStore.open(tmp_path, now=clock) as store:
        await write_days(store, clock, range(2))
        await store.apply(LogSettings(compress_closed=True))
        await store.maintain()
    path = tmp_path / "audit-2026-11-01.csv.gz"
    whole = path.read_bytes()
    for index in range(0, len(whole), 3):
        altered = bytearray(whole)
        altered[index] ^= 0x10
        path.write_bytes(altered)
        assert not verify(tmp_path).sound, index


async def test_a_checkpoint_is_signed_every_hour_with_new_rows_and_at_the_end(tmp_path):
    clock = Clock(START)
    async with AuditStore.open(tmp_path, now=clock) as store:
        await store.append([event(1, at=clock.at)])
        await store.maintain()
        clock.at += timedelta(minutes=59)
        await store.append([event(2, at=clock.at)])
        await store.maintain()
        assert [one.rows for one in list_checkpoints(tmp_path)] == [1]
        clock.at += timedelta(minutes=1)
        await store.maintain()
        clock.at += timedelta(hours=3)
        await store.maintain()
        assert [one.rows for one in list_checkpoints(tmp_path)] == [1, 2]
        await store.append([event(3, at=clock.at)])
    assert [one.rows for one in list_checkpoints(tmp_path)] == [1, 2, 3]
    assert (tmp_path / "signing-key.pem").stat().st_mode & 0o777 == 0o600


async def test_a_checkpoint_is_checked_by_hand_with_openssl(tmp_path):
    async with AuditStore.open(tmp_path / "audit", now=Clock()) as store:
        await store.append([event(1)])
    line = checkpoint_lines(tmp_path / "audit")[-1]
    script = """
        openssl pkey -in audit/signing-key.pem -pubout -out public.pem
        printf %s "${1% sig=*}" > message
        printf %s "${1##* sig=}" | base64 -d > signature
        openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in message -sigfile signature
    """
    command = ["sh", "-ec", script, "sh", line]
    done = await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in done.stdout, done.stderr


async def test_a_new_key_is_signed_by_the_old_one_and_old_checkpoints_stay_verifiable(tmp_path):
    folder, key = tmp_path / "audit", tmp_path / "key.pem"
    async with AuditStore.open(folder, now=Clock(), signing_key=key) as store:
        await store.append([event(1)])
        await store.checkpoint()
        first = load_keys(key)[0].public
        await store.rotate_key()
        await store.append([event(2)])
    second = load_keys(key)[0].public
    assert first != second
    assert load_keys(key)[1].public == first  # the file may sign other logs too
    kept = list_checkpoints(folder)
    for known in ([first], [second], []):
        found = verify(folder, against=kept, public_keys=known)
        assert found.sound, found.problems
        assert len(found.keys) == 2
    assert any("signed by the key before" in note for note in found.notes)
    assert not verify(folder, public_keys=[new_key().public]).sound


async def test_a_key_that_was_replaced_without_the_old_ones_word_is_told(tmp_path):
    folder, key = tmp_path / "audit", tmp_path / "key.pem"
    async with AuditStore.open(folder, now=Clock(), signing_key=key) as store:
        await store.append([event(1)])
    key.unlink()
    async with AuditStore.open(folder, now=Clock(), signing_key=key) as store:
        await store.append([event(2)])
        with pytest.raises(KeyUnusable, match="replace-lost-key"):
            await store.checkpoint()
        assert not key.exists()
        await store.rotate_key(lost=True)
    assert Trouble.SIGNATURE_WRONG in {problem.trouble for problem in verify(folder).problems}
    assert verify(folder, public_keys=[load_keys(key)[0].public]).sound


async def test_a_key_of_a_secret_with_the_old_one_behind_it_is_a_change_that_is_signed(tmp_path):
    folder, key = tmp_path / "audit", tmp_path / "key.pem"
    async with AuditStore.open(folder, now=Clock(), signing_key=key) as store:
        await store.append([event(1)])
    save_keys(key, (new_key(), *load_keys(key)), LocalDisk())
    async with AuditStore.open(folder, now=Clock(), signing_key=key) as store:
        await store.append([event(2)])
    assert verify(folder).sound


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
async def test_a_key_that_cannot_be_read_stops_checkpoints_and_no_row(tmp_path, content):
    key = tmp_path / "key.pem"
    key.write_bytes(content)
    async with AuditStore.open(tmp_path / "audit", now=Clock(), signing_key=key) as store:
        await store.append([event(1)])
        with pytest.raises(Exception, match="key"):
            await store.checkpoint()
        assert str(key) in (store.signing_failure or "")
        await store.append([event(2)])
        key.unlink()
        assert (await store.checkpoint()).rows == 2
        assert store.signing_failure is None


def test_ten_years_of_files_are_listed_without_touching_them(tmp_path):
    first = date(2016, 1, 1)
    for number in range(3650):
        name = first + timedelta(days=number)
        (tmp_path / f"audit-{name}.csv").touch()
        (tmp_path / f"audit-{name}.commits").touch()
    listing = list_store(tmp_path)
    assert len(listing.segments) == len(listing.commit_days) == 3650
    assert datetime.combine(first, time(), UTC) < START


def test_the_chain_is_checked_by_hand_as_the_page_says(tmp_path):
    async def fill() -> str:
        clock = Clock()
        async with AuditStore.open(tmp_path, now=clock) as store:
            await write_days(store, clock, range(3))
            return store.chain_head

    head = asyncio.run(fill())
    page = (Path(__file__).parents[2] / "docs" / "reference" / "audit-store.md").read_text()
    script = page.split("```bash\n")[1].split("```")[0]
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{head}\n"
    path = tmp_path / "audit-2026-11-02.csv"
    path.write_bytes(path.read_bytes().replace(b"ada", b"eve"))
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "audit-2026-11-02.csv: altered" in done.stdout


async def test_logs_that_share_a_key_make_one_and_follow_its_rotation(tmp_path):
    key = tmp_path / "key.pem"
    stores = [AuditStore.open(tmp_path / f"log-{number}", now=Clock(), signing_key=key) for number in range(4)]
    for store in stores:
        await store.append([event(1)])
    made = await asyncio.gather(*(store.checkpoint() for store in stores))
    assert len({checkpoint.line.key for checkpoint in made}) == 1
    await stores[0].rotate_key()
    for store in stores:
        await store.append([event(2)])
        await store.close()
        assert verify(store.folder).sound
