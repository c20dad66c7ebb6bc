"""Parks messages: of locked accounts, and of debtors whose interest rate is unknown."""

import logging
from dataclasses import dataclass, field
from time import monotonic

from swpt_accounts.core.ids import ROOT_CREDITOR_ID
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import FIND_LOCKED_ACCOUNTS, FIND_UNKNOWN_DEBTORS_OF_NEW_ACCOUNTS
from swpt_accounts.inbox.batch import AccountKey, ReceivedMessage
from swpt_accounts.observability.events.messages import ACCOUNT_FREE, ACCOUNT_LOCKED
from swpt_accounts.peers.root_configs import AGE_MAX, RootConfigPoller
from swpt_accounts.settings import Settings
from swpt_accounts.smp.incoming import ConfigureAccount, PendingBalanceChange

logger = logging.getLogger(__name__)

# How often to try the messages that have failed to get a lock, though they alone were tried.
RETRY_SECONDS = 1.0
# A lock that is held for longer is logged.
QUIET_SECONDS = 10.0


@dataclass(slots=True)
class _Parked:
    """The messages of one account, in the order of their arrival."""

    since: float
    messages: list[ReceivedMessage] = field(default_factory=list)
    # when to try again; None: as soon as the account's row is free
    retry_at: float | None = None
    # whether what comes after a configuration waits with it
    parks_others: bool = True
    is_reported: bool = False

    def release_others(self) -> list[ReceivedMessage]:
        """Take out everything but the configurations, and park nothing else from now on."""
        others = [r for r in self.messages if not _is_configuration(r)]
        self.messages = [r for r in self.messages if _is_configuration(r)]
        self.parks_others = False
        return others


def _is_configuration(received: ReceivedMessage) -> bool:
    return isinstance(received.message, ConfigureAccount)


class LockedAccounts:
    """Parks the messages of accounts that another session has locked.

    Only a ConfigureAccount needs the lock. What comes after it for the same account waits with
    it, as long as no more than `count_max` messages are parked. Then only the configurations
    wait, and the others go on, in their order.
    """

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._parked: dict[AccountKey, _Parked] = {}

    @property
    def count(self) -> int:
        return sum(len(parked.messages) for parked in self._parked.values())

    def park(
        self, connection: DatabaseConnection, received: list[ReceivedMessage]
    ) -> list[ReceivedMessage]:
        """Park those of the messages whose accounts are locked. Returns the others, after those
        that are released. When it raises `psycopg.Error`, nothing has changed.
        """
        configured = {r.account for r in received if _is_configuration(r)}
        if not configured and not self._parked:
            return received
        contended = {key for key, parked in self._parked.items() if parked.retry_at is not None}
        asked = sorted((configured | self._parked.keys()) - contended)
        locked = contended | self._find_locked(connection, asked)
        free = [key for key in self._parked if key not in locked]
        others = [r for key in free for r in self._release(key)]
        for r in received:
            others += self._park(r) if r.account in locked else [r]
        self._report()
        return others

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

    def _park(self, received: ReceivedMessage) -> list[ReceivedMessage]:
        """Park a message, unless there is no room for it. Returns what is not parked."""
        parked = self._parked.setdefault(received.account, _Parked(since=monotonic()))
        if _is_configuration(received):
            parked.messages.append(received)
            return []
        if not parked.parks_others:
            return [received]
        if self.count >= self._count_max:
            return [*parked.release_others(), received]
        parked.messages.append(received)
        return []

    def _release(self, key: AccountKey) -> list[ReceivedMessage]:
        parked = self._parked.pop(key)
        if parked.is_reported:
            debtor_id, creditor_id = key
            ACCOUNT_FREE.log(
                logger,
                debtor_id=debtor_id,
                creditor_id=creditor_id,
                seconds=monotonic() - parked.since,
            )
        return parked.messages

    def park_contended(self, received: list[ReceivedMessage]) -> None:
        """Park messages that could not get a lock which `park` does not see: another session
        is opening the account, for instance. They are tried again alone.
        """
        for r in received:
            parked = self._parked.setdefault(r.account, _Parked(since=monotonic()))
            parked.messages.append(r)
            parked.retry_at = monotonic() + RETRY_SECONDS

    def release_contended(self) -> list[ReceivedMessage]:
        """Release the messages of an account that is to be tried again alone, if there is one."""
        now = monotonic()
        for key, parked in self._parked.items():
            if parked.retry_at is not None and parked.retry_at <= now:
                return self._parked.pop(key).messages
        return []

    def _report(self) -> None:
        """Log once for each account that its lock is held for long."""
        now = monotonic()
        for (debtor_id, creditor_id), parked in self._parked.items():
            if not parked.is_reported and now - parked.since > QUIET_SECONDS:
                parked.is_reported = True
                ACCOUNT_LOCKED.log(
                    logger,
                    count=len(parked.messages),
                    debtor_id=debtor_id,
                    creditor_id=creditor_id,
                    seconds=now - parked.since,
                )

    def clear(self) -> None:
        """Forget the messages: the broker will deliver them again."""
        self._parked.clear()


class UnknownRates:
    """Parks messages that open accounts whose debtors, in other shards, have to be asked about.

    They wait for an answer, or for the time limit of the fetch API. When `count_max` of
    them wait, those that follow do not: an account can also learn its interest rate later.
    """

    def __init__(self, settings: Settings, count_max: int) -> None:
        self._realm = settings.realm
        self._count_max = count_max
        self._poller = RootConfigPoller(settings)
        self._parked: dict[int, list[ReceivedMessage]] = {}

    @property
    def count(self) -> int:
        return sum(map(len, self._parked.values()))

    def park(
        self, connection: DatabaseConnection, received: list[ReceivedMessage]
    ) -> list[ReceivedMessage]:
        """Park those of the messages that have to wait. Returns the others, after those that are
        released. When it raises `psycopg.Error`, nothing has changed.
        """
        opening = [r for r in received if self._may_open_account(r)]
        if not opening and not self._parked:
            return received
        self._poller.collect(connection)
        awaited = self._poller.ask(self._find_unknown_debtors(connection, opening))
        released = self._release()
        others = [r for r in received if not (self._has_room() and self._try_to_park(r, awaited))]
        return released + others

    def _release(self) -> list[ReceivedMessage]:
        """The messages whose debtors are no longer asked about, whatever was learned."""
        over = [debtor_id for debtor_id in self._parked if not self._poller.is_asking(debtor_id)]
        return [received for debtor_id in over for received in self._parked.pop(debtor_id)]

    def _may_open_account(self, received: ReceivedMessage) -> bool:
        message = received.message
        return isinstance(
            message, ConfigureAccount | PendingBalanceChange
        ) and not self._realm.contains(message.debtor_id, ROOT_CREDITOR_ID)

    def _find_unknown_debtors(
        self, connection: DatabaseConnection, opening: list[ReceivedMessage]
    ) -> list[int]:
        if not opening:
            return []
        procedure = FIND_UNKNOWN_DEBTORS_OF_NEW_ACCOUNTS
        rows = connection.call_table(
            procedure,
            **procedure.arrays(r.message for r in opening),
            **self._realm.parameters,
            age_max=AGE_MAX,
        )
        return [row.debtor_id for row in rows]

    def _has_room(self) -> bool:
        return self.count < self._count_max

    def _try_to_park(self, received: ReceivedMessage, awaited: set[int]) -> bool:
        debtor_id = received.message.debtor_id
        is_parked = debtor_id in awaited and self._may_open_account(received)
        if is_parked:
            self._parked.setdefault(debtor_id, []).append(received)
        return is_parked

    def clear(self) -> None:
        """Forget the messages: the broker will deliver them again."""
        self._parked.clear()
        self._poller.close()
