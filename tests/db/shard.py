"""Drives the stored procedures of a database with the code, and the arguments, of the workers."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from swpt_accounts.chores.posting import ChoresPoster
from swpt_accounts.chores.worker import do_chore
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.tables import Base
from swpt_accounts.inbox.batch import decode_batch
from swpt_accounts.inbox.effects import apply_messages
from swpt_accounts.outbox.tables import OutboxTable, outbox_table
from swpt_accounts.outbox.wire_values import wire_cursor
from swpt_accounts.scans.accounts import PROMPT_UPDATES_COUNT_MAX, QUIET_TIME, AccountsScan
from swpt_accounts.scans.prepared_transfers import PreparedTransfersScan
from swpt_accounts.scans.registered_balance_changes import RegisteredBalanceChangesScan
from swpt_accounts.scans.pacing import Step
from swpt_accounts.scans.worker import ScanWorker
from swpt_accounts.settings import Settings
from swpt_accounts.smp.chores import CHORE_TYPES, Chore, decode_chore, encode_chore
from swpt_accounts.smp.outgoing import SIGNALS
from swpt_accounts.stages.stages import CHANGING_BALANCES, FINALIZING, PREPARING, Stage
from swpt_accounts.stages.worker import BATCH_COUNT_MAX
from swpt_accounts.workers.stopping import Stop
from tests.db.wire import Message, make_delivery, read_struct

Row = dict[str, Any]

TABLES = tuple(table.name for table in Base.metadata.sorted_tables)
OUTBOXES = tuple(name for name in TABLES if name.endswith("_signal"))
# What a table's rows are called by those who wait for them.
TOPICS = {
    mapper.local_table.name: mapper.class_.__name__  # type: ignore[attr-defined]
    for mapper in Base.registry.mappers
}


class _CollectedChores(ChoresPoster):
    """Keeps the chores that a scan posts."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.chores: list[Chore] = []

    def post(self, chores: list[Chore]) -> None:
        self.chores += chores


class Shard:
    """One database. Each method makes one transaction at the moment that was set."""

    def __init__(self, connection: DatabaseConnection, settings: Settings) -> None:
        self.connection = connection
        self.settings = settings
        self._signals = [outbox_table(name, settings) for name in SIGNALS]
        self._stop = Stop()

    # The database

    def set_now(self, now: datetime | None) -> None:
        """Set the time of the stored procedures; None: the time of the clock."""
        value = "" if now is None else now.isoformat()
        self.connection.raw.execute("SELECT set_config('swpt_accounts.now', %s, false)", [value])

    def clear(self) -> None:
        """Remove all rows. Where there are few, that takes less time than TRUNCATE."""
        with self.connection.raw.pipeline():
            for table in TABLES:
                self.connection.raw.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))

    def rows(self, table: str) -> list[Row]:
        """All rows of a table, the oldest first where that can be told."""
        query = sql.SQL("SELECT * FROM {} ORDER BY 1, 2, 3").format(sql.Identifier(table))
        with self.connection.raw.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query).fetchall()

    def account(self, debtor_id: int, creditor_id: int) -> Row:
        """An account, which must exist."""
        with self.connection.raw.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(
                "SELECT * FROM account WHERE debtor_id = %s AND creditor_id = %s",
                [debtor_id, creditor_id],
            ).fetchone()
        assert row is not None, f"there is no account ({debtor_id}, {creditor_id})"
        return row

    def update_account(self, debtor_id: int, creditor_id: int, **columns: Any) -> None:
        """Change columns of an account, to bring it to a limit."""
        query = sql.SQL("UPDATE account SET {} WHERE debtor_id = %s AND creditor_id = %s").format(
            sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(c)) for c in columns)
        )
        parameters = [*columns.values(), debtor_id, creditor_id]
        assert self.connection.raw.execute(query, parameters).rowcount == 1

    # Incoming messages

    def receive(
        self, *messages: Message, is_redelivered: bool = False, is_repeated: bool = False
    ) -> None:
        """Receive a batch of messages."""
        deliveries = [make_delivery(m, is_redelivered=is_redelivered) for m in messages]
        received, refused = decode_batch(deliveries, self.settings.realm)
        assert refused == []
        apply_messages(self.connection, self.settings, received, is_repeated=is_repeated)

    # Stages

    def run_stage(
        self, stage: Stage, *, after_id: int = 0, count_max: int = BATCH_COUNT_MAX
    ) -> tuple[int, int, int | None]:
        """Work off a batch. Returns how many were taken, how many were seen, and the last id."""
        taken, seen, last_id = self.connection.call(
            stage.procedure, after_id, count_max, *stage.parameters(self.settings)
        )
        return taken, seen, last_id

    def process_transfer_requests(self) -> None:
        """Prepare all transfers that are requested."""
        self._finish_stage(PREPARING)

    def process_finalization_requests(self) -> None:
        """Finalize all transfers for which that is requested."""
        self._finish_stage(FINALIZING)

    def process_balance_changes(self) -> None:
        """Apply all pending balance changes."""
        self._finish_stage(CHANGING_BALANCES)

    def _finish_stage(self, stage: Stage) -> None:
        taken, seen, _ = self.run_stage(stage)
        assert taken <= seen < BATCH_COUNT_MAX
        assert self.run_stage(stage)[:2] == (0, 0)

    # Chores and scans

    def perform_chore(self, chore: Message) -> None:
        """Do a chore, after a journey through the queue."""
        fields = {name: value for name, value in chore.items() if name != "type"}
        sent = CHORE_TYPES[chore["type"]](**fields)
        do_chore(self.connection, self.settings, decode_chore(chore["type"], encode_chore(sent)))

    def scan_accounts(self) -> list[Message]:
        """One pass of the accounts. Returns the chores that it posts."""
        scan = AccountsScan(self.settings, self._stop, hours=1)
        scan._poster = poster = _CollectedChores(self.settings)
        self._make_pass(scan, "account")
        return [{"type": type(c).__name__, **asdict(c)} for c in poster.chores]

    def scan_prepared_transfers(self) -> None:
        """One pass of the prepared transfers."""
        scan = PreparedTransfersScan(self.settings, self._stop, days=1)
        self._make_pass(scan, "prepared_transfer")

    def scan_registered_balance_changes(self) -> None:
        """One pass of the archive of balance changes."""
        scan = RegisteredBalanceChangesScan(self.settings, self._stop, days=1)
        self._make_pass(scan, "registered_balance_change")

    def _make_pass(self, scan: ScanWorker, table: str) -> None:
        (pages_count,) = self.connection.call("table_pages_v1", table)
        # Rows that are updated may move to new pages before the step ends.
        scan.scan(self.connection, Step(0, pages_count + 1000, 0.0))

    def send_prompt_account_updates(self) -> int:
        """Send the updates that do not wait for the scan. Returns how many."""
        count: int
        (count,) = self.connection.call(
            "send_prompt_account_updates_v1", QUIET_TIME, PROMPT_UPDATES_COUNT_MAX
        )
        return count

    # Outgoing messages

    def take_messages(self) -> list[Message]:
        """Take all messages out of the outboxes, as a flusher does, in order for each type."""
        return [message for signal in self._signals for message in self._take(signal)]

    def _take(self, signal: OutboxTable) -> list[Message]:
        raw = self.connection.raw
        rows = (
            wire_cursor(raw)
            .execute(signal.take_query(raw), {"after_id": 0, "count_max": BATCH_COUNT_MAX})
            .fetchall()
        )
        return [read_struct(signal.message(row)) for row in sorted(rows)]
