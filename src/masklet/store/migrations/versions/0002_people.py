"""Users, their logins, and projects, to which all media belong; those that are there belong to the project "local"."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("selector", sa.String(16), nullable=False, unique=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "logins",
        sa.Column("selector", sa.String(16), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_logins_user_id", "logins", ["user_id"])
    projects = op.create_table(
        "projects",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("owner_id", sa.Integer, sa.ForeignKey("users.id", ondelete="SET NULL")),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "members",
        sa.Column("project_id", sa.String(32), sa.ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("ix_members_user_id", "members", ["user_id"])
    op.bulk_insert(projects, [{"id": "local", "name": "This computer", "owner_id": None, "created": datetime.now(UTC)}])
    with op.batch_alter_table("media") as media:
        media.add_column(sa.Column("project_id", sa.String(32)))
        media.add_column(sa.Column("added_by", sa.Integer))
        media.add_column(sa.Column("size", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE media SET project_id = 'local'")
    with op.batch_alter_table("media") as media:
        media.alter_column("project_id", existing_type=sa.String(32), nullable=False)
        media.alter_column("size", existing_type=sa.BigInteger, existing_nullable=False, server_default=None)
        media.create_foreign_key("fk_media_project_id", "projects", ["project_id"], ["id"])
        media.create_foreign_key("fk_media_added_by", "users", ["added_by"], ["id"], ondelete="SET NULL")
        media.create_index("ix_media_project_id", ["project_id"])
        media.create_index("ix_media_added_by", ["added_by"])


def downgrade() -> None:
    with op.batch_alter_table("media") as media:
        media.drop_index("ix_media_project_id")
        media.drop_index("ix_media_added_by")
        media.drop_constraint("fk_media_project_id", type_="foreignkey")
        media.drop_constraint("fk_media_added_by", type_="foreignkey")
        for column in ("project_id", "added_by", "size"):
            media.drop_column(column)
    for table in ("members", "projects", "logins", "users"):
        op.drop_table(table)
