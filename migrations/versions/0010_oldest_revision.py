"""The database says which earlier versions of the program may still work on its tables.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("procedures_version", sa.Column("oldest_revision", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("procedures_version", "oldest_revision")
