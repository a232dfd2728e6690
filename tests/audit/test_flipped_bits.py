"""A store with one bit flipped, wherever it is: it opens, takes rows and repeats as before, and stays found out."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from tests.audit.making import Clock, event, seconds
from tests.audit.test_verify import NEXT, TOMORROW, fill, proofs

from callkeeper.audit.checkpoints import list_checkpoints
from callkeeper.audit.disk import LocalDisk
from callkeeper.audit.errors import KeyUnusable
from callkeeper.audit.layout import RESERVE
from callkeeper.audit.signing import load_keys, new_key
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verify import verify

FILLED = [
    event(1), event(1, sender="other"), event(2, at=seconds(5)), event(3, at=seconds(-5)), event(4, at=TOMORROW),
    event(2, sender="other", at=TOMORROW), event(5, at=TOMORROW - timedelta(seconds=9)), event(6, at=TOMORROW),
]  # fmt: skip
NEW = event(7, at=TOMORROW)
MASKS = (1, 0x20, 0x80)


class QuickDisk(LocalDisk):
    """Waits for no disk: nothing dies here."""

    def sync(self, descriptor: int) -> None:
        pass

    def sync_folder(self, folder: Path) -> None:
        pass

    def reserve(self, descriptor: int, size: int) -> None:
        pass


def rows(folder: Path) -> Counter[str]:
    """How often each row is there, in files of rows or moved aside."""
    text = b"".join(path.read_bytes() for path in folder.glob("audit-*.csv*"))
    counted = Counter({one.id: text.count(f'""id"":""{one.id}""'.encode()) for one in (*FILLED, NEW)})
    return +counted


def flips(folder: Path, step: int) -> Iterator[tuple[Path, int, int]]:
    """Files, offsets and masks; with a step of more than one, one mask at each place."""
    for path in (*proofs(folder), folder / "signing-key.pem"):
        size = path.stat().st_size
        for index in sorted({*range(0, size, step), *range(size - 3, size)}):
            for mask in MASKS if step == 1 else (MASKS[index % 3],):
                yield path, index, mask


async def open_with_every_flip(base: Path, step: int) -> None:
    filled = base / "filled"
    await fill(filled)
    (filled / RESERVE).unlink()
    folder = base / "flipped"
    for path, index, mask in flips(filled, step):
        where = (path.name, index, mask)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(filled, folder)
        altered = bytearray(path.read_bytes())
        altered[index] ^= mask
        (folder / path.name).write_bytes(altered)
        before = rows(folder)
        is_key = path.name == "signing-key.pem"
        async with AuditStore.open(folder, now=Clock(TOMORROW), disk=QuickDisk()) as store:
            await store.append([*FILLED, NEW])
            with suppress(KeyUnusable) if is_key else nullcontext():
                await store.maintain()
        assert rows(folder) == before + Counter([NEW.id]), where
        assert is_key or not verify(folder).sound, where
        assert all(one.end < "2026-11-25" for one in list_checkpoints(folder) if one.rows > 8), where


async def test_a_store_with_a_flipped_bit_opens_and_goes_on_and_the_flip_stays_found(tmp_path):
    await open_with_every_flip(tmp_path, step=31)


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_a_store_opens_with_any_bit_flipped_in_any_byte(tmp_path):
    await open_with_every_flip(tmp_path, step=1)


@pytest.mark.parametrize("mask", MASKS)
async def test_a_key_with_any_bit_flipped_is_another_key_or_unusable_and_never_a_fault(tmp_path, mask):
    key = tmp_path / "key.pem"
    whole = new_key().pem()
    usable = 0
    for index in range(len(whole)):
        altered = bytearray(whole)
        altered[index] ^= mask
        key.write_bytes(altered)
        try:
            usable += len(load_keys(key))
        except KeyUnusable:
            continue
    assert 0 < usable < len(whole)


async def test_a_date_that_was_altered_neither_stops_checkpoints_nor_makes_every_row_late(tmp_path):
    await fill(tmp_path)
    path = tmp_path / f"{NEXT}.csv"
    for number, altered in enumerate([b"9026-11-24 12:00:00", b"2026-1\xb1-24 12:00:00"], start=7):
        before, _, last = path.read_bytes().rpartition(b"2026-11-24 12:00:00")
        path.write_bytes(before + altered + last)
        async with AuditStore.open(tmp_path, now=Clock(TOMORROW)) as store:
            await store.append([event(number, at=TOMORROW)])
            await store.maintain()
        assert f"recorder:{number}".encode() in path.read_bytes()
        assert list_checkpoints(tmp_path)[-1].end == "2026-11-24T12:00:00Z"


async def test_a_checkpoint_that_was_altered_is_not_vouched_for_by_the_next_one(tmp_path):
    await fill(tmp_path)
    path = tmp_path / "checkpoints"
    path.write_bytes(path.read_bytes().replace(b"at=2026-11-24T12", b"at=2026-11-24T13"))
    assert not verify(tmp_path).sound
    async with AuditStore.open(tmp_path, now=Clock(TOMORROW)) as store:
        await store.append([NEW])
    (*_, problem) = verify(tmp_path).problems
    assert "the signature does not fit: the line was altered" in str(problem)
