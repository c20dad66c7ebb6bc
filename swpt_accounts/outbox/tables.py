"""The outbox tables, and how their rows become messages."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from psycopg import Connection, Cursor, sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from swpt_accounts.db.queries import fill_query
from swpt_accounts.settings import Settings
from swpt_accounts.smp.outgoing import (
    SIGNALS,
    AccountTransfer,
    AccountUpdate,
    FinalizedTransfer,
    OutgoingMessage,
    PendingBalanceChange,
    PreparedTransfer,
    RejectedTransfer,
    outbox_name,
)

OUTBOX_NAMES: Final = tuple(SIGNALS)
"""The names by which operators know the outboxes."""

SENT_TYPES: Final = tuple(message_type.__name__ for message_type in SIGNALS.values())
"""The types of the messages in them."""

# Each of them is the outcome of one message.
_TRACED = (
    *(RejectedTransfer, PreparedTransfer, FinalizedTransfer),
    *(AccountTransfer, PendingBalanceChange),
)


@dataclass(frozen=True)
class OutboxTable:
    """An outbox table: `name` is its name for operators, and the topic that wakes it up."""

    name: str
    message_type: type[OutgoingMessage]
    burst_count: int
    # fields that are not columns, but depend on the settings
    constants: dict[str, int]
    # whether the trace context is read, too
    is_traced: bool = False

    @property
    def table(self) -> str:
        return outbox_name(self.name)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table, in the order of the fields of the message."""
        fields = self.message_type.__struct_fields__
        return fields[: fields.index("ts") + 1]

    @property
    def _read_columns(self) -> tuple[str, ...]:
        return ("trace_context", *self.columns) if self.is_traced else self.columns

    @cached_property
    def take_query(self) -> bytes:
        """The statement that takes rows out of the table."""
        return fill_query(
            "take_signals",
            table=sql.Identifier(self.table),
            columns=sql.SQL(", ").join(sql.Identifier("s", c) for c in self._read_columns),
        )

    def take(
        self, connection: Connection[Any], *, after_id: int, count_max: int
    ) -> list[tuple[Any, ...]]:
        """Take rows out of the table, in the order of their ids. Each ends with its `ts`."""
        parameters = {"after_id": after_id, "count_max": count_max}
        rows = wire_cursor(connection).execute(self.take_query, parameters).fetchall()
        rows.sort(key=lambda row: row[0])
        return rows

    def message(self, row: tuple[Any, ...]) -> OutgoingMessage:
        """The message of a row: its id, then its columns."""
        build: Callable[..., OutgoingMessage] = self.message_type
        fields = row[2:] if self.is_traced else row[1:]
        return build(*fields, **self.constants)

    def trace_context(self, row: tuple[Any, ...]) -> str | None:
        """The trace context of a row, if that is read."""
        return row[1] if self.is_traced else None


_BURST_COUNTS: dict[str, Callable[[Settings], int]] = {
    "RejectedTransferSignal": lambda s: s.app_flush_rejected_transfers_burst_count,
    "PreparedTransferSignal": lambda s: s.app_flush_prepared_transfers_burst_count,
    "FinalizedTransferSignal": lambda s: s.app_flush_finalized_transfers_burst_count,
    "AccountTransferSignal": lambda s: s.app_flush_account_transfers_burst_count,
    "AccountUpdateSignal": lambda s: s.app_flush_account_updates_burst_count,
    "AccountPurgeSignal": lambda s: s.app_flush_account_purges_burst_count,
    "RejectedConfigSignal": lambda s: s.app_flush_rejected_configs_burst_count,
    "PendingBalanceChangeSignal": lambda s: s.app_flush_pending_balance_changes_burst_count,
}


def _seconds(days: float) -> int:
    return int(timedelta(days=days).total_seconds())


def outbox_table(name: str, settings: Settings) -> OutboxTable:
    """The outbox of this name. Raises `KeyError` if there is none."""
    message_type = SIGNALS[name]
    constants = {}
    if message_type is AccountUpdate:
        constants = {
            "commit_period": _seconds(settings.app_prepared_transfer_max_delay_days),
            "ttl": _seconds(settings.app_message_max_delay_days),
        }
    is_traced = settings.app_opentelemetry and message_type in _TRACED
    burst_count = _BURST_COUNTS[name](settings)
    return OutboxTable(name, message_type, burst_count, constants, is_traced)


class _TimestampLoader(Loader):
    """`2024-05-20 13:15:09.12+00` becomes `2024-05-20T13:15:09.120000+00:00`.

    Six decimals or none: many readers accept no other forms.
    """

    def load(self, data: Buffer) -> str:
        text = bytes(data).decode("ascii")
        assert text.endswith("+00"), f"{text!r} is not in UTC"
        seconds, _, fraction = text[:-3].partition(".")
        decimals = f".{fraction:0<6}" if fraction else ""
        return f"{seconds[:10]}T{seconds[11:]}{decimals}+00:00"


class _TextLoader(Loader):
    """Leaves the value as PostgreSQL writes it."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8")


class _HexLoader(Loader):
    """`\\x0a0b` becomes `0A0B`."""

    def load(self, data: Buffer) -> str:
        return bytes(data)[2:].decode("ascii").upper()


def wire_cursor(connection: Connection[Any]) -> Cursor[tuple[Any, ...]]:
    """A cursor whose timestamps, dates and bytes are text in the form of the protocol."""
    cursor = connection.cursor()
    cursor.adapters.register_loader("timestamptz", _TimestampLoader)
    cursor.adapters.register_loader("date", _TextLoader)
    cursor.adapters.register_loader("bytea", _HexLoader)
    return cursor
