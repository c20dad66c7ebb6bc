"""Commits the effects of a batch of messages, in one transaction."""

import psycopg

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import NOTE_HANDLED
from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.inbox.bisection import Bisection, Outcome
from swpt_accounts.inbox.deduplication import without_handled
from swpt_accounts.inbox.handlers import (
    configure_accounts,
    receive_balance_changes,
    receive_finalization_requests,
    receive_transfer_requests,
)
from swpt_accounts.inbox.observers import stale_changes
from swpt_accounts.settings import Settings
from swpt_accounts.smp.incoming import PrepareTransfer
from swpt_accounts.workers.journal import record


def commit_batch(
    connection: DatabaseConnection,
    settings: Settings,
    received: list[ReceivedMessage],
    *,
    is_repeated: bool,
) -> Outcome:
    """Commit the effects of messages. Those that fail, fail alone.

    `is_repeated` says that this batch may have been committed before. When it raises
    `psycopg.Error`, which may be a `DatabaseAtFault`, no message is to blame, and the effects of
    some of them may have been committed.
    """

    def apply(messages: list[ReceivedMessage], is_repeated: bool) -> None:
        apply_messages(connection, settings, messages, is_repeated=is_repeated)

    try:
        apply(received, is_repeated)
    except psycopg.Error as error:
        return Bisection(connection, apply).run(received, error, is_repeated=is_repeated)
    return Outcome()


def apply_messages(
    connection: DatabaseConnection,
    settings: Settings,
    received: list[ReceivedMessage],
    *,
    is_repeated: bool,
) -> None:
    """Let messages take effect, in one transaction.

    Configurations come first: a transfer in the same batch may be meant for a new account. Only
    a second PrepareTransfer would have another effect; with a journal, all messages are counted.
    """
    has_journal = settings.journal_days > 0
    counted = received if has_journal else _preparations(received)
    new = without_handled(connection, counted, is_repeated=is_repeated)
    with connection.batch() as call:
        configure_accounts(call, settings, received)
        receive_finalization_requests(call, settings, received)
        receive_transfer_requests(call, settings, _preparations(new))
        if new:
            call(NOTE_HANDLED, digests=[r.digest for r in new])
        receive_balance_changes(call, settings, received)
        if has_journal and new:
            record(call, ((r.message, r.delivery.body) for r in new), is_sent=False)
    stale_changes.report(settings, received)


def _preparations(received: list[ReceivedMessage]) -> list[ReceivedMessage]:
    return [r for r in received if isinstance(r.message, PrepareTransfer)]
