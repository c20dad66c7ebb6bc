"""The thread that does chores."""

import logging
from datetime import timedelta

import psycopg

from swpt_accounts.broker.consumer import BatchConsumer, Delivery
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    CAPITALIZE_INTEREST,
    CHANGE_INTEREST_RATE,
    TRY_TO_DELETE_ACCOUNT,
    UPDATE_DEBTOR_INFO,
)
from swpt_accounts.settings import Settings
from swpt_accounts.smp.chores import (
    CapitalizeInterest,
    ChangeInterestRate,
    Chore,
    TryToDeleteAccount,
    UpdateDebtorInfo,
    decode_chore,
)
from swpt_accounts.smp.decoding import MalformedMessage
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

NAME = "consume_chore_messages"


def decode_chores(batch: list[Delivery], settings: Settings) -> list[Chore]:
    """The chores of a batch that are for accounts of this shard, in the order of the accounts."""
    chores = []
    for delivery in batch:
        try:
            chore = decode_chore(delivery.properties.type, delivery.body)
        except MalformedMessage as error:
            logger.error("A malformed chore is dropped: %s", error)
            continue
        if settings.realm.contains(chore.debtor_id, chore.creditor_id):
            chores.append(chore)
    return sorted(chores, key=lambda c: (c.debtor_id, c.creditor_id))


def do_chore(connection: DatabaseConnection, settings: Settings, chore: Chore) -> None:
    """Do one chore."""
    account = {"debtor_id": chore.debtor_id, "creditor_id": chore.creditor_id}
    realm = settings.realm.parameters
    match chore:
        case ChangeInterestRate():
            connection.call(
                CHANGE_INTEREST_RATE,
                **account,
                interest_rate=chore.interest_rate,
                ts=chore.ts,
                interval_min=settings.rate_change_interval,
            )
        case UpdateDebtorInfo():
            connection.call(
                UPDATE_DEBTOR_INFO,
                **account,
                iri=chore.debtor_info_iri,
                content_type=chore.debtor_info_content_type,
                sha256=chore.debtor_info_sha256,
                ts=chore.ts,
            )
        case CapitalizeInterest():
            interval = timedelta(days=settings.app_min_interest_capitalization_days)
            connection.call(CAPITALIZE_INTEREST, **account, interval_min=interval, **realm)
        case TryToDeleteAccount():
            connection.call(TRY_TO_DELETE_ACCOUNT, **account, **realm)


class ChoresWorker(DatabaseWorker):
    """Consumes chores: does a batch in one transaction, then acknowledges it."""

    def __init__(self, settings: Settings, stop: Stop) -> None:
        super().__init__(settings, stop, NAME)

    def work(self, connection: DatabaseConnection) -> None:
        """Consume until the stop."""
        settings = self.settings
        consumer = BatchConsumer(
            settings.chores_broker_url,
            settings.chores_broker_queue,
            NAME,
            prefetch_count=settings.chores_broker_prefetch_count,
            prefetch_size=settings.chores_broker_prefetch_size,
            stop=self.stop,
        )
        try:
            while not self.stop.is_requested():
                if batch := consumer.next_batch():
                    self._do(connection, decode_chores(batch, settings))
                    consumer.finish(batch, [])
                    self.note_success()
        finally:
            consumer.close()

    def _do(self, connection: DatabaseConnection, chores: list[Chore]) -> None:
        try:
            with connection.raw.transaction():
                for chore in chores:
                    do_chore(connection, self.settings, chore)
        except psycopg.DataError as error:
            # A later scan posts again what is needed.
            logger.error("A batch of %d chores is dropped: %s", len(chores), error)
