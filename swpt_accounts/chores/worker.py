"""The thread that does chores."""

import logging
from datetime import timedelta

import psycopg

from swpt_accounts.broker.consumer import BatchConsumer, Delivery
from swpt_accounts.db.connection import DatabaseConnection
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
    account = chore.debtor_id, chore.creditor_id
    realm = settings.realm.bits, settings.realm.length
    match chore:
        case ChangeInterestRate():
            interval = timedelta(days=settings.app_message_max_delay_days + 1)
            connection.call(
                "change_interest_rate_v1", *account, chore.interest_rate, chore.ts, interval
            )
        case UpdateDebtorInfo():
            connection.call(
                "update_debtor_info_v1",
                *account,
                chore.debtor_info_iri,
                chore.debtor_info_content_type,
                chore.debtor_info_sha256,
                chore.ts,
            )
        case CapitalizeInterest():
            interval = timedelta(days=settings.app_min_interest_capitalization_days)
            connection.call("capitalize_interest_v1", *account, interval, *realm)
        case TryToDeleteAccount():
            connection.call("try_to_delete_account_v1", *account, *realm)


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
