"""Users: from a JSON file beside the store into it, so that a change and its audit rows are one transaction.

Facts:
    - Before this version users were `users.json` in the folder above the store's, a list of objects, and the deleted
      ones `retired-users.json`, an object of [instant, hash] by id.
    - The files are read in the migration's transaction, and removed by whoever opens the store once that is committed
      (`USERS_IN_STORE`); the other way, they are written before the tables go.
"""

import json
import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

from callkeeper.recorder.errors import StorageFault

revision = "0002"
down_revision = "0001"

_MEMBERS = {"id", "name", "surname", "email", "lines", "licences", "roles", "groups", "status"}
USERS, RETIRED = "users.json", "retired-users.json"
USERS_IN_STORE = "users-in-store"


def upgrade() -> None:
    """Make the tables, and take over what the files hold."""
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_table(
        "retired_users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retired_users")),
    )
    folder = _folder()
    if folder is None or not any((folder / name).exists() for name in (USERS, RETIRED)):
        return
    run = op.get_bind().execute
    for user in _users(folder / USERS):
        values = {"id": user["id"], "document": json.dumps(user)}
        run(sa.text("INSERT INTO users (id, document) VALUES (:id, :document)"), values)
    for name, at, email in _retired(folder / RETIRED):
        values = {"id": name, "at": at, "email": email}
        run(sa.text("INSERT INTO retired_users (id, at, email) VALUES (:id, :at, :email)"), values)
    run(sa.text("INSERT OR REPLACE INTO meta (name, value) VALUES (:name, '1')"), {"name": USERS_IN_STORE})


def downgrade() -> None:
    """Write the files, and drop the tables."""
    run, folder = op.get_bind().execute, _folder()
    users = [json.loads(document) for (document,) in run(sa.text("SELECT document FROM users ORDER BY id"))]
    retired = {name: (at, email) for name, at, email in run(sa.text("SELECT id, at, email FROM retired_users"))}
    if folder is not None:
        for name, value in ((USERS, users), (RETIRED, retired)):
            if value:
                _write(folder / name, json.dumps(value).encode())
    run(sa.text("DELETE FROM meta WHERE name = :name"), {"name": USERS_IN_STORE})
    op.drop_table("retired_users")
    op.drop_table("users")


def _folder() -> Path | None:
    """Where the files are; None for a store that is in memory."""
    for row in op.get_bind().execute(sa.text("PRAGMA database_list")):
        if row[1] == "main" and row[2]:
            return Path(row[2]).parent.parent
    return None


def _users(path: Path) -> list[dict[str, Any]]:
    value = _read(path, "a user directory", [])
    is_directory = isinstance(value, list) and all(isinstance(one, dict) and set(one) == _MEMBERS for one in value)
    if not is_directory or not all(isinstance(one["id"], str) for one in value):
        raise _unusable(path, "a user directory")
    return list(value)


def _retired(path: Path) -> list[tuple[str, str, str]]:
    value = _read(path, "a list of deleted users", {})
    try:
        found = [(name, at, email) for name, (at, email) in value.items()]
    except (AttributeError, TypeError, ValueError) as error:
        raise _unusable(path, "a list of deleted users") from error
    if not all(isinstance(part, str) for one in found for part in one):
        raise _unusable(path, "a list of deleted users")
    return found


def _read(path: Path, what: str, absent: Any) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return absent
    except ValueError as error:
        raise _unusable(path, what) from error


def _unusable(path: Path, what: str) -> StorageFault:
    return StorageFault(f"{path} is not {what}", "restore it from a backup, or remove it and put the users anew")


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - the descriptor carries the mode
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
