"""Bringing a database to the version this code was written for, and back.

Each version is a module of `migrations/versions`; they run inside one transaction, so that a database is of one version
or the other, never between. A database of a version that is not known here is left alone and refused.
"""

from importlib.resources import files

from sqlalchemy import Connection

from callkeeper.recorder.errors import StorageFault

HEAD = "0003"
"""The version of the tables in `schema`."""


def upgrade(connection: Connection, version: str = HEAD) -> None:
    """Bring the database up to a version.

    Raises:
        StorageFault: a newer version wrote it.
    """
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415 - only where something is to be migrated

    with connection.begin():
        found = MigrationContext.configure(connection).get_current_revision()
    if found != version:
        _migrate(connection, version, found, up=True)


def downgrade(connection: Connection, version: str) -> None:
    """Bring the database down to a version; `base` is an empty one.

    Raises:
        StorageFault: a newer version wrote it.
    """
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415 - as above

    with connection.begin():
        found = MigrationContext.configure(connection).get_current_revision()
    _migrate(connection, version, found, up=False)


def _migrate(connection: Connection, version: str, found: str | None, *, up: bool) -> None:
    from alembic import command  # noqa: PLC0415 - as above
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(files("callkeeper.recorder.store") / "migrations"))
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StorageFault(
            f"the store was written by a newer version (its tables are of version {found}, known is {HEAD})",
            "run that version, or have it bring the store down first",
        )
    config.attributes["connection"] = connection
    with connection.begin():
        if up:
            command.upgrade(config, version)
        else:
            command.downgrade(config, version)
