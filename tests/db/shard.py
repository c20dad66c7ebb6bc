"""Drives the stored procedures of a database with the code, and the arguments, of the workers."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from swpt_accounts.chores.posting import ChoresPoster
from swpt_accounts.chores.worker import do_chore
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    FIND_BOOK_ERRORS,
    SEND_DUE_ACCOUNT_UPDATES,
    SEND_PROMPT_ACCOUNT_UPDATES,
    TABLE_PAGES,
)
from swpt_accounts.db.tables import Base
from swpt_accounts.inbox.batch import decode_batch
from swpt_accounts.inbox.effects import apply_messages
from swpt_accounts.outbox.tables import OutboxTable, outbox_table
from swpt_accounts.outbox.wire_values import wire_cursor
from swpt_accounts.scans import prompt_updates
from swpt_accounts.scans.accounts import AccountsScan
from swpt_accounts.scans.pacing import Step
from swpt_accounts.scans.prepared_transfers import PreparedTransfersScan
from swpt_accounts.scans.registered_balance_changes import RegisteredBalanceChangesScan
from swpt_accounts.scans.worker import ScanWorker
from swpt_accounts.settings import Settings
from swpt_accounts.smp.chores import CHORE_TYPES, Chore, decode_chore, encode_chore
from swpt_accounts.smp.outgoing import SIGNALS
from swpt_accounts.stages.stages import CHANGING_BALANCES, FINALIZING, PREPARING, Stage
from swpt_accounts.workers.stopping import Stop
from tests.db.params import settings_with
from tests.db.wire import make_delivery, read_struct
from tests.model.books_invariants import check_sums_and_locks
from tests.model.builders import NOW
from tests.model.ids import ROOT_CREDITOR_ID
from tests.model.node import NOTHING, Node, Row
from tests.model.state import Message, Params
from tests.support.database import call_function

BATCH_COUNT = 1000
TABLES = tuple(table.name for table in Base.metadata.sorted_tables)
_IDENTIFYING_FIELDS = (
    *("debtor_id", "creditor_id", "transfer_id"),
    *("coordinator_type", "coordinator_id", "coordinator_request_id"),
)
# What installs the procedures, nobody else changes.
CHANGING_TABLES = tuple(name for name in TABLES if name != "procedures_version")
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


class Shard(Node):
    """One database. Its realm need not be the whole world."""

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

    def set_params(self, params: Params) -> None:
        self.settings = settings_with(self.settings, params)
        self._signals = [outbox_table(name, self.settings) for name in SIGNALS]

    def clear(self) -> None:
        """Remove all rows. Where there are few, that takes less time than TRUNCATE."""
        with self.connection.raw.pipeline():
            for table in CHANGING_TABLES:
                self.connection.raw.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))

    def rows(self, table: str) -> list[Row]:
        """All rows of a table, the oldest first where that can be told."""
        query = sql.SQL("SELECT * FROM {} ORDER BY 1, 2, 3").format(sql.Identifier(table))
        with self.connection.raw.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query).fetchall()

    def account(self, debtor_id: int, creditor_id: int) -> Row:
        with self.connection.raw.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(
                "SELECT * FROM account WHERE debtor_id = %s AND creditor_id = %s",
                [debtor_id, creditor_id],
            ).fetchone()
        assert row is not None, f"there is no account ({debtor_id}, {creditor_id})"
        return row

    def update_account(self, debtor_id: int, creditor_id: int, **columns: Any) -> None:
        query = sql.SQL("UPDATE account SET {} WHERE debtor_id = %s AND creditor_id = %s").format(
            sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(c)) for c in columns)
        )
        parameters = [*columns.values(), debtor_id, creditor_id]
        assert self.connection.raw.execute(query, parameters).rowcount == 1

    def remove_account(self, debtor_id: int, creditor_id: int) -> None:
        for table in ("account_key", "account"):
            query = sql.SQL("DELETE FROM {} WHERE debtor_id = %s AND creditor_id = %s").format(
                sql.Identifier(table)
            )
            assert self.connection.raw.execute(query, [debtor_id, creditor_id]).rowcount == 1
        if creditor_id == ROOT_CREDITOR_ID:
            self.connection.raw.execute("DELETE FROM root_config WHERE debtor_id = %s", [debtor_id])

    # What is remembered

    def accounts(self) -> list[Row]:
        return self.rows("account")

    def prepared_transfers(self) -> list[Row]:
        return self.rows("prepared_transfer")

    def transfer_requests(self) -> list[Row]:
        return [_without(row, "id") for row in self.rows("transfer_request")]

    def finalization_requests(self) -> list[Row]:
        """The database keeps later requests for the same transfer until they are processed."""
        return _first_of_each(_without(row, "id") for row in self.rows("finalization_request"))

    def pending_changes(self) -> list[Row]:
        return [_pending_change(row) for row in self.rows("pending_balance_change")]

    def registered_changes(self) -> list[Row]:
        return self.rows("registered_balance_change")

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
        self, stage: Stage, *, after_id: int = 0, count_max: int = BATCH_COUNT
    ) -> tuple[int, int, int | None]:
        """Work off a batch. Returns how many were taken, how many were seen, and the last id."""
        found = self.connection.call(
            stage.procedure,
            after_id=after_id,
            count_max=count_max,
            **stage.parameters(self.settings),
        )
        return found.taken, found.seen, found.last_id

    def process_transfer_requests(self) -> None:
        self._finish_stage(PREPARING)

    def process_finalization_requests(self) -> None:
        self._finish_stage(FINALIZING)

    def process_balance_changes(self) -> None:
        self._finish_stage(CHANGING_BALANCES)

    def _finish_stage(self, stage: Stage) -> None:
        taken, seen, _ = self.run_stage(stage)
        assert taken <= seen < BATCH_COUNT
        assert self.run_stage(stage)[:2] == (0, 0)

    # Chores and scans

    def perform_chore(self, chore: Message) -> None:
        """Do a chore, after a journey through the queue."""
        fields = {name: value for name, value in chore.items() if name != "type"}
        sent = CHORE_TYPES[chore["type"]](**fields)
        do_chore(self.connection, self.settings, decode_chore(chore["type"], encode_chore(sent)))

    def scan_accounts(self) -> list[Message]:
        scan = AccountsScan(self.settings, self._stop, hours=1)
        scan._poster = poster = _CollectedChores(self.settings)
        try:
            self._make_pass(scan, "account")
        finally:
            scan.close()
        return [{"type": type(c).__name__, **asdict(c)} for c in poster.chores]

    def scan_prepared_transfers(self) -> None:
        scan = PreparedTransfersScan(self.settings, self._stop, days=1)
        self._make_pass(scan, "prepared_transfer")

    def scan_registered_balance_changes(self) -> None:
        scan = RegisteredBalanceChangesScan(self.settings, self._stop, days=1)
        self._make_pass(scan, "registered_balance_change")

    def _make_pass(self, scan: ScanWorker, table: str) -> None:
        # Rows that are updated may move to new pages before the step ends.
        scan.scan(self.connection, Step(0, self.pages_count(table) + 1000, 0.0))

    def pages_count(self, table: str) -> int:
        """How many pages a table has."""
        count: int = self.connection.call_value(TABLE_PAGES, table=table)
        return count

    def send_due_account_updates(self, first_page: int, end_page: int, age: timedelta) -> None:
        """Send updates of the accounts on some pages, if the last ones are older than that."""
        self.connection.call(
            SEND_DUE_ACCOUNT_UPDATES,
            first_page=first_page,
            end_page=end_page,
            heartbeat=age,
            **self.settings.realm.parameters,
        )

    def send_prompt_account_updates(self, *, count_max: int = prompt_updates.COUNT_MAX) -> int:
        count: int = self.connection.call_value(
            SEND_PROMPT_ACCOUNT_UPDATES,
            quiet_min=prompt_updates.QUIET_TIME,
            count_max=count_max,
            **self.settings.realm.parameters,
        )
        return count

    # Outgoing messages

    def take_messages(self) -> list[Message]:
        """Take all messages out of the outboxes, as a flusher does, in order for each type."""
        return [message for signal in self._signals for message in self._take(signal)]

    def peek_messages(self) -> list[Message]:
        with self.connection.raw.transaction(force_rollback=True):
            return self.take_messages()

    def _take(self, signal: OutboxTable) -> list[Message]:
        raw = self.connection.raw
        rows = (
            wire_cursor(raw)
            .execute(signal.take_query(raw), {"after_id": 0, "count_max": BATCH_COUNT})
            .fetchall()
        )
        return [read_struct(signal.message(row)) for row in sorted(rows)]

    # The books

    def check_books(
        self, received: Mapping[int, int] = NOTHING, cut: Mapping[int, int] = NOTHING
    ) -> None:
        """Raise as `Node.check_books` does, and when the accounts are not those with a key."""
        check_sums_and_locks(self, received, cut)
        keys = self.connection.raw.execute("SELECT debtor_id, creditor_id FROM account_key")
        account_keys = [(row["debtor_id"], row["creditor_id"]) for row in self.accounts()]
        assert sorted(keys.fetchall()) == account_keys
        # what operators are told
        if not any(received.values()):
            assert self.find_book_errors() == []

    def find_book_errors(self, *, count_max: int = 100) -> list[tuple[int, int | None, str]]:
        """What is wrong with the books, and whose books they are."""
        return self.connection.call_table(
            FIND_BOOK_ERRORS, **self.settings.realm.parameters, count_max=count_max
        )

    def balance(self, account: Row, now: datetime) -> Decimal:
        """The principal of an account together with the interest, at a moment."""
        balance: Decimal = call_function(
            self.connection,
            "balance_at",
            now,
            account["principal"],
            account["interest"],
            account["interest_rate"],
            account["last_change_ts"],
        )
        return balance


def empty_shard(connection: DatabaseConnection, settings: Settings) -> Shard:
    """A shard without a row, at the moment `NOW`."""
    made = Shard(connection, settings)
    made.clear()
    made.set_now(NOW)
    return made


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def _first_of_each(rows: Iterable[Row]) -> list[Row]:
    firsts: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        firsts.setdefault(tuple(row[name] for name in _IDENTIFYING_FIELDS), row)
    return list(firsts.values())


def _pending_change(row: Row) -> Row:
    """A change that was made here has a number in the database, yet none in the oracle."""
    change = _without(row, "id", "is_registered")
    return change if row["is_registered"] else {**change, "change_id": None}
