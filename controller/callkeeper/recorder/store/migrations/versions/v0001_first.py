"""The first tables: segments, recordings and what hangs on them, holds, tombstones, the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "erasure_requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested", sa.Integer(), nullable=False),
        sa.Column("executed", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure_requests")),
    )
    op.create_index("ix_erasure_requests_executed", "erasure_requests", ["executed", "requested"], unique=False)
    op.create_index("ix_erasure_requests_recording", "erasure_requests", ["recording"], unique=False)
    op.create_table(
        "holds",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed", sa.Integer(), nullable=False),
        sa.Column("released", sa.Integer(), nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index("ix_holds_conversation", "holds", ["conversation", "released"], unique=False)
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("ip_address", sa.Text(), nullable=False),
        sa.Column("app_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "segments",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("native_id", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("started", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=True),
        sa.Column("latest", sa.Integer(), nullable=False),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.Column("config_revision", sa.Text(), nullable=False),
        sa.Column("directory_revision", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("recordings", sa.Integer(), nullable=False),
        sa.Column("call", sa.Text(), nullable=True),
        sa.Column("decisions", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('expected', 'recorded', 'skipped', 'failed')", name=op.f("ck_segments_state")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_segments")),
        sa.UniqueConstraint("id", name=op.f("uq_segments_id")),
    )
    op.create_index("ix_segments_conversation", "segments", ["conversation"], unique=False)
    op.create_index(
        "ix_segments_open",
        "segments",
        ["number"],
        unique=False,
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    )
    op.create_index("ix_segments_started", "segments", ["started", "number", "state"], unique=False)
    op.create_table(
        "tombstones",
        sa.Column("recording", sa.Text(), nullable=False),
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Integer(), nullable=True),
        sa.Column("clock", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.Column("removed_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("recording", name=op.f("pk_tombstones")),
    )
    op.create_index("ix_tombstones_conversation", "tombstones", ["conversation"], unique=False)
    op.create_index("ix_tombstones_removed", "tombstones", ["removed"], unique=False)
    op.create_table(
        "recordings",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("whole_call", sa.Boolean(), nullable=False),
        sa.Column("shared_line", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("clock", sa.Integer(), nullable=True),
        sa.Column("minimum_until", sa.Integer(), nullable=True),
        sa.Column("last_media", sa.Integer(), nullable=True),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("stretches", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("bytes", sa.Integer(), nullable=True),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("channels", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'closed', 'complete', 'interrupted', 'failed', 'unreachable')",
            name=op.f("ck_recordings_status"),
        ),
        sa.ForeignKeyConstraint(["segment"], ["segments.number"], name=op.f("fk_recordings_segment")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_recordings")),
        sa.UniqueConstraint("id", name=op.f("uq_recordings_id")),
    )
    op.create_index("ix_recordings_clock", "recordings", ["clock", "key"], unique=False)
    op.create_index("ix_recordings_conversation", "recordings", ["conversation", "opened", "key"], unique=False)
    op.create_index("ix_recordings_direction", "recordings", ["direction", "opened", "key"], unique=False)
    op.create_index("ix_recordings_kind", "recordings", ["kind", "opened", "key"], unique=False)
    op.create_index("ix_recordings_mode", "recordings", ["mode", "opened", "key"], unique=False)
    op.create_index("ix_recordings_opened", "recordings", ["opened", "key"], unique=False)
    op.create_index("ix_recordings_segment", "recordings", ["segment"], unique=False)
    op.create_index("ix_recordings_status", "recordings", ["status", "opened", "key"], unique=False)
    op.create_index("ix_recordings_user", "recordings", ["user", "opened", "key"], unique=False)
    op.create_table(
        "notes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("recording", sa.Integer(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("edited", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["recording"], ["recordings.key"], name=op.f("fk_notes_recording"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    op.create_index("ix_notes_recording", "notes", ["recording", "created"], unique=False)
    op.create_table(
        "recording_parties",
        sa.Column("recording", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("display", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["recording"], ["recordings.key"], name=op.f("fk_recording_parties_recording"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("recording", "position", name=op.f("pk_recording_parties")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_recording_parties_number", "recording_parties", ["number", "opened", "recording"], unique=False)
    op.create_table(
        "recording_tags",
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("recording", sa.Integer(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording"], ["recordings.key"], name=op.f("fk_recording_tags_recording"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tag", "opened", "recording", name=op.f("pk_recording_tags")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_recording_tags_recording", "recording_tags", ["recording"], unique=False)
    op.create_table(
        "recording_viewers",
        sa.Column("viewer", sa.Text(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("recording", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording"], ["recordings.key"], name=op.f("fk_recording_viewers_recording"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("viewer", "opened", "recording", name=op.f("pk_recording_viewers")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_recording_viewers_recording", "recording_viewers", ["recording"], unique=False)


def downgrade() -> None:
    """Drop them, with all they hold."""
    op.drop_index("ix_recording_viewers_recording", table_name="recording_viewers")
    op.drop_table("recording_viewers")
    op.drop_index("ix_recording_tags_recording", table_name="recording_tags")
    op.drop_table("recording_tags")
    op.drop_index("ix_recording_parties_number", table_name="recording_parties")
    op.drop_table("recording_parties")
    op.drop_index("ix_notes_recording", table_name="notes")
    op.drop_table("notes")
    op.drop_index("ix_recordings_user", table_name="recordings")
    op.drop_index("ix_recordings_status", table_name="recordings")
    op.drop_index("ix_recordings_segment", table_name="recordings")
    op.drop_index("ix_recordings_opened", table_name="recordings")
    op.drop_index("ix_recordings_mode", table_name="recordings")
    op.drop_index("ix_recordings_kind", table_name="recordings")
    op.drop_index("ix_recordings_direction", table_name="recordings")
    op.drop_index("ix_recordings_conversation", table_name="recordings")
    op.drop_index("ix_recordings_clock", table_name="recordings")
    op.drop_table("recordings")
    op.drop_index("ix_tombstones_removed", table_name="tombstones")
    op.drop_index("ix_tombstones_conversation", table_name="tombstones")
    op.drop_table("tombstones")
    op.drop_index("ix_segments_started", table_name="segments")
    op.drop_index(
        "ix_segments_open",
        table_name="segments",
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    )
    op.drop_index("ix_segments_conversation", table_name="segments")
    op.drop_table("segments")
    op.drop_table("outbox")
    op.drop_table("meta")
    op.drop_index("ix_holds_conversation", table_name="holds")
    op.drop_table("holds")
    op.drop_index("ix_erasure_requests_recording", table_name="erasure_requests")
    op.drop_index("ix_erasure_requests_executed", table_name="erasure_requests")
    op.drop_table("erasure_requests")
