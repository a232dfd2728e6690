"""Notes: when their recording was opened beside them, so that a search of their text walks in the order of a page."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column and its index."""
    op.add_column("notes", sa.Column("opened", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.execute("UPDATE notes SET opened = (SELECT opened FROM recordings WHERE recordings.key = notes.recording)")
    op.create_index("ix_notes_opened", "notes", ["opened", "recording"])


def downgrade() -> None:
    """Take both away."""
    op.drop_index("ix_notes_opened", "notes")
    op.drop_column("notes", "opened")
