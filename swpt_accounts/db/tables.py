"""The tables. Only the schema is described here: what happens to the rows is in `sql/`.

Every queue and every outbox has an `id` that grows, so that work is found in the order in
which it came.
"""

from datetime import date, datetime
from typing import Annotated, Any

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

CreditorId = Annotated[int, mapped_column(sa.BigInteger)]
Int64 = Annotated[int, mapped_column(sa.BigInteger)]
Int64Key = Annotated[int, mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)]
Int32 = Annotated[int, mapped_column(sa.Integer)]
Float64 = Annotated[float, mapped_column(pg.DOUBLE_PRECISION)]
Timestamp = Annotated[datetime, mapped_column(sa.TIMESTAMP(timezone=True))]
Text = Annotated[str, mapped_column(sa.Text)]
Bytes = Annotated[bytes, mapped_column(pg.BYTEA)]
RowId = Annotated[int, mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)]

# Rows come and go: vacuum by the number of dead rows, whatever the size of the table.
QUEUE_STORAGE = {
    "autovacuum_vacuum_threshold": 20000,
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_insert_threshold": -1,
    "autovacuum_vacuum_cost_delay": 0,
}


JOURNAL_SLOTS_COUNT = 32


class Base(DeclarativeBase):
    """The base of all tables."""


db = SQLAlchemy(model_class=Base)

# A part of the numbers of balance changes: see `next_change_id` in sql/ids.sql.
change_id_seq = sa.Sequence("change_id_seq", metadata=Base.metadata)


def _default(value: str) -> Any:
    return mapped_column(server_default=sa.text(value))


class ProceduresVersion(Base):
    """The versions of the stored procedures that are installed, each in a schema of its own.

    `revision` is the migration for whose tables they were written.
    """

    __tablename__ = "procedures_version"

    version: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    revision: Mapped[Text]
    installed_at: Mapped[Timestamp]
    oldest_revision: Mapped[Text | None]


class AccountKey(Base):
    """The accounts that exist; their rows never change.

    This is where an account is unique. With a unique index on `account` itself, PostgreSQL would
    visit all versions of a row, dead ones too, whenever the row is changed.
    """

    __tablename__ = "account_key"

    debtor_id: Mapped[Int64Key]
    creditor_id: Mapped[Int64Key]


class Account(Base):
    """An account: what the debtor owes to the creditor (SMP, "The world")."""

    __tablename__ = "account"
    __table_args__: Any = (
        # read backwards, from the newest version: see decision 12
        sa.Index(
            "idx_account_key",
            "debtor_id",
            "creditor_id",
            postgresql_with={"deduplicate_items": "off"},
        ),
        sa.CheckConstraint("principal > -9223372036854775808"),
        sa.CheckConstraint("total_locked_amount >= 0"),
        sa.CheckConstraint("pending_transfers_count >= 0"),
        sa.CheckConstraint("interest_rate BETWEEN -50 AND 100"),
        sa.CheckConstraint("previous_interest_rate BETWEEN -50 AND 100"),
        sa.CheckConstraint("negligible_amount >= 0"),
        sa.CheckConstraint("minimal_balance <= 0"),
        sa.CheckConstraint("last_transfer_number >= 0"),
        sa.Index(
            "idx_account_pending_update",
            "last_heartbeat_ts",
            postgresql_where=sa.text("pending_account_update"),
        ),
        {
            "postgresql_with": {
                "fillfactor": 50,
                "autovacuum_vacuum_scale_factor": 0.05,
                "autovacuum_vacuum_cost_delay": 0,
            }
        },
    )

    debtor_id: Mapped[Int64]
    creditor_id: Mapped[CreditorId]
    __mapper_args__: Any = {"primary_key": ["debtor_id", "creditor_id"]}
    creation_date: Mapped[date]
    last_change_ts: Mapped[Timestamp]
    last_change_seqnum: Mapped[Int32] = _default("0")
    principal: Mapped[Int64] = _default("0")
    interest: Mapped[Any] = mapped_column(sa.Numeric, nullable=False, server_default=sa.text("0"))
    interest_rate: Mapped[Float64] = _default("0")
    previous_interest_rate: Mapped[Float64] = _default("0")
    last_interest_rate_change_ts: Mapped[Timestamp] = _default("'1970-01-01 00:00:00+00'")
    last_interest_capitalization_ts: Mapped[Timestamp]
    last_config_ts: Mapped[Timestamp] = _default("'1970-01-01 00:00:00+00'")
    last_config_seqnum: Mapped[Int32] = _default("0")
    negligible_amount: Mapped[Float64] = _default("0")
    config_flags: Mapped[Int32] = _default("0")
    # bit 0: deleted; bit 1: overflown
    status_flags: Mapped[Int32] = _default("0")
    # 0, or -min(limit, negligible_amount) for the debtor's own account
    minimal_balance: Mapped[Int64] = _default("0")
    total_locked_amount: Mapped[Int64] = _default("0")
    pending_transfers_count: Mapped[Int32] = _default("0")
    last_transfer_id: Mapped[Int64]
    last_transfer_number: Mapped[Int64] = _default("0")
    last_transfer_committed_at: Mapped[Timestamp] = _default("'1970-01-01 00:00:00+00'")
    pending_account_update: Mapped[bool] = _default("false")
    last_heartbeat_ts: Mapped[Timestamp] = _default("'1970-01-01 00:00:00+00'")
    last_deletion_attempt_ts: Mapped[Timestamp] = _default("'1970-01-01 00:00:00+00'")
    config_data: Mapped[Text] = _default("''")
    debtor_info_iri: Mapped[Text] = _default("''")
    debtor_info_content_type: Mapped[Text] = _default("''")
    debtor_info_sha256: Mapped[Bytes] = _default("''")


class RootConfig(Base):
    """What a debtor's RootConfigData says to its creditors' accounts.

    `fetched_at` is NULL for debtors whose own account is in this shard.
    """

    __tablename__ = "root_config"

    debtor_id: Mapped[Int64Key]
    interest_rate: Mapped[Float64]
    info_iri: Mapped[Text | None]
    info_content_type: Mapped[Text | None]
    info_sha256: Mapped[Bytes | None]
    fetched_at: Mapped[Timestamp | None]


class PreparedTransfer(Base):
    """A transfer that waits to be finalized; its amount is locked on the sender's account."""

    __tablename__ = "prepared_transfer"
    __table_args__: Any = (
        sa.CheckConstraint("locked_amount >= 0"),
        {"postgresql_with": {"autovacuum_vacuum_cost_delay": 0}},
    )

    debtor_id: Mapped[Int64Key]
    creditor_id: Mapped[Int64Key]
    transfer_id: Mapped[Int64Key]
    coordinator_type: Mapped[Text]
    coordinator_id: Mapped[Int64]
    coordinator_request_id: Mapped[Int64]
    locked_amount: Mapped[Int64]
    recipient_creditor_id: Mapped[CreditorId]
    prepared_at: Mapped[Timestamp]
    demurrage_rate: Mapped[Float64]
    deadline: Mapped[Timestamp]
    final_interest_rate_ts: Mapped[Timestamp]
    last_reminder_ts: Mapped[Timestamp | None]


class RegisteredBalanceChange(Base):
    """The archive of the balance changes received from other shards."""

    __tablename__ = "registered_balance_change"

    debtor_id: Mapped[Int64Key]
    other_creditor_id: Mapped[Int64Key]
    change_id: Mapped[Int64Key]
    committed_at: Mapped[Timestamp]
    is_applied: Mapped[bool] = _default("false")


class _Queue:
    __table_args__: Any = ({"postgresql_with": QUEUE_STORAGE},)

    id: Mapped[RowId] = mapped_column(sort_order=-3)


class _Account:
    debtor_id: Mapped[Int64] = mapped_column(sort_order=-2)
    creditor_id: Mapped[Int64] = mapped_column(sort_order=-2)


class _Coordinator:
    coordinator_type: Mapped[Text] = mapped_column(sort_order=-1)
    coordinator_id: Mapped[Int64] = mapped_column(sort_order=-1)
    coordinator_request_id: Mapped[Int64] = mapped_column(sort_order=-1)


class _Traced:
    # see sql/trace_context.sql; NULL where nothing is traced
    trace_context: Mapped[Text | None] = mapped_column(sort_order=1)


class _TransferRequest(_Queue, _Account, _Coordinator, _Traced):
    min_locked_amount: Mapped[Int64]
    max_locked_amount: Mapped[Int64]
    recipient_creditor_id: Mapped[CreditorId]
    final_interest_rate_ts: Mapped[Timestamp]
    deadline: Mapped[Timestamp]


class TransferRequest(_TransferRequest, Base):
    """A PrepareTransfer whose recipient is known to accept transfers."""

    __tablename__ = "transfer_request"

    received_at: Mapped[Timestamp] = _default("now()")


class UnverifiedTransferRequest(_TransferRequest, Base):
    """A PrepareTransfer whose recipient is in another shard, which has not answered yet."""

    __tablename__ = "unverified_transfer_request"
    __table_args__: Any = (
        sa.Index("idx_unverified_transfer_request_due", "next_attempt_at"),
        {"postgresql_with": QUEUE_STORAGE},
    )

    received_at: Mapped[Timestamp]
    next_attempt_at: Mapped[Timestamp]
    attempts_count: Mapped[Int32] = _default("0")
    unasked_seconds: Mapped[Float64] = _default("0")


class FinalizationRequest(_Queue, _Account, _Coordinator, _Traced, Base):
    __tablename__ = "finalization_request"
    __table_args__: Any = (
        # Where earlier requests for a transfer are found. The creditor comes first, so that the
        # planner does not use it to sort by accounts.
        sa.Index("idx_finalization_request_transfer", "creditor_id", "debtor_id", "transfer_id"),
        {"postgresql_with": QUEUE_STORAGE},
    )

    transfer_id: Mapped[Int64]
    committed_amount: Mapped[Int64]
    transfer_note: Mapped[Text]
    transfer_note_format: Mapped[Text]
    received_at: Mapped[Timestamp] = _default("now()")


class PendingBalanceChange(_Queue, _Account, _Traced, Base):
    """A change of the principal of an account of this shard, yet to be applied.

    `is_registered` says that it came from another shard, and is in the archive.
    """

    __tablename__ = "pending_balance_change"

    other_creditor_id: Mapped[CreditorId]
    change_id: Mapped[Int64]
    principal_delta: Mapped[Int64]
    coordinator_type: Mapped[Text]
    transfer_note: Mapped[Text]
    transfer_note_format: Mapped[Text]
    committed_at: Mapped[Timestamp]
    is_registered: Mapped[bool] = _default("false")


class HandledBatch(_Queue, Base):
    """The digests of PrepareTransfer messages that were handled together, kept for a while.

    They distinguish a message that the broker delivers again, because its acknowledgement was
    lost after the commit, from a new one.
    """

    __tablename__ = "handled_batch"

    handled_at: Mapped[Timestamp]
    digests: Mapped[list[bytes]] = mapped_column(pg.ARRAY(pg.BYTEA))


class ReturnedMessage(_Queue, _Traced, Base):
    """An outgoing message that the broker did not take, to be sent again later.

    It waits in the line of its type and `destination`. The version of the program before knows no
    lines: its rows have no destination, and `next_attempt_at` is for them.
    """

    __tablename__ = "returned_message"
    __table_args__: Any = (
        sa.Index(
            "idx_returned_message_due",
            "next_attempt_at",
            postgresql_where=sa.text("destination IS NULL"),
        ),
        sa.Index(
            "idx_returned_message_line",
            "destination",
            "signal_name",
            "id",
            postgresql_where=sa.text("destination IS NOT NULL"),
        ),
        {"postgresql_with": QUEUE_STORAGE},
    )

    signal_name: Mapped[Text]
    body: Mapped[Bytes]
    reason: Mapped[Text]
    attempts_count: Mapped[Int32] = _default("1")
    next_attempt_at: Mapped[Timestamp]
    destination: Mapped[Text | None]
    put_aside_at: Mapped[Timestamp] = _default("now()")


class ReturnedLine(_Queue, Base):
    """The back-off of the returned messages of one type for one destination.

    A line has no attempts behind it, and no pause, while the destination takes its messages.
    """

    __tablename__ = "returned_line"
    __table_args__: Any = (
        sa.UniqueConstraint("destination", "signal_name"),
        sa.Index("idx_returned_line_due", "pause_seconds", "signal_name", "next_attempt_at"),
    )

    signal_name: Mapped[Text]
    destination: Mapped[Text]
    attempts_count: Mapped[Int32]
    pause_seconds: Mapped[Int32]
    next_attempt_at: Mapped[Timestamp]
    sent_count: Mapped[Int64] = _default("0")


class DeadLetterDealtWith(Base):
    """A dead letter that an operator has dealt with; it stays in its queue.

    `stream_offset` is -1 where that queue is no stream.
    """

    __tablename__ = "dead_letter_dealt_with"
    __table_args__: Any = (sa.CheckConstraint("state IN ('replaying', 'replayed', 'discarded')"),)

    queue: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    stream_offset: Mapped[Int64Key]
    digest: Mapped[bytes] = mapped_column(pg.BYTEA, primary_key=True)
    state: Mapped[Text]
    changed_at: Mapped[Timestamp]


class ScanPass(Base):
    """How far the last pass of a scan is over the pages of its table, and when one was complete.

    `pass_seconds` is how long it is to take, `late_seconds` how far it is behind that pace.
    """

    __tablename__ = "scan_pass"

    scan: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    began_at: Mapped[Timestamp]
    noted_at: Mapped[Timestamp]
    done_count: Mapped[Int64]
    pages_count: Mapped[Int64]
    pass_seconds: Mapped[Float64]
    late_seconds: Mapped[Float64]
    completed_at: Mapped[Timestamp | None]


class OlderSenders(Base):
    """Until when balance changes of any sender are taken, and why."""

    __tablename__ = "older_senders"
    __table_args__ = (sa.CheckConstraint("cause IN ('upgrade', 'move')"),)

    cause: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    taken_until: Mapped[Timestamp]


class ShardRealm(Base):
    """The realm of the shard whose database this is: one row, none before the first start."""

    __tablename__ = "shard"

    realm: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    noted_at: Mapped[Timestamp]


class Move(Base):
    """The database was taken over from the reference ("in"), or given back ("out").

    `pages_count` are the pages of the reference's archive, of which `pages_copied` have been copied
    beside the work; with `is_copied`, it is needed no more. `reference_schema` is where the
    reference's own programs look for its tables.
    """

    __tablename__ = "move"
    __table_args__: Any = (sa.CheckConstraint("direction IN ('in', 'out')"),)

    id: Mapped[RowId]
    direction: Mapped[Text]
    moved_at: Mapped[Timestamp]
    reference_schema: Mapped[Text]
    pages_count: Mapped[Int64]
    pages_copied: Mapped[Int64] = _default("0")
    is_copied: Mapped[bool] = _default("false")


class MoveProof(Base):
    """What was counted and added up in a move, before and after: both amounts are equal.

    Without a debtor, it is about all of them.
    """

    __tablename__ = "move_proof"

    id: Mapped[RowId]
    move_id: Mapped[Int64]
    subject: Mapped[Text]
    debtor_id: Mapped[Int64 | None] = mapped_column(sa.BigInteger)
    before_amount: Mapped[Any] = mapped_column(sa.Numeric, nullable=True)
    after_amount: Mapped[Any] = mapped_column(sa.Numeric, nullable=True)


class Journal(Base):
    """A message that was received or sent, noted in the transaction of its effect.

    Each partition is for one of 32 days, and is emptied as a whole.
    """

    __tablename__ = "journal"
    __table_args__: Any = (
        sa.Index("idx_journal_account", "debtor_id", "creditor_id", "recorded_at"),
        sa.Index(
            "idx_journal_coordinator",
            "coordinator_id",
            "coordinator_request_id",
            postgresql_where=sa.text("coordinator_request_id IS NOT NULL"),
        ),
        sa.Index(
            "idx_journal_transfer",
            "creditor_id",
            "transfer_id",
            "debtor_id",
            postgresql_where=sa.text("transfer_id IS NOT NULL"),
        ),
        {"postgresql_partition_by": "LIST (slot)"},
    )

    slot: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True, autoincrement=False)
    id: Mapped[RowId]
    recorded_at: Mapped[Timestamp]
    is_sent: Mapped[bool]
    message_type: Mapped[Text]
    debtor_id: Mapped[Int64]
    creditor_id: Mapped[Int64]
    coordinator_type: Mapped[Text | None]
    coordinator_id: Mapped[Int64 | None]
    coordinator_request_id: Mapped[Int64 | None]
    transfer_id: Mapped[Int64 | None]
    body: Mapped[Bytes]


for _slot in range(JOURNAL_SLOTS_COUNT):
    sa.event.listen(
        Journal.__table__,
        "after_create",
        sa.DDL(  # type: ignore[no-untyped-call] # sqlalchemy's constructor has no types
            f"CREATE TABLE journal_{_slot:02} PARTITION OF journal FOR VALUES IN ({_slot})"
            " WITH (autovacuum_vacuum_insert_threshold = -1)"
        ),
    )


class Signal(_Queue, _Account):
    """An outbox table. Its columns are the fields of the message, as they go out."""

    @declared_attr.directive
    def __tablename__(cls: Any) -> str:
        words = "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__)
        return words.removeprefix("_")


class RejectedConfigSignal(Signal, Base):
    config_ts: Mapped[Timestamp]
    config_seqnum: Mapped[Int32]
    config_flags: Mapped[Int32]
    config_data: Mapped[Text]
    negligible_amount: Mapped[Float64]
    rejection_code: Mapped[Text]
    ts: Mapped[Timestamp]


class RejectedTransferSignal(Signal, _Coordinator, _Traced, Base):
    status_code: Mapped[Text]
    total_locked_amount: Mapped[Int64]
    ts: Mapped[Timestamp]


class PreparedTransferSignal(Signal, _Coordinator, _Traced, Base):
    transfer_id: Mapped[Int64]
    locked_amount: Mapped[Int64]
    recipient: Mapped[Text]
    prepared_at: Mapped[Timestamp]
    demurrage_rate: Mapped[Float64]
    deadline: Mapped[Timestamp]
    final_interest_rate_ts: Mapped[Timestamp]
    ts: Mapped[Timestamp]


class FinalizedTransferSignal(Signal, _Coordinator, _Traced, Base):
    transfer_id: Mapped[Int64]
    committed_amount: Mapped[Int64]
    status_code: Mapped[Text]
    total_locked_amount: Mapped[Int64]
    prepared_at: Mapped[Timestamp]
    ts: Mapped[Timestamp]


class AccountTransferSignal(Signal, _Traced, Base):
    creation_date: Mapped[date]
    transfer_number: Mapped[Int64]
    coordinator_type: Mapped[Text]
    sender: Mapped[Text]
    recipient: Mapped[Text]
    acquired_amount: Mapped[Int64]
    transfer_note: Mapped[Text]
    transfer_note_format: Mapped[Text]
    committed_at: Mapped[Timestamp]
    principal: Mapped[Int64]
    previous_transfer_number: Mapped[Int64]
    ts: Mapped[Timestamp]


class AccountUpdateSignal(Signal, Base):
    creation_date: Mapped[date]
    last_change_ts: Mapped[Timestamp]
    last_change_seqnum: Mapped[Int32]
    principal: Mapped[Int64]
    interest: Mapped[Float64]
    interest_rate: Mapped[Float64]
    last_interest_rate_change_ts: Mapped[Timestamp]
    last_config_ts: Mapped[Timestamp]
    last_config_seqnum: Mapped[Int32]
    negligible_amount: Mapped[Float64]
    config_flags: Mapped[Int32]
    config_data: Mapped[Text]
    account_id: Mapped[Text]
    debtor_info_iri: Mapped[Text]
    debtor_info_content_type: Mapped[Text]
    debtor_info_sha256: Mapped[Bytes]
    last_transfer_number: Mapped[Int64]
    last_transfer_committed_at: Mapped[Timestamp]
    ts: Mapped[Timestamp]


class AccountPurgeSignal(Signal, Base):
    creation_date: Mapped[date]
    ts: Mapped[Timestamp]


class PendingBalanceChangeSignal(Signal, _Traced, Base):
    other_creditor_id: Mapped[CreditorId]
    change_id: Mapped[Int64]
    coordinator_type: Mapped[Text]
    transfer_note_format: Mapped[Text]
    transfer_note: Mapped[Text]
    committed_at: Mapped[Timestamp]
    principal_delta: Mapped[Int64]
    ts: Mapped[Timestamp]
