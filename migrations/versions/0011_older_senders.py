"""Until when balance changes are taken that were not sent as shards send them now.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "older_senders",
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("taken_until", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("cause IN ('upgrade', 'move')"),
        sa.PrimaryKeyConstraint("cause"),
    )
    # other shards of the version before are at work, and what they have sent is on its way
    op.execute(
        "INSERT INTO older_senders (cause, taken_until)"
        " SELECT 'upgrade', now() + interval '7 days' WHERE EXISTS (SELECT FROM account)"
    )
    op.execute(
        "INSERT INTO older_senders (cause, taken_until)"
        " SELECT 'move', max(moved_at) + interval '30 days' FROM move WHERE direction = 'in'"
        " HAVING max(moved_at) > now() - interval '30 days'"
    )


def downgrade() -> None:
    op.drop_table("older_senders")
