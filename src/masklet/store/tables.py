"""The tables. Rows of edits are only ever added; what holds is found from the revision that a media stands at.

`heads` says which revision that is: undo moves it to the revision's parent, redo to its newest child. A value (an
object, a prompt, a mask; of effects the whole list) is the newest row of its key among the revision and its ancestors.
`moves` says who took edits back and made them again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)


class Utc(TypeDecorator[datetime]):
    """Times in UTC; SQLite keeps none of their zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("selector", String(16), nullable=False, unique=True),
    Column("hash", String(64), nullable=False),
    Column("created", Utc, nullable=False),
    sqlite_autoincrement=True,
)

logins = Table(
    "logins",
    metadata,
    Column("selector", String(16), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires", Utc, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String, nullable=False),
    Column("owner_id", ForeignKey("users.id", ondelete="SET NULL")),
    Column("created", Utc, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
)

media = Table(
    "media",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("path", String, nullable=False),
    Column("uploaded", Boolean, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("fps", Float, nullable=False),
    Column("created", Utc, nullable=False),
    Column("changed", Utc, nullable=False),
    Column("project_id", ForeignKey("projects.id"), nullable=False, index=True),
    Column("added_by", ForeignKey("users.id", ondelete="SET NULL"), index=True),
    Column("size", BigInteger, nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("media_id", ForeignKey("media.id", ondelete="CASCADE"), nullable=False),
    Column("parent_id", ForeignKey("revisions.id", ondelete="CASCADE")),
    Column("kind", String(32), nullable=False),
    Column("author", String, nullable=False),
    Column("created", Utc, nullable=False),
    Column("payload", JSON, nullable=False),
    Index(None, "media_id", "parent_id"),
    Index(None, "parent_id"),
    sqlite_autoincrement=True,  # the number of a deleted revision is not given again
)

heads = Table(
    "heads",
    metadata,
    Column("media_id", ForeignKey("media.id", ondelete="CASCADE"), primary_key=True),
    Column("revision_id", ForeignKey("revisions.id", ondelete="CASCADE")),
)

objects = Table(
    "objects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("media_id", ForeignKey("media.id", ondelete="CASCADE"), nullable=False),
    Column("revision_id", ForeignKey("revisions.id", ondelete="CASCADE"), nullable=False),
    Column("object", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("colour", String(7), nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("present", Boolean, nullable=False),
    Index(None, "media_id", "object"),
    Index(None, "revision_id"),
)

prompts = Table(
    "prompts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("media_id", ForeignKey("media.id", ondelete="CASCADE"), nullable=False),
    Column("revision_id", ForeignKey("revisions.id", ondelete="CASCADE"), nullable=False),
    Column("object", Integer, nullable=False),
    Column("frame", Integer, nullable=False),
    Column("prompt", JSON(none_as_null=True)),
    Index(None, "media_id", "object", "frame"),
    Index(None, "revision_id"),
)

masks = Table(
    "masks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("media_id", ForeignKey("media.id", ondelete="CASCADE"), nullable=False),
    Column("revision_id", ForeignKey("revisions.id", ondelete="CASCADE"), nullable=False),
    Column("object", Integer, nullable=False),
    Column("frame", Integer, nullable=False),
    Column("counts", LargeBinary),
    Column("score", Float, nullable=False),
    Column("iou", Float, nullable=False),
    Column("visible", Boolean, nullable=False),
    Column("prompted", Boolean, nullable=False),
    Column("edited", Boolean, nullable=False),
    Index(None, "media_id", "object", "frame"),
    Index(None, "revision_id"),
)

effects = Table(
    "effects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("media_id", ForeignKey("media.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("revision_id", ForeignKey("revisions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("effects", JSON, nullable=False),
)

texts = Table(
    "texts",
    metadata,
    Column("media_id", ForeignKey("media.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("added_by", ForeignKey("users.id", ondelete="SET NULL"), index=True),
    Column("size", BigInteger, nullable=False),
)

moves = Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("media_id", ForeignKey("media.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("revision_id", ForeignKey("revisions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("author", String, nullable=False),
    Column("created", Utc, nullable=False),
    sqlite_autoincrement=True,
)
