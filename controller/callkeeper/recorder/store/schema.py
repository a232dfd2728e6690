"""The tables. Migrations bring a database to exactly this; a test holds one against the other.

Facts:
    - Instants are microseconds since 1970 in UTC (`instants`), JSON is text, and what is joined is joined by numbers.
    - `recording_viewers`, `recording_parties`, `recording_tags` and `notes` repeat when the recording was opened, so
      that a page in time order of whatever they select is one walk along an index, with no sorting.
    - Rows that hang on a recording go with it; `tombstones` and `erasure_requests` outlive it and refer to it by name.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

segments = Table(
    "segments",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("native_id", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("parent", Text),
    Column("kind", Text, nullable=False),
    Column("started", Integer, nullable=False),
    Column("ended", Integer),
    Column("latest", Integer, nullable=False),
    Column("interrupted", Boolean, nullable=False),
    Column("config_revision", Text, nullable=False),
    Column("directory_revision", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("recordings", Integer, nullable=False),
    # Who took part: what a later check decides about anew. Null once it is no longer needed.
    Column("call", Text),
    Column("decisions", Text, nullable=False),
    CheckConstraint("state IN ('expected', 'recorded', 'skipped', 'failed')", name="state"),
    Index("ix_segments_started", "started", "number", "state"),
    Index("ix_segments_conversation", "conversation"),
    Index("ix_segments_open", "number", sqlite_where=text("ended IS NULL"), postgresql_where=text("ended IS NULL")),
)

recordings = Table(
    "recordings",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("segment", Integer, ForeignKey("segments.number"), nullable=False),
    Column("conversation", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("whole_call", Boolean, nullable=False),
    Column("shared_line", Boolean, nullable=False),
    Column("kind", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("opened", Integer, nullable=False),
    Column("closed", Integer),
    Column("status", Text, nullable=False),
    Column("clock", Integer),
    Column("minimum_until", Integer),
    Column("last_media", Integer),
    Column("restricted", Boolean, nullable=False),
    Column("stretches", Text, nullable=False),
    Column("content_type", Text),
    Column("bytes", Integer),
    Column("duration", Integer),
    Column("sha256", Text),
    Column("path", Text),
    Column("channels", Text),
    CheckConstraint("status IN ('open', 'closed', 'complete', 'interrupted', 'failed', 'unreachable')", name="status"),
    Index("ix_recordings_opened", "opened", "key"),
    Index("ix_recordings_user", "user", "opened", "key"),
    Index("ix_recordings_direction", "direction", "opened", "key"),
    Index("ix_recordings_kind", "kind", "opened", "key"),
    Index("ix_recordings_mode", "mode", "opened", "key"),
    Index("ix_recordings_status", "status", "opened", "key"),
    Index("ix_recordings_conversation", "conversation", "opened", "key"),
    Index("ix_recordings_segment", "segment"),
    Index("ix_recordings_clock", "clock", "key"),
)

recording_viewers = Table(
    "recording_viewers",
    metadata,
    # `u:<user>` or `g:<group>`, as of the call.
    Column("viewer", Text, primary_key=True),
    Column("opened", Integer, primary_key=True),
    Column("recording", Integer, ForeignKey("recordings.key", ondelete="CASCADE"), primary_key=True),
    Index("ix_recording_viewers_recording", "recording"),
    sqlite_with_rowid=False,
)

recording_parties = Table(
    "recording_parties",
    metadata,
    Column("recording", Integer, ForeignKey("recordings.key", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("opened", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("number", Text),
    Column("display", Text, nullable=False),
    Column("user", Text),
    Index("ix_recording_parties_number", "number", "opened", "recording"),
    sqlite_with_rowid=False,
)

recording_tags = Table(
    "recording_tags",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("opened", Integer, primary_key=True),
    Column("recording", Integer, ForeignKey("recordings.key", ondelete="CASCADE"), primary_key=True),
    Column("added_by", Text, nullable=False),
    Column("added", Integer, nullable=False),
    Index("ix_recording_tags_recording", "recording"),
    sqlite_with_rowid=False,
)

notes = Table(
    "notes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recording", Integer, ForeignKey("recordings.key", ondelete="CASCADE"), nullable=False),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("created", Integer, nullable=False),
    Column("edited", Integer),
    Column("opened", Integer, nullable=False, server_default=text("0")),
    Index("ix_notes_recording", "recording", "created"),
    Index("ix_notes_opened", "opened", "recording"),
)

holds = Table(
    "holds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("placed", Integer, nullable=False),
    Column("released", Integer),
    Column("released_by", Text),
    Index("ix_holds_conversation", "conversation", "released"),
)

erasure_requests = Table(
    "erasure_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recording", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested", Integer, nullable=False),
    Column("executed", Integer),
    Index("ix_erasure_requests_recording", "recording"),
    Index("ix_erasure_requests_executed", "executed", "requested"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("recording", Text, primary_key=True),
    Column("key", Integer, nullable=False),
    Column("segment", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("opened", Integer, nullable=False),
    Column("closed", Integer),
    Column("clock", Integer),
    Column("sha256", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("removed_by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Index("ix_tombstones_removed", "removed"),
    Index("ix_tombstones_conversation", "conversation"),
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    # As the API answers it, JSON.
    Column("document", Text, nullable=False),
)

retired_users = Table(
    "retired_users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Text, nullable=False),
    Column("email", Text, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    # AUTOINCREMENT: a number is never given twice, though the rows before it are gone.
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("at", Integer, nullable=False),
    Column("email", Text, nullable=False),
    Column("ip_address", Text, nullable=False),
    Column("app_name", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("details", Text, nullable=False),
    sqlite_autoincrement=True,
)

meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
