import json
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text
from tests.recorder.store.making import filled

from callkeeper.policy.directory import Directory, User, line
from callkeeper.recorder.errors import StorageFault
from callkeeper.recorder.retired_users import Retired
from callkeeper.recorder.store.migrating import HEAD, downgrade, upgrade
from callkeeper.recorder.store.schema import metadata
from callkeeper.recorder.store.sqlite import DATABASE, SqliteStore


def rows(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every table's rows, as they are."""
    tables = inspect(connection).get_table_names()
    return {
        table: sorted(tuple(row) for row in connection.execute(text(f'SELECT * FROM "{table}"')))
        for table in tables
        if table != "alembic_version"
    }


def store_of(folder: Path) -> Path:
    """As in a state folder; beside the store users were kept once."""
    return folder / "recorder" / "store"


async def fill(folder: Path) -> Path:
    store = SqliteStore.open(store_of(folder))
    await store.write(filled)
    await store.close()
    return store_of(folder) / DATABASE


async def test_the_migrations_make_the_tables_of_the_schema(tmp_path: Path) -> None:
    path = await fill(tmp_path)
    with create_engine(f"sqlite:///{path}").connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert all(rows(connection)[table.name] for table in metadata.sorted_tables), "a table has no row in it"


async def test_bringing_a_filled_store_up_again_changes_nothing(tmp_path: Path) -> None:
    path = await fill(tmp_path)
    with create_engine(f"sqlite:///{path}").connect() as connection:
        before = rows(connection)
        connection.rollback()
        upgrade(connection)
        assert rows(connection) == before


async def test_a_filled_store_goes_down_to_nothing_and_up_again(tmp_path: Path) -> None:
    path = await fill(tmp_path)
    with create_engine(f"sqlite:///{path}").connect() as connection:
        downgrade(connection, "base")
        assert rows(connection) == {}
        connection.rollback()
        upgrade(connection)
        assert set(rows(connection)) == set(metadata.tables)
    store = SqliteStore.open(store_of(tmp_path))
    await store.write(filled)
    await store.close()


async def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = await fill(tmp_path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = path.read_bytes()
    with pytest.raises(StorageFault, match=f"newer version .*known is {HEAD}"):
        SqliteStore.open(store_of(tmp_path))
    assert path.read_bytes() == before


async def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = await fill(tmp_path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        # Down and up again, with a table in the way of the second half.
        connection.execute(text("DELETE FROM alembic_version"))
    with engine.connect() as connection:
        before = rows(connection)
    with pytest.raises(StorageFault, match="already exists"):
        SqliteStore.open(store_of(tmp_path))
    with engine.connect() as connection:
        assert rows(connection) == before


async def test_notes_know_when_their_recording_was_opened_after_they_came_up(tmp_path: Path) -> None:
    path = await fill(tmp_path)
    with create_engine(f"sqlite:///{path}").connect() as connection:
        before = rows(connection)
        connection.rollback()
        downgrade(connection, "0002")
        assert "opened" not in {column["name"] for column in inspect(connection).get_columns("notes")}
        connection.rollback()
        upgrade(connection)
        assert rows(connection) == before
        opened = "SELECT count(*) FROM notes JOIN recordings ON key = recording AND notes.opened = recordings.opened"
        assert connection.scalar(text(opened)) == len(before["notes"]) > 0


ADA = User(id="ada", email="ada@example.com", lines=(line(extension="2001"),), groups=("sales",))
GONE = Retired(at="2026-03-01T00:00:00.000000Z", email="5e")


def beside(folder: Path, name: str) -> Path:
    return folder / "recorder" / name


def write_users(folder: Path) -> None:
    """As the version before kept them."""
    beside(folder, "users.json").write_bytes(Directory.of([ADA]).canonical_bytes)
    beside(folder, "retired-users.json").write_text(json.dumps({"bob": [GONE.at, GONE.email]}))


async def test_users_move_from_their_file_into_a_filled_store_and_back(tmp_path: Path) -> None:
    path = await fill(tmp_path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        downgrade(connection, "0001")
        names = {one["id"] for one in json.loads(beside(tmp_path, "users.json").read_bytes())}
        assert (names, set(json.loads(beside(tmp_path, "retired-users.json").read_bytes()))) == ({"ada"}, {"bob"})
        assert "users" not in rows(connection)
        before = rows(connection)
    write_users(tmp_path)
    with engine.connect() as connection:
        upgrade(connection, "0002")
        after = rows(connection)
    # One row more, until the files are gone: that they are to go.
    assert after.pop("meta") == [*before.pop("meta"), ("users-in-store", "1")]
    assert {name: after[name] for name in before} == before
    store = SqliteStore.open(store_of(tmp_path))
    assert (store.recovery.users, store.recovery.retired) == ((ADA,), {"bob": GONE})
    await store.close()
    assert not beside(tmp_path, "users.json").exists()
    assert not beside(tmp_path, "retired-users.json").exists()


async def test_files_that_a_crash_left_behind_are_removed_at_the_next_start(tmp_path: Path) -> None:
    path = await fill(tmp_path)
    with create_engine(f"sqlite:///{path}").connect() as connection:
        downgrade(connection, "0001")
        write_users(tmp_path)
        # The process dies when the migration is committed, before the files are removed.
        upgrade(connection)
    assert beside(tmp_path, "users.json").exists()
    for _ in range(2):
        store = SqliteStore.open(store_of(tmp_path))
        assert store.recovery.users == (ADA,)
        await store.close()
        assert not beside(tmp_path, "users.json").exists()


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        *(("users.json", text, "a user directory") for text in ("", "{}", "[1]", '[{"id": "ada"}]')),
        *(
            ("retired-users.json", text, "a list of deleted users")
            for text in ("", "[]", '{"ada": 1}', '{"ada": ["x"]}', "[1]")
        ),
    ],
)
async def test_a_file_of_users_that_is_none_is_said_and_left_as_it_is(
    tmp_path: Path, name: str, text: str, what: str
) -> None:
    path = await fill(tmp_path)
    with create_engine(f"sqlite:///{path}").connect() as connection:
        downgrade(connection, "0001")
    beside(tmp_path, name).write_text(text)
    with pytest.raises(StorageFault, match=f"{name} is not {what}"):
        SqliteStore.open(store_of(tmp_path))
    assert beside(tmp_path, name).read_text() == text
    with create_engine(f"sqlite:///{path}").connect() as connection:
        assert "users" not in rows(connection)


async def test_a_folder_that_was_never_opened_with_a_file_of_users_takes_it_over(tmp_path: Path) -> None:
    beside(tmp_path, "").mkdir()
    write_users(tmp_path)
    store = SqliteStore.open(store_of(tmp_path))
    assert store.recovery.users == (ADA,)
    await store.close()
