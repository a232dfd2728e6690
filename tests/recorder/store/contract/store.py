"""What any store has to do: a suite to be run over each adapter (`class TestSqlite(StoreContract)`).

An adapter's test module gives the fixture `store`, an empty store that is closed afterwards. The sentences stand beside
this, a module for each of the port's subjects.
"""

from tests.recorder.store.contract.outbox import OutboxContract
from tests.recorder.store.contract.retention import RetentionContract
from tests.recorder.store.contract.searching import SearchContract
from tests.recorder.store.contract.segments import SegmentContract
from tests.recorder.store.contract.units import UnitContract
from tests.recorder.store.contract.users import UserContract


class StoreContract(UnitContract, SegmentContract, SearchContract, RetentionContract, OutboxContract, UserContract):
    """The suite."""
