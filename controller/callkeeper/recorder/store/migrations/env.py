"""What runs the versions: on the connection it is handed, inside the transaction that is open."""

from alembic import context

from callkeeper.recorder.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
