from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text
from tests.recorder.store.making import filled

from callkeeper.recorder.errors import StorageFault
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


async def fill(folder: Path) -> Path:
    store = SqliteStore.open(folder)
    await store.write(filled)
    await store.close()
    return folder / DATABASE


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
    store = SqliteStore.open(tmp_path)
    await store.write(filled)
    await store.close()


async def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = await fill(tmp_path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = path.read_bytes()
    with pytest.raises(StorageFault, match=f"newer version .*known is {HEAD}"):
        SqliteStore.open(tmp_path)
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
        SqliteStore.open(tmp_path)
    with engine.connect() as connection:
        assert rows(connection) == before
