"""Signed lines that do not count all the same: with a key that was changed, for another log, or altered where kept."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.making import Clock, event

from callkeeper.audit.checkpoints import read_checkpoint
from callkeeper.audit.disk import LocalDisk
from callkeeper.audit.errors import CheckpointError
from callkeeper.audit.layout import CHECKPOINTS
from callkeeper.audit.log_settings import LogSettings
from callkeeper.audit.notary import Notary
from callkeeper.audit.position import Head
from callkeeper.audit.signing import SigningKey, load_keys, new_key, save_keys
from callkeeper.audit.store import AuditStore
from callkeeper.audit.verification import Trouble
from callkeeper.audit.verify import verify

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRST_DAY = "audit-2026-11-01"


async def write_days(folder: Path, key: Path, *, sender: str, retention: str = "forever") -> None:
    """A row a day for six days, and what retention leaves of them."""
    clock = Clock(START)
    async with AuditStore.open(folder, now=clock, signing_key=key) as store:
        for number in range(6):
            clock.at = START + timedelta(days=number)
            await store.append([event(number + 1, sender=sender, at=clock.at)])
        await store.apply(LogSettings(retention=retention))
        await store.maintain()


async def test_a_deletion_signed_for_another_log_is_none_of_this_one(tmp_path):
    """One key may sign many logs: what it signed of one must not hide that rows of another are gone."""
    key = tmp_path / "key.pem"
    await write_days(tmp_path / "other", key, sender="twins", retention="2d")
    await write_days(tmp_path / "log", key, sender="twin2")
    copy(tmp_path / "other" / f"{FIRST_DAY}.deleted", tmp_path / "log")
    (tmp_path / "log" / f"{FIRST_DAY}.csv").unlink()
    problems = verify(tmp_path / "log").problems
    assert (problems[0].trouble, problems[0].file) == (Trouble.SIGNATURE_WRONG, f"{FIRST_DAY}.csv")
    assert "is of another log" in problems[0].message


async def rotated(folder: Path, key: Path) -> tuple[SigningKey, SigningKey]:
    """A log whose key was changed: the old one, which has leaked, and the new one."""
    async with AuditStore.open(folder, now=Clock(START), signing_key=key) as store:
        await store.append([event(1, at=START)])
        await store.checkpoint()
        old = load_keys(key)[0]
        await store.rotate_key()
        await store.append([event(2, at=START)])
    return old, load_keys(key)[0]


@pytest.mark.parametrize("how", ["goes on with it", "has it sign another", "lets it sign for itself"])
async def test_a_key_that_was_changed_because_it_leaked_signs_nothing_any_more(tmp_path, how):
    """The thief writes a row with its line, which takes no key, and signs it with the old one."""
    folder, key, stolen = tmp_path / "log", tmp_path / "key.pem", tmp_path / "stolen.pem"
    old, new = await rotated(folder, key)
    assert verify(folder, public_keys=[new.public]).sound
    async with AuditStore.open(folder, now=Clock(START), signing_key=tmp_path / "none.pem") as store:
        await store.append([event(3, at=START)])
        head = store.head
    save_keys(stolen, (new_key(), old) if how == "has it sign another" else (old,), LocalDisk())
    sign(folder, stolen, head, as_if_in_use=how != "lets it sign for itself")
    assert (folder / CHECKPOINTS).read_text().count("rows=3") == 1
    for known in ([], [new.public]):
        found = verify(folder, public_keys=known)
        assert {problem.trouble for problem in found.problems} == {Trouble.SIGNATURE_WRONG}, found
    assert "was no longer in use" in str(found.problems[-1])
    async with AuditStore.open(folder, now=Clock(START), signing_key=key) as store:
        await store.append([event(4, at=START)])
    assert not verify(folder, public_keys=[new.public]).sound, "what is signed after it does not vouch for it"


def sign(folder: Path, key: Path, head: Head, *, as_if_in_use: bool) -> None:
    """A checkpoint with this key file, whose last key the notary may be made to believe in use."""
    notary = Notary(folder, key, disk=LocalDisk(), now=Clock(START))
    if as_if_in_use:
        notary._load()
        notary._public = load_keys(key)[-1].public
    assert notary.checkpoint(head) is not None


STRANGER = new_key().public
LINE = (
    "callkeeper-checkpoint v1 store=bb44 number=2 at=2026-10-06T10:00:00Z from=2026-10-05 to=2026-10-06T10:00:00Z "
    f"commits=2 rows=3 bytes=431 chain={'ab' * 32} previous={'cd' * 32} key=a405 sig={'A' * 86}=="
)


@given(
    edits=st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=len(LINE) - 1),
            st.one_of(st.sampled_from("\xa0\u2028\ud800\x1c\x85 =\u0663"), st.characters()),
        ),
        max_size=3,
    )
)
def test_a_line_that_was_kept_elsewhere_is_read_or_refused_however_it_was_altered(edits):
    """Copied by way of a ticket or a mail, a space may have become another one."""
    text = list(LINE)
    for place, character in edits:
        text[place] = character
    with suppress(CheckpointError):
        assert not read_checkpoint("".join(text)).line.is_signed_by(STRANGER)
