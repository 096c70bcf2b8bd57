"""Effects are edits; who took an edit back or made it again is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "effects",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("media_id", sa.String(32), sa.ForeignKey("media.id", ondelete="CASCADE"), nullable=False),
        sa.Column("revision_id", sa.Integer, sa.ForeignKey("revisions.id", ondelete="CASCADE"), nullable=False),
        sa.Column("effects", sa.JSON, nullable=False),
    )
    op.create_index("ix_effects_media_id", "effects", ["media_id"])
    op.create_index("ix_effects_revision_id", "effects", ["revision_id"])
    op.create_table(
        "texts",
        sa.Column("media_id", sa.String(32), sa.ForeignKey("media.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "moves",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("media_id", sa.String(32), sa.ForeignKey("media.id", ondelete="CASCADE"), nullable=False),
        sa.Column("revision_id", sa.Integer, sa.ForeignKey("revisions.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_moves_media_id", "moves", ["media_id"])
    op.create_index("ix_moves_revision_id", "moves", ["revision_id"])


def downgrade() -> None:
    for table in ("moves", "texts", "effects"):
        op.drop_table(table)
