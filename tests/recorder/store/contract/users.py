"""The user directory: who is kept, and who is remembered when they go."""

from dataclasses import replace

import pytest
from tests.recorder.store.making import event

from callkeeper.policy.directory import Licence, User, UserStatus, line
from callkeeper.recorder.retired_users import Retired
from callkeeper.recorder.store.port import Store, Writing


class UserContract:
    """Users."""

    async def test_users_are_kept_changed_and_remembered_when_they_go(self, store: Store) -> None:
        ada, bob = User(id="ada", email="ada@example.com", groups=("sales",)), User(id="bob")
        await store.write(lambda rows: rows.save_users([bob, ada]))
        assert await store.read(lambda rows: rows.users()) == [ada, bob]
        lines = (line(extension="2001", e164="+390612001"),)
        changed = replace(ada, lines=lines, licences=frozenset(Licence), status=UserStatus.DISABLED)
        gone = Retired(at="2026-03-01T00:00:00.000000Z", email="5e")

        def unit(rows: Writing) -> None:
            rows.save_users([changed])
            rows.retire_users({"bob": gone})

        await store.write(unit)
        assert await store.read(lambda rows: (rows.users(), rows.retired_users())) == ([changed], {"bob": gone})
        # Who comes back is a user again, and stays remembered.
        await store.write(lambda rows: rows.save_users([bob]))
        assert await store.read(lambda rows: (rows.users(), rows.retired_users())) == ([changed, bob], {"bob": gone})

    async def test_a_change_of_users_goes_with_the_unit_it_is_in(self, store: Store) -> None:
        def unit(rows: Writing) -> None:
            rows.save_users([User(id="ada")])
            rows.add_event(event(1))
            raise KeyError("no")

        with pytest.raises(KeyError):
            await store.write(unit)
        assert await store.read(lambda rows: (rows.users(), rows.outbox_size().rows)) == ([], 0)
