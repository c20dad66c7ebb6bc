"""What the oracle calculates with, by the names that the functions have in SQL."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from . import ids, ledger, money
from .balance_changes import missed_interest
from .state import Account, BalanceChange

Arithmetic = Callable[..., Any]
"""A function that calls one of these, or of those in SQL, by its name."""


def call_oracle(name: str, *arguments: Any) -> Any:
    return _FUNCTIONS[name](*arguments)


def _balance(
    now: datetime, principal: int, interest: Decimal, rate: float, since: datetime
) -> Decimal:
    account = _open_account(since)
    account.principal, account.interest, account.interest_rate = principal, interest, rate
    return ledger.balance(account, now)


def _missed_interest(
    now: datetime,
    amount: int,
    committed_at: datetime,
    previous_rate: float,
    rate: float,
    changed_at: datetime,
) -> Decimal:
    account = _open_account(committed_at)
    account.previous_interest_rate, account.interest_rate = previous_rate, rate
    account.last_interest_rate_change_ts = changed_at
    change = BalanceChange(1, 1, 2, None, amount, "direct", "", "", committed_at)
    return missed_interest(account, change, now)


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


_FUNCTIONS: Final[dict[str, Arithmetic]] = {
    "balance_at": _balance,
    "missed_interest": _missed_interest,
    "is_at_most": lambda amount, number: amount <= number,
    "contain_principal": money.contain,
    "seconds_between": money.seconds_between,
    "next_seqnum": money.next_seqnum,
    "is_later_seqnum": money.is_later_seqnum,
    "account_id": ids.format_account_id,
    "same_agent": ids.have_same_agent,
}
