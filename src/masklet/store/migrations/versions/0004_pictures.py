"""Pictures among effects count for the user who brought them; those that are there count for nobody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("texts") as texts:
        texts.add_column(sa.Column("added_by", sa.Integer))
        texts.add_column(sa.Column("size", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE texts SET size = length(text)")  # data: addresses are ASCII
    with op.batch_alter_table("texts") as texts:
        texts.alter_column("size", existing_type=sa.BigInteger, existing_nullable=False, server_default=None)
        texts.create_foreign_key("fk_texts_added_by", "users", ["added_by"], ["id"], ondelete="SET NULL")
        texts.create_index("ix_texts_added_by", ["added_by"])


def downgrade() -> None:
    with op.batch_alter_table("texts") as texts:
        texts.drop_index("ix_texts_added_by")
        texts.drop_constraint("fk_texts_added_by", type_="foreignkey")
        for column in ("added_by", "size"):
            texts.drop_column(column)
