"""Messages that wait, beside the batches, until another session lets go of their accounts."""

import logging
from dataclasses import dataclass, field
from time import monotonic

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import FIND_LOCKED_ACCOUNTS
from swpt_accounts.inbox.batch import AccountKey, ReceivedMessage
from swpt_accounts.observability.events.messages import ACCOUNT_FREE, ACCOUNT_LOCKED
from swpt_accounts.smp.incoming import ConfigureAccount

logger = logging.getLogger(__name__)

# How often to try the messages that have failed to get a lock, though they alone were tried.
RETRY_SECONDS = 1.0
# A lock that lasts for longer is told in the log.
QUIET_SECONDS = 10.0


@dataclass(slots=True)
class _Held:
    """The messages of one account, in the order of their arrival."""

    since: float
    messages: list[ReceivedMessage] = field(default_factory=list)
    # when to try again; None: as soon as the account's row is free
    retry_at: float | None = None
    # whether what comes after a configuration waits with it
    holds_others: bool = True
    is_told: bool = False

    def take_others(self) -> list[ReceivedMessage]:
        """Take out everything but the configurations, and hold nothing else from now on."""
        others = [r for r in self.messages if not _is_configuration(r)]
        self.messages = [r for r in self.messages if _is_configuration(r)]
        self.holds_others = False
        return others


def _is_configuration(received: ReceivedMessage) -> bool:
    return isinstance(received.message, ConfigureAccount)


class LockedAccounts:
    """Holds the messages of accounts that another session has locked.

    Only a ConfigureAccount needs the lock. What comes after it for the same account waits with
    it, as long as no more than `count_max` messages are held. Then only the configurations
    wait, and the others go on, in their order.
    """

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._held: dict[AccountKey, _Held] = {}

    @property
    def count(self) -> int:
        """How many messages are held."""
        return sum(len(held.messages) for held in self._held.values())

    def exchange(
        self, connection: DatabaseConnection, received: list[ReceivedMessage]
    ) -> list[ReceivedMessage]:
        """Hold those of the messages whose accounts are locked. Returns the others, after those
        whose accounts are free again. When it raises `psycopg.Error`, nothing has changed.
        """
        configured = {r.account for r in received if _is_configuration(r)}
        if not configured and not self._held:
            return received
        contended = {key for key, held in self._held.items() if held.retry_at is not None}
        asked = sorted((configured | self._held.keys()) - contended)
        locked = contended | self._find_locked(connection, asked)
        free = [key for key in self._held if key not in locked]
        going_on = [r for key in free for r in self._release(key)]
        for r in received:
            going_on += self._hold(r) if r.account in locked else [r]
        self._tell()
        return going_on

    def _find_locked(
        self, connection: DatabaseConnection, keys: list[AccountKey]
    ) -> set[AccountKey]:
        if not keys:
            return set()
        rows = connection.call_table(
            FIND_LOCKED_ACCOUNTS,
            debtor_id=[debtor_id for debtor_id, _ in keys],
            creditor_id=[creditor_id for _, creditor_id in keys],
        )
        return {(row.debtor_id, row.creditor_id) for row in rows}

    def _hold(self, received: ReceivedMessage) -> list[ReceivedMessage]:
        """Hold a message, unless there is no room for it. Returns what goes on."""
        held = self._held.setdefault(received.account, _Held(since=monotonic()))
        if _is_configuration(received):
            held.messages.append(received)
            return []
        if not held.holds_others:
            return [received]
        if self.count >= self._count_max:
            return [*held.take_others(), received]
        held.messages.append(received)
        return []

    def _release(self, key: AccountKey) -> list[ReceivedMessage]:
        held = self._held.pop(key)
        if held.is_told:
            debtor_id, creditor_id = key
            ACCOUNT_FREE.log(
                logger,
                debtor_id=debtor_id,
                creditor_id=creditor_id,
                seconds=monotonic() - held.since,
            )
        return held.messages

    def hold_contended(self, received: list[ReceivedMessage]) -> None:
        """Hold messages that could not get a lock which `exchange` does not see: another session
        is opening the account, for instance. They are tried again alone.
        """
        for r in received:
            held = self._held.setdefault(r.account, _Held(since=monotonic()))
            held.messages.append(r)
            held.retry_at = monotonic() + RETRY_SECONDS

    def take_contended(self) -> list[ReceivedMessage]:
        """Take out the messages of an account that is to be tried again alone, if there is one."""
        now = monotonic()
        for key, held in self._held.items():
            if held.retry_at is not None and held.retry_at <= now:
                return self._held.pop(key).messages
        return []

    def _tell(self) -> None:
        """Say once of each account that its lock lasts for long."""
        now = monotonic()
        for (debtor_id, creditor_id), held in self._held.items():
            if not held.is_told and now - held.since > QUIET_SECONDS:
                held.is_told = True
                ACCOUNT_LOCKED.log(
                    logger,
                    count=len(held.messages),
                    debtor_id=debtor_id,
                    creditor_id=creditor_id,
                    seconds=now - held.since,
                )

    def clear(self) -> None:
        """Forget the messages: the broker will deliver them again."""
        self._held.clear()
