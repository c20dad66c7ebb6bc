"""Drives the stored procedures of a database with the code, and the arguments, of the workers."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal

from swpt_accounts.audit.books import BookFinding, find_book_errors
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    SEND_DUE_ACCOUNT_UPDATES,
    SEND_PROMPT_ACCOUNT_UPDATES,
    TABLE_PAGES,
)
from swpt_accounts.inbox.batch import decode_batch
from swpt_accounts.inbox.commit import apply_messages
from swpt_accounts.outbox.tables import outbox_table, wire_cursor
from swpt_accounts.scans import accounts as accounts_scan
from swpt_accounts.scans.accounts import AccountsScan
from swpt_accounts.scans.chores import CHORE_TYPES, Chore, decode_chore, encode_chore
from swpt_accounts.scans.chores_poster import ChoresPoster
from swpt_accounts.scans.chores_worker import do_chore
from swpt_accounts.scans.pass_schedule import Step
from swpt_accounts.scans.transfers import PreparedTransfersScan, RegisteredBalanceChangesScan
from swpt_accounts.scans.worker import ScanWorker
from swpt_accounts.settings import Settings
from swpt_accounts.smp.outgoing import SIGNALS
from swpt_accounts.stages.worker import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
    Stage,
)
from swpt_accounts.workers.shutdown import ShutdownEvent
from verification.kit.arithmetic import call_function
from verification.kit.params import settings_with
from verification.kit.rows import StoredRows
from verification.kit.wire import make_delivery, read_struct
from verification.model.builders import DEBTOR, NOW
from verification.model.invariants import check_sums_and_locks
from verification.model.node import NOTHING, Row
from verification.model.state import Message, Params

BATCH_COUNT = 1000


class _CollectedChores(ChoresPoster):
    """Keeps the chores that a scan posts."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.chores: list[Chore] = []

    def post(self, chores: list[Chore]) -> None:
        self.chores += chores


class Shard(StoredRows):
    """One database. Its realm need not be the whole world."""

    def __init__(self, connection: DatabaseConnection, settings: Settings) -> None:
        super().__init__(connection)
        self.settings = settings
        self._signals = [outbox_table(name, settings) for name in SIGNALS]
        self._shutdown = ShutdownEvent()
        self.left_ids: list[int] = []

    # The circumstances

    def set_now(self, now: datetime | None) -> None:
        """Set the time of the stored procedures; None: the time of the clock."""
        value = "" if now is None else now.isoformat()
        self.connection.raw.execute("SELECT set_config('swpt_accounts.now', %s, false)", [value])

    def set_params(self, params: Params) -> None:
        self.settings = settings_with(self.settings, params)
        self._signals = [outbox_table(name, self.settings) for name in SIGNALS]

    # Incoming messages

    def receive(
        self, *messages: Message, is_redelivered: bool = False, is_repeated: bool = False
    ) -> None:
        """Receive a batch of messages."""
        deliveries = [make_delivery(m, is_redelivered=is_redelivered) for m in messages]
        received, refused = decode_batch(deliveries, self.settings.realm)
        assert refused == []
        apply_messages(self.connection, self.settings, received, is_repeated=is_repeated)

    def lock_account(self, creditor_id: int) -> None:
        """Lock an account until the end of the transaction."""
        self.connection.raw.execute(
            "SELECT FROM account WHERE debtor_id = %s AND creditor_id = %s FOR UPDATE",
            [DEBTOR, creditor_id],
        )

    # Stages

    def run_stage(
        self,
        stage: Stage,
        *,
        after_id: int = 0,
        count_max: int = BATCH_COUNT,
        left_ids: Iterable[int] = (),
    ) -> tuple[int, int, int | None]:
        """Work off a batch. Returns how many were taken, how many were seen, and the last id.

        What was left is in `left_ids`.
        """
        found = self.connection.call(
            stage.procedure,
            after_id=after_id,
            count_max=count_max,
            left_ids=list(left_ids),
            **stage.parameters(self.settings),
        )
        self.left_ids = found.left_ids
        return found.taken, found.seen, found.last_id

    def process_transfer_requests(self) -> None:
        self._finish_stage(TRANSFER_REQUESTS)

    def process_finalization_requests(self) -> None:
        self._finish_stage(FINALIZATION_REQUESTS)

    def process_balance_changes(self) -> None:
        self._finish_stage(BALANCE_CHANGES)

    def _finish_stage(self, stage: Stage) -> None:
        taken, seen, _ = self.run_stage(stage)
        assert taken <= seen < BATCH_COUNT
        assert self.run_stage(stage)[:2] == (0, 0)

    # Chores and scans

    def perform_chore(self, chore: Message) -> None:
        """Do a chore, after a journey through the queue. Nobody else has locked its account."""
        assert self.try_chore(chore)

    def try_chore(self, chore: Message) -> bool:
        """The same, unless somebody has. Returns whether it was done."""
        fields = {name: value for name, value in chore.items() if name != "type"}
        sent = CHORE_TYPES[chore["type"]](**fields)
        received = decode_chore(chore["type"], encode_chore(sent))
        return do_chore(self.connection, self.settings, received)

    def scan_accounts(self) -> list[Message]:
        scan = AccountsScan(self.settings, self._shutdown)
        scan._poster = poster = _CollectedChores(self.settings)
        with closing(scan):
            self._make_pass(scan, "account")
            scan.finish(self.connection)
        return [{"type": type(c).__name__, **asdict(c)} for c in poster.chores]

    def scan_prepared_transfers(self) -> None:
        scan = PreparedTransfersScan(self.settings, self._shutdown)
        self._make_pass(scan, "prepared_transfer")

    def scan_registered_balance_changes(self) -> None:
        scan = RegisteredBalanceChangesScan(self.settings, self._shutdown)
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

    def send_prompt_account_updates(self, *, count_max: int = accounts_scan.COUNT_MAX) -> int:
        count: int = self.connection.call_value(
            SEND_PROMPT_ACCOUNT_UPDATES,
            quiet_min=accounts_scan.QUIET_TIME,
            count_max=count_max,
            **self.settings.realm.parameters,
        )
        return count

    # Outgoing messages

    def take_messages(self) -> list[Message]:
        """Take all messages out of the outboxes, as a flusher does, in order for each type."""
        parameters = {"after_id": 0, "count_max": BATCH_COUNT}
        with self.connection.raw.pipeline():
            taken = [
                (signal, wire_cursor(self.connection.raw).execute(signal.take_query, parameters))
                for signal in self._signals
            ]
        return [
            read_struct(signal.message(row))
            for signal, cursor in taken
            for row in sorted(cursor.fetchall())
        ]

    def peek_messages(self) -> list[Message]:
        with self.connection.raw.transaction(force_rollback=True):
            return self.take_messages()

    # The books

    def check_books(
        self, received: Mapping[int, int] = NOTHING, cut: Mapping[int, int] = NOTHING
    ) -> None:
        """Raise as `Node.check_books` does, and when the accounts are not those with a key."""
        check_sums_and_locks(self, received, cut)
        keys = self.connection.raw.execute("SELECT debtor_id, creditor_id FROM account_key")
        account_keys = [(row["debtor_id"], row["creditor_id"]) for row in self.accounts()]
        assert sorted(keys.fetchall()) == account_keys
        # what operators see
        if not any(received.values()):
            assert self.find_book_errors() == []

    def find_book_errors(self, *, count_max: int = 100) -> list[BookFinding]:
        """What is wrong with the books, and whose books they are."""
        return find_book_errors(self.connection, self.settings.realm, count_max=count_max)

    def balance(self, account: Row, now: datetime) -> Decimal:
        """The principal of an account together with the interest, at a moment."""
        names = ("principal", "interest", "interest_rate", "last_change_ts")
        values = [account[name] for name in names]
        found: Decimal = call_function(self.connection, "balance_at", now, *values)
        return found


def empty_shard(connection: DatabaseConnection, settings: Settings) -> Shard:
    """A shard without a row, at the moment `NOW`."""
    made = Shard(connection, settings)
    made.clear()
    made.set_now(NOW)
    return made
