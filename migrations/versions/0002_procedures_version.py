"""Stored procedures are installed beside the migrations, and each version of them is written down.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# The first migration used to install procedures without a version. Workers that call them may be
# at work, so they stay until the version after the next one is installed.
_NOTE_UNVERSIONED = """
INSERT INTO procedures_version (version, revision, installed_at)
SELECT 'unversioned', '0001', now()
WHERE to_regproc('process_transfer_requests_v1') IS NOT NULL
"""


def upgrade() -> None:
    op.create_table(
        "procedures_version",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("installed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.execute("GRANT SELECT ON procedures_version TO PUBLIC")
    op.execute(_NOTE_UNVERSIONED)


def downgrade() -> None:
    op.drop_table("procedures_version")
