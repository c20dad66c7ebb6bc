"""The thread that does chores."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.consumer import POLL_SECONDS, BatchConsumer, Delivery
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.outage_reporter import Backoff
from swpt_accounts.db.procedures import (
    CAPITALIZE_INTEREST,
    CHANGE_INTEREST_RATE,
    TRY_TO_DELETE_ACCOUNT,
    UPDATE_DEBTOR_INFO,
)
from swpt_accounts.observability.events.background import (
    CHORE_MALFORMED,
    CHORE_REFUSED,
    CHORE_TYPE_UNKNOWN,
    CHORES_DROPPED,
)
from swpt_accounts.observability.log.throttle import LogThrottle
from swpt_accounts.observability.metrics.definitions import CHORES
from swpt_accounts.observability.metrics.recorder import count, note_batch
from swpt_accounts.scans.chores import (
    CapitalizeInterest,
    ChangeInterestRate,
    Chore,
    TryToDeleteAccount,
    UnknownChoreType,
    UpdateDebtorInfo,
    decode_chore,
)
from swpt_accounts.settings import Settings
from swpt_accounts.smp.decoder import MalformedMessage
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.shutdown import ShutdownEvent

logger = logging.getLogger(__name__)

NAME = "consume_chore_messages"
# How long a chore waits for the lock of its account. After half an hour the broker would take it
# away, with the connection.
HELD_SECONDS_MAX = 300.0
_RETRY_SECONDS_MIN = 0.05
_RETRY_SECONDS_MAX = 1.0
UNKNOWN_TYPES_COUNT_MAX = 20
# What a chore can be dropped for. All other errors may pass, and no chore is to blame.
_ERRORS_OF_CHORES = (psycopg.DataError, psycopg.IntegrityError)

Account = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedChore:
    """A chore as it came from the queue."""

    delivery: Delivery
    chore: Chore
    received_at: float = field(default_factory=monotonic)

    @property
    def account(self) -> Account:
        return self.chore.debtor_id, self.chore.creditor_id


def do_chore(connection: DatabaseConnection, settings: Settings, chore: Chore) -> bool:
    """Do one chore. Returns false if another session has locked the account: nothing was done."""
    account = {"debtor_id": chore.debtor_id, "creditor_id": chore.creditor_id}
    realm = settings.realm.parameters
    is_done: bool
    match chore:
        case ChangeInterestRate():
            is_done = connection.call_value(
                CHANGE_INTEREST_RATE,
                **account,
                interest_rate=chore.interest_rate,
                ts=chore.ts,
                interval_min=settings.rate_change_interval,
            )
        case UpdateDebtorInfo():
            is_done = connection.call_value(
                UPDATE_DEBTOR_INFO,
                **account,
                iri=chore.debtor_info_iri,
                content_type=chore.debtor_info_content_type,
                sha256=chore.debtor_info_sha256,
                ts=chore.ts,
            )
        case CapitalizeInterest():
            interval = timedelta(days=settings.app_min_interest_capitalization_days)
            is_done = connection.call_value(
                CAPITALIZE_INTEREST, **account, interval_min=interval, **realm
            )
        case _:
            assert isinstance(chore, TryToDeleteAccount)
            is_done = connection.call_value(TRY_TO_DELETE_ACCOUNT, **account, **realm)
    return is_done


class ChoresWorker(DatabaseWorker):
    """Consumes chores: does a batch in one transaction, then acknowledges it.

    The chores of accounts that another session has locked wait beside the batches, and are tried
    again: at most half of what the broker delivers at once, so that others are always delivered.
    """

    broker_errors = (AMQPError,)

    def __init__(self, settings: Settings, shutdown: ShutdownEvent) -> None:
        super().__init__(settings, shutdown, NAME)
        self._held_count_max = settings.chores_broker_prefetch_count // 2
        self._held: list[ReceivedChore] = []
        self._unknown_types = LogThrottle(keys_max=UNKNOWN_TYPES_COUNT_MAX)

    def work(self, connection: DatabaseConnection) -> None:
        settings = self.settings
        # Those that were held come back with the new connection.
        self._held = []
        retry = Backoff(_RETRY_SECONDS_MIN, _RETRY_SECONDS_MAX)
        consumer = BatchConsumer(
            settings.chores_broker_url,
            settings.chores_broker_queue,
            NAME,
            prefetch_count=settings.chores_broker_prefetch_count,
            prefetch_size=settings.chores_broker_prefetch_size,
            shutdown=self.shutdown,
        )
        try:
            while not self.shutdown.is_requested():
                batch = consumer.next_batch(retry.next() if self._held else POLL_SECONDS)
                connection.wait(0)  # notices that the session was lost
                if batch or self._held:
                    started_at = monotonic()
                    consumer.finish(self._handle(connection, batch), [])
                    note_batch(NAME, len(batch), monotonic() - started_at)
                self.note_success()
                if not self._held:
                    retry.reset()
        finally:
            consumer.close()

    def _handle(self, connection: DatabaseConnection, batch: list[Delivery]) -> list[Delivery]:
        """Do what can be done now, and hold the rest. Returns what may be acknowledged."""
        deliveries = [*(task.delivery for task in self._held), *batch]
        tasks = [*self._held, *self._decode(batch)]
        # in the order of the accounts, and for each account in the order of arrival
        tasks.sort(key=lambda task: task.account)
        self._held = self._without_excess(self._do(connection, tasks, set()))
        held_tags = {task.delivery.tag for task in self._held}
        return [delivery for delivery in deliveries if delivery.tag not in held_tags]

    def _decode(self, batch: list[Delivery]) -> Iterable[ReceivedChore]:
        """The chores of a batch that are for accounts of this shard."""
        for delivery in batch:
            try:
                chore = decode_chore(delivery.properties.type, delivery.body)
            except UnknownChoreType as error:
                count(CHORES, 1, "dropped")
                # another version of the program may have posted many of them
                if self._unknown_types.allows(delivery.properties.type):
                    CHORE_TYPE_UNKNOWN.log(logger, problem=str(error))
            except MalformedMessage as error:
                count(CHORES, 1, "dropped")
                CHORE_MALFORMED.log(logger, problem=str(error))
            else:
                if self.settings.realm.contains(chore.debtor_id, chore.creditor_id):
                    yield ReceivedChore(delivery, chore)

    def _do(
        self, connection: DatabaseConnection, tasks: list[ReceivedChore], locked: set[Account]
    ) -> list[ReceivedChore]:
        """Do tasks, one that the database refuses alone. Returns those of `locked` accounts."""
        if not tasks:
            return []
        try:
            with connection.raw.transaction():
                return [task for task in tasks if not self._is_done(connection, task, locked)]
        except _ERRORS_OF_CHORES as error:
            if len(tasks) == 1:
                # A later scan posts again what is needed.
                count(CHORES, 1, "dropped")
                debtor_id, creditor_id = tasks[0].account
                CHORE_REFUSED.log(
                    logger,
                    chore=str(tasks[0].chore),
                    problem=str(error),
                    debtor_id=debtor_id,
                    creditor_id=creditor_id,
                )
                return []
            middle = len(tasks) // 2
            return [
                left
                for half in (tasks[:middle], tasks[middle:])
                for left in self._do(connection, half, locked)
            ]

    def _is_done(
        self, connection: DatabaseConnection, task: ReceivedChore, locked: set[Account]
    ) -> bool:
        if task.account not in locked and do_chore(connection, self.settings, task.chore):
            count(CHORES, 1, "done")
            return True
        # those behind it keep their places
        locked.add(task.account)
        return False

    def _without_excess(self, waiting: list[ReceivedChore]) -> list[ReceivedChore]:
        """The chores that continue to wait. A later scan posts the others again."""
        oldest_at = monotonic() - HELD_SECONDS_MAX
        held = [task for task in waiting if task.received_at > oldest_at]
        held.sort(key=lambda task: task.delivery.tag)
        held = held[: self._held_count_max]
        if dropped_count := len(waiting) - len(held):
            count(CHORES, dropped_count, "dropped")
            CHORES_DROPPED.log(logger, count=dropped_count)
        return held
