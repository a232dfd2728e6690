"""Rows that are written past the fakes are held to the taxonomy."""

import pytest
from tests.audit.making import NOON, Clock

from callkeeper.audit.actions import Action
from callkeeper.audit.store import AuditStore


async def test_a_field_that_the_taxonomy_does_not_list_is_found_in_rows_of_the_store_itself(tmp_path):
    async with AuditStore.open(tmp_path, now=Clock(NOON)) as store:
        await store._upkeep.tell(Action.REFUSE_AUDIT_ROWS, {"freeBytes": 7})
        with pytest.raises(AssertionError, match="lists no field 'roomLeft'"):
            await store._upkeep.tell(Action.REFUSE_AUDIT_ROWS, {"roomLeft": 7})
