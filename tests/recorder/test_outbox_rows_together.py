"""The recorder's audit rows in its outbox: those of one action are all there or none is."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.recorder.stage import FakeClock

from callkeeper.audit.actions import Action
from callkeeper.recorder import outbox_audit
from callkeeper.recorder.auditing import Actor
from callkeeper.recorder.errors import AuditFault
from callkeeper.recorder.outbox_audit import OutboxAudit
from callkeeper.recorder.principals import Principal
from callkeeper.recorder.store.port import Writing
from callkeeper.recorder.store.sqlite import SqliteStore

AT = datetime(2026, 3, 1, tzinfo=UTC)
ACTOR = Actor(principal=Principal(id="ann", roles=frozenset()))


def changed(rows: Writing) -> None:
    rows.set_meta("changed", "yes")


async def waiting(store: SqliteStore) -> int:
    return await store.read(lambda rows: rows.outbox_size().rows)


@pytest.mark.parametrize(("bad", "kept"), [(None, 3), (0, 0), (2, 0)])
async def test_the_rows_of_one_action_are_all_in_the_outbox_or_none(tmp_path: Path, bad: int | None, kept: int) -> None:
    store = SqliteStore.open(tmp_path / "store")
    audit = OutboxAudit(store, FakeClock(), sender="recorder")
    rows: list[tuple[Action, dict[str, Any]]] = [(Action.GRANT_LICENSE, {"user": f"u-{number}"}) for number in range(3)]
    if bad is not None:
        rows[bad] = (Action.GRANT_LICENSE, {"user": object()})
        with pytest.raises(AuditFault):
            await audit.act_all(changed, rows, at=AT, actor=ACTOR)
    else:
        await audit.act_all(changed, rows, at=AT, actor=ACTOR)
    assert await waiting(store) == kept
    # What they tell of is done in the same breath, or not done.
    assert await store.read(lambda rows: rows.meta("changed")) == ("yes" if kept else None)
    await store.close()


async def test_a_full_outbox_takes_none_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore.open(tmp_path / "store")
    audit = OutboxAudit(store, FakeClock(), sender="recorder")
    await audit.emit(Action.CREATE_USER, at=AT, actor=ACTOR, details={"user": "ada"})
    monkeypatch.setattr(outbox_audit.bounds, "OUTBOX_ROWS", 1)
    with pytest.raises(AuditFault, match="wait to be delivered"):
        await audit.act_all(changed, [(Action.DELETE_USER, {"user": "ada"})], at=AT, actor=ACTOR)
    assert await waiting(store) == 1
    await store.close()
