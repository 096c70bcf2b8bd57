"""Media, revisions, and what an edit leaves: objects, prompts, masks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _belongs() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("media_id", sa.String(32), sa.ForeignKey("media.id", ondelete="CASCADE"), nullable=False),
        sa.Column("revision_id", sa.Integer, sa.ForeignKey("revisions.id", ondelete="CASCADE"), nullable=False),
        sa.Column("object", sa.Integer, nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "media",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("uploaded", sa.Boolean, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("fps", sa.Float, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "revisions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("media_id", sa.String(32), sa.ForeignKey("media.id", ondelete="CASCADE"), nullable=False),
        sa.Column("parent_id", sa.Integer, sa.ForeignKey("revisions.id", ondelete="CASCADE")),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "heads",
        sa.Column("media_id", sa.String(32), sa.ForeignKey("media.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("revision_id", sa.Integer, sa.ForeignKey("revisions.id", ondelete="CASCADE")),
    )
    op.create_table(
        "objects",
        *_belongs(),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("colour", sa.String(7), nullable=False),
        sa.Column("hidden", sa.Boolean, nullable=False),
        sa.Column("locked", sa.Boolean, nullable=False),
        sa.Column("present", sa.Boolean, nullable=False),
    )
    op.create_table(
        "prompts",
        *_belongs(),
        sa.Column("frame", sa.Integer, nullable=False),
        sa.Column("prompt", sa.JSON),
    )
    op.create_table(
        "masks",
        *_belongs(),
        sa.Column("frame", sa.Integer, nullable=False),
        sa.Column("counts", sa.LargeBinary),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("iou", sa.Float, nullable=False),
        sa.Column("visible", sa.Boolean, nullable=False),
        sa.Column("prompted", sa.Boolean, nullable=False),
        sa.Column("edited", sa.Boolean, nullable=False),
    )
    op.create_index("ix_revisions_media_id_parent_id", "revisions", ["media_id", "parent_id"])
    op.create_index("ix_revisions_parent_id", "revisions", ["parent_id"])
    op.create_index("ix_objects_media_id_object", "objects", ["media_id", "object"])
    op.create_index("ix_prompts_media_id_object_frame", "prompts", ["media_id", "object", "frame"])
    op.create_index("ix_masks_media_id_object_frame", "masks", ["media_id", "object", "frame"])
    for table in ("objects", "prompts", "masks"):
        op.create_index(f"ix_{table}_revision_id", table, ["revision_id"])


def downgrade() -> None:
    for table in ("masks", "prompts", "objects", "heads", "revisions", "media"):
        op.drop_table(table)
