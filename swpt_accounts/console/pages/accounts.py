"""Currencies and accounts."""

from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, render_template

from swpt_accounts.console.context import here
from swpt_accounts.console.database import ConsoleSnapshot, TooSlow
from swpt_accounts.inspection.lookup.models import AccountKey
from swpt_accounts.inspection.lookup.traces import trace_account

accounts = Blueprint("accounts", __name__)

# When a whole currency takes too long, so many of its accounts are looked at.
_SOME_COUNT: Final = 50_000
_ALL_COUNT: Final = 1 << 40
# Of more accounts nobody waits for the sums of all.
_SUMMED_COUNT_MAX: Final = 100_000
# The last ones; the journal has all.
_STAGES_COUNT_MAX: Final = 20


@dataclass(frozen=True)
class Sums:
    """Of a currency's accounts: of all of them, or of some."""

    of_all: bool
    totals: Any
    biggest: list[Any]


def _sums(debtor_id: int, *, of_all: bool) -> Sums:
    count_max = _ALL_COUNT if of_all else _SOME_COUNT
    with here().database.snapshot() as snapshot:
        return Sums(
            of_all,
            snapshot.row("sum_accounts", debtor_id=debtor_id, count_max=count_max),
            snapshot.rows("biggest_accounts", debtor_id=debtor_id, count_max=count_max),
        )


def _sums_within_limits(debtor_id: int, accounts_count: int) -> Sums:
    if accounts_count <= _SUMMED_COUNT_MAX:
        try:
            return _sums(debtor_id, of_all=True)
        except TooSlow:
            pass
    return _sums(debtor_id, of_all=False)


@accounts.get("/currencies")
def currencies() -> str:
    with here().database.snapshot() as snapshot:
        return render_template("currencies.html", debtors=snapshot.rows("some_debtors"))


@accounts.get("/debtor/<int64:debtor_id>")
def debtor(debtor_id: int) -> str:
    with here().database.snapshot() as snapshot:
        root = _account(snapshot, debtor_id, 0)
        config = snapshot.row("root_config", debtor_id=debtor_id)
        count = snapshot.row("count_accounts", debtor_id=debtor_id).count
        some = snapshot.rows("some_accounts", debtor_id=debtor_id)
    return render_template(
        "debtor.html",
        debtor_id=debtor_id,
        root=root,
        root_is_here=here().settings.realm.contains(debtor_id, 0),
        config=config,
        count=count,
        count_max=_SUMMED_COUNT_MAX,
        some=some,
        sums=_sums_within_limits(debtor_id, count) if count else None,
    )


@accounts.get("/account/<int64:debtor_id>/<int64:creditor_id>")
def account(debtor_id: int, creditor_id: int) -> str:
    with here().database.snapshot() as snapshot:
        found = _account(snapshot, debtor_id, creditor_id)
        ids = {"debtor_id": debtor_id, "creditor_id": creditor_id}
        locks = snapshot.rows("prepared_transfers", **ids) if found else []
    with here().database.lookup() as reader:
        trace = trace_account(reader, AccountKey(debtor_id, creditor_id))
    return render_template(
        "account.html",
        debtor_id=debtor_id,
        creditor_id=creditor_id,
        account=found,
        is_here=here().settings.realm.contains(debtor_id, creditor_id),
        locks=locks[:50],
        has_more_locks=len(locks) > 50,
        trace=trace,
        stages=trace.stages[-_STAGES_COUNT_MAX:],
    )


def _account(snapshot: ConsoleSnapshot, debtor_id: int, creditor_id: int) -> Any:
    return snapshot.row("account", debtor_id=debtor_id, creditor_id=creditor_id)
