"""Parks messages until the interest rate of their currency is known."""

from swpt_accounts.core.ids import ROOT_CREDITOR_ID
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import FIND_UNKNOWN_DEBTORS_OF_NEW_ACCOUNTS
from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.peers.root_configs import AGE_MAX, RootConfigPoller
from swpt_accounts.settings import Settings
from swpt_accounts.smp.incoming import ConfigureAccount, PendingBalanceChange


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
