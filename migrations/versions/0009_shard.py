"""Which accounts the database is for; how long nobody has asked about recipients.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "shard",
        sa.Column("realm", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("realm"),
    )
    # whoever connects sees whose database it is
    op.execute("GRANT SELECT ON shard TO PUBLIC")
    op.add_column(
        "unverified_transfer_request",
        sa.Column(
            "unasked_seconds", sa.DOUBLE_PRECISION(), server_default=sa.text("0"), nullable=False
        ),
    )


def downgrade() -> None:
    op.drop_column("unverified_transfer_request", "unasked_seconds")
    op.drop_table("shard")
