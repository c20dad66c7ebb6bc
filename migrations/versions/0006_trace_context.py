"""A place for the trace context of a message, where it waits.

Workers of the version before go on, and leave it empty.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# In the order in which most transactions come by, so that these need not wait for one another.
TABLES = (
    *("finalization_request", "unverified_transfer_request", "transfer_request"),
    *("pending_balance_change", "returned_message"),
    *("rejected_transfer_signal", "prepared_transfer_signal", "finalized_transfer_signal"),
    *("account_transfer_signal", "pending_balance_change_signal"),
)


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("trace_context", sa.Text(), nullable=True))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_column(table, "trace_context")
