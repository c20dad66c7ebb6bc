"""What no fault of the infrastructure may cost: order, dead letters, returned messages.

An index finds the earlier requests to finalize a transfer. Dead letters that were dealt with are
remembered. Returned messages wait in lines.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

READS = ("finalization_request", "returned_message")


def upgrade() -> None:
    op.create_index(
        "idx_finalization_request_transfer",
        "finalization_request",
        ["creditor_id", "debtor_id", "transfer_id"],
    )
    op.create_table(
        "dead_letter_dealt_with",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("stream_offset", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('replaying', 'replayed', 'discarded')"),
        sa.PrimaryKeyConstraint("queue", "stream_offset", "digest"),
    )
    _add_lines()


def _add_lines() -> None:
    # What is there already finds its line when it is tried again.
    op.add_column("returned_message", sa.Column("destination", sa.Text(), nullable=True))
    op.add_column(
        "returned_message",
        sa.Column(
            "put_aside_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    # The version before, which goes by the old one, does without as long as the table is short.
    op.drop_index("idx_returned_message_due", "returned_message")
    op.create_index(
        "idx_returned_message_due",
        "returned_message",
        ["next_attempt_at"],
        postgresql_where=sa.text("destination IS NULL"),
    )
    op.create_index(
        "idx_returned_message_line",
        "returned_message",
        ["destination", "signal_name", "id"],
        postgresql_where=sa.text("destination IS NOT NULL"),
    )
    op.create_table(
        "returned_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("signal_name", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("attempts_count", sa.Integer(), nullable=False),
        sa.Column("pause_seconds", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("sent_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("destination", "signal_name"),
    )
    op.create_index(
        "idx_returned_line_due",
        "returned_line",
        ["pause_seconds", "signal_name", "next_attempt_at"],
    )


def downgrade() -> None:
    op.drop_table("returned_line")
    op.drop_index("idx_returned_message_line", "returned_message")
    op.drop_index("idx_returned_message_due", "returned_message")
    op.create_index("idx_returned_message_due", "returned_message", ["next_attempt_at"])
    op.drop_column("returned_message", "put_aside_at")
    op.drop_column("returned_message", "destination")
    op.drop_table("dead_letter_dealt_with")
    op.drop_index("idx_finalization_request_transfer", "finalization_request")
