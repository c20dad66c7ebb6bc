"""The functions of which the rules are made, as the oracle and the database both have them."""

from abc import ABC, abstractmethod
from datetime import datetime
from decimal import Decimal

from . import ids, ledger, money
from .balance_changes import missed_interest
from .state import Account, BalanceChange


class Arithmetic(ABC):
    """Amounts are integers of 64 bits, rates annual percents, moments aware datetimes in UTC."""

    @abstractmethod
    def balance(
        self, now: datetime, principal: int, interest: Decimal, rate: float, since: datetime
    ) -> Decimal:
        """What a principal, and the interest that it had at the moment `since`, have become."""

    @abstractmethod
    def missed_interest(
        self, now: datetime, amount: int, committed_at: datetime, rate: float
    ) -> Decimal:
        """What an amount that arrives now would have earned at an old rate."""

    @abstractmethod
    def is_at_most(self, amount: int, number: float) -> bool:
        """Whether an amount is not greater than a number."""

    @abstractmethod
    def contain(self, amount: int) -> int:
        """The nearest amount that a principal can have."""

    @abstractmethod
    def seconds_between(self, start: datetime, end: datetime) -> Decimal:
        """The seconds from one moment to another one, 0 when that is earlier."""

    @abstractmethod
    def next_seqnum(self, seqnum: int) -> int:
        """The number, of 32 bits, after another one."""

    @abstractmethod
    def is_later_seqnum(self, seqnum: int, other: int) -> bool:
        """Whether the first number comes after the second one."""

    @abstractmethod
    def account_id(self, creditor_id: int) -> str:
        """The id of a creditor in messages."""

    @abstractmethod
    def same_agent(self, creditor_id: int, other: int) -> bool:
        """Whether two creditors have the same agent."""


class OracleArithmetic(Arithmetic):
    """What the oracle calculates with."""

    def balance(
        self, now: datetime, principal: int, interest: Decimal, rate: float, since: datetime
    ) -> Decimal:
        account = _open_account(since)
        account.principal, account.interest, account.interest_rate = principal, interest, rate
        return ledger.balance(account, now)

    def missed_interest(
        self, now: datetime, amount: int, committed_at: datetime, rate: float
    ) -> Decimal:
        account = _open_account(committed_at)
        account.previous_interest_rate = account.interest_rate = rate
        change = BalanceChange(1, 1, 2, None, amount, "direct", "", "", committed_at)
        return missed_interest(account, change, now)

    def is_at_most(self, amount: int, number: float) -> bool:
        return amount <= number

    def contain(self, amount: int) -> int:
        return money.contain(amount)

    def seconds_between(self, start: datetime, end: datetime) -> Decimal:
        return money.seconds_between(start, end)

    def next_seqnum(self, seqnum: int) -> int:
        return money.next_seqnum(seqnum)

    def is_later_seqnum(self, seqnum: int, other: int) -> bool:
        return money.is_later_seqnum(seqnum, other)

    def account_id(self, creditor_id: int) -> str:
        return ids.format_account_id(creditor_id)

    def same_agent(self, creditor_id: int, other: int) -> bool:
        return ids.have_same_agent(creditor_id, other)


def _open_account(ts: datetime) -> Account:
    return Account(
        debtor_id=1,
        creditor_id=1,
        creation_date=ts.date(),
        last_change_ts=ts,
        last_transfer_id=0,
        last_interest_capitalization_ts=ts,
        last_heartbeat_ts=ts,
    )
