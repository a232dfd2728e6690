"""The user directory in SQL: a row a user, and a row for each who was deleted.

A user is one JSON text, as the API answers it: nobody asks the database about users, the directory is held in memory.
"""

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from callkeeper.policy.directory import User, user_from_json, user_to_json
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.retired_users import Retired
from callkeeper.recorder.store.schema import retired_users, users

_insert_user, _insert_retired = insert(users), insert(retired_users)
_SAVE_USER = _insert_user.on_conflict_do_update(
    index_elements=[users.c.id], set_={"document": _insert_user.excluded.document}
)
_RETIRE = _insert_retired.on_conflict_do_update(
    index_elements=[retired_users.c.id],
    set_={"at": _insert_retired.excluded.at, "email": _insert_retired.excluded.email},
)
_REMOVE_USER = delete(users).where(users.c.id == bindparam("asked"))


class UserRowsSql:
    """Users over a connection."""

    _connection: Connection

    def users(self) -> list[User]:
        """See the port.

        Raises:
            StorageFault: a row is not what was written there.
        """
        found = []
        for row in self._connection.execute(select(users).order_by(users.c.id)):
            try:
                found.append(user_from_json(json.loads(row.document)))
            except (ValueError, KeyError, TypeError) as error:
                raise StorageFault(
                    "a user in the store is not what was written there", "restore the state folder from a backup"
                ) from error
        return found

    def retired_users(self) -> dict[str, Retired]:
        """See the port."""
        found = self._connection.execute(select(retired_users))
        return {row.id: Retired(at=row.at, email=row.email) for row in found}

    def save_users(self, changed: Iterable[User]) -> None:
        """See the port."""
        rows = [{"id": user.id, "document": json.dumps(user_to_json(user))} for user in changed]
        if rows:
            self._connection.execute(_SAVE_USER, rows)

    def retire_users(self, retired: Mapping[str, Retired]) -> None:
        """See the port."""
        if retired:
            self._connection.execute(_REMOVE_USER, [{"asked": name} for name in retired])
            rows = [{"id": name, "at": one.at, "email": one.email} for name, one in retired.items()]
            self._connection.execute(_RETIRE, rows)
