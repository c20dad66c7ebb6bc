"""Finds the messages for which a batch has failed, or finds that it was not for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import pika
import psycopg

from swpt_accounts.broker.consumer import Delivery
from swpt_accounts.core.ids import ROOT_CREDITOR_ID
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.errors import may_be_of_values, one_line
from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.smp.incoming import (
    ConfigureAccount,
    FinalizeTransfer,
    IncomingMessage,
    PendingBalanceChange,
    PrepareTransfer,
)

# When so many messages in a row cannot get a lock, all of them have to wait.
CONTENDED_COUNT_MAX: Final = 4
# So many different messages, and no other one among them, are not refused for what they say.
_REFUSED_COUNT_MAX: Final = 2
# An account that does not exist.
_DEBTOR_ID: Final = 3 * 2**60
_CREDITOR_ID: Final = 3 * 2**60
_DELIVERY: Final = Delivery(0, "", False, pika.BasicProperties(), b"")

Apply = Callable[[list[ReceivedMessage], bool], None]
"""Applies messages in one transaction; `True` if they may have been committed before."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The messages that have not taken effect: those that the database refuses, with the reasons,
    and those that could not get a lock.
    """

    refused: list[tuple[ReceivedMessage, str]] = field(default_factory=list)
    contended: list[ReceivedMessage] = field(default_factory=list)


class DatabaseAtFault(psycopg.OperationalError):
    """The database refuses messages for which it has no reason. They have to wait."""


class Bisection:
    """Applies a batch that has failed by halves, until each message that fails, fails alone."""

    def __init__(self, connection: DatabaseConnection, apply: Apply) -> None:
        self._connection = connection
        self._apply = apply

    def run(
        self, received: list[ReceivedMessage], error: psycopg.Error, *, is_repeated: bool
    ) -> Outcome:
        """Apply messages, which have failed together with this error.

        When it raises `psycopg.Error`, which may be a `DatabaseAtFault`, no message is to blame,
        and the effects of some of them may have been committed.
        """
        outcome = self._split(received, error, is_repeated=is_repeated)
        refused = outcome.refused
        if not refused:
            return outcome
        digests = {r.digest for r, _ in refused}
        if len(digests) > _REFUSED_COUNT_MAX and len(refused) == len(received):
            reason = refused[-1][1]
            raise DatabaseAtFault(
                f"it refuses {len(refused)} different messages, one after the other: {reason}"
            )
        self._try_legal_messages([r.message for r, _ in refused])
        # What was at fault may have been repaired before the legal messages were tried.
        again = [self._try([r], is_repeated=True) for r, _ in refused]
        return Outcome(
            refused=[pair for o in again for pair in o.refused],
            contended=[*outcome.contended, *(r for o in again for r in o.contended)],
        )

    def _try(self, received: list[ReceivedMessage], *, is_repeated: bool) -> Outcome:
        try:
            self._apply(received, is_repeated)
        except psycopg.Error as error:
            return self._split(received, error, is_repeated=is_repeated)
        return Outcome()

    def _split(
        self, received: list[ReceivedMessage], error: psycopg.Error, *, is_repeated: bool
    ) -> Outcome:
        is_contended = isinstance(error, psycopg.errors.LockNotAvailable)
        if not is_contended and not may_be_of_values(error):
            raise error
        if len(received) == 1:
            if is_contended:
                return Outcome(contended=received)
            return Outcome(refused=[(received[0], one_line(error))])
        middle = len(received) // 2
        first = self._try(received[:middle], is_repeated=is_repeated)
        if is_contended and len(first.contended) >= CONTENDED_COUNT_MAX:
            raise error
        second = self._try(received[middle:], is_repeated=is_repeated)
        return Outcome(first.refused + second.refused, first.contended + second.contended)

    def _try_legal_messages(self, refused: list[IncomingMessage]) -> None:
        """Apply legal messages of the same kinds, and undo it. Raises `DatabaseAtFault` if they
        are refused as well.
        """
        now = datetime.now(UTC)
        legal = {_legal_message(message, now) for message in refused}
        try:
            with self._connection.raw.transaction(force_rollback=True):
                self._apply([ReceivedMessage(_DELIVERY, message) for message in legal], False)
        except psycopg.Error as error:
            if not may_be_of_values(error):
                raise
            raise DatabaseAtFault(f"it refuses legal messages, too: {one_line(error)}") from error


def _legal_message(refused: IncomingMessage, now: datetime) -> IncomingMessage:
    """A message of the same type, which goes the same way, and in which all is plain."""
    match refused:
        case ConfigureAccount():
            creditor_id = refused.creditor_id and _CREDITOR_ID
            return ConfigureAccount(_DEBTOR_ID, creditor_id, 0.0, 0, "", now, 0)
        case PrepareTransfer():
            return PrepareTransfer(
                debtor_id=refused.debtor_id,  # with the recipient it decides the way
                creditor_id=_CREDITOR_ID,
                coordinator_type="direct",
                coordinator_id=_CREDITOR_ID,
                coordinator_request_id=1,
                min_locked_amount=0,
                max_locked_amount=0,
                recipient=refused.recipient,
                final_interest_rate_ts=now,
                max_commit_delay=0,
                ts=now,
            )
        case FinalizeTransfer():
            return FinalizeTransfer(
                debtor_id=_DEBTOR_ID,
                creditor_id=_CREDITOR_ID,
                transfer_id=1,
                coordinator_type="direct",
                coordinator_id=_CREDITOR_ID,
                coordinator_request_id=1,
                committed_amount=0,
                transfer_note="",
                transfer_note_format="",
                ts=now,
            )
        case PendingBalanceChange():
            return PendingBalanceChange(
                debtor_id=_DEBTOR_ID,
                creditor_id=_CREDITOR_ID,
                other_creditor_id=ROOT_CREDITOR_ID,
                change_id=1,
                coordinator_type="direct",
                transfer_note_format="",
                transfer_note="",
                committed_at=now,
                principal_delta=1,
            )
