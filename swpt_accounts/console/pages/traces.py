"""Where a transfer is, what an account's journal has, and its statement."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

from flask import Blueprint, abort, render_template, request

from swpt_accounts.console.context import here
from swpt_accounts.core.timestamps import MIN_MOMENT
from swpt_accounts.inspection.lookup.journal import JournalFilter, read_journal
from swpt_accounts.inspection.lookup.models import (
    AccountKey,
    CoordinatorRequest,
    Trace,
    TransferKey,
)
from swpt_accounts.inspection.lookup.statements import read_statement
from swpt_accounts.inspection.lookup.traces import trace_by_coordinator, trace_by_transfer

traces = Blueprint("traces", __name__)

_PAGE_COUNT: Final = 100
_LINES_COUNT_MAX: Final = 500
_STATEMENT_DAYS: Final = 30
_TYPE = re.compile(r"[!-.0-~]{1,30}")
_AFTER = re.compile(r"([-0-9:.T+]{10,40})_([0-9]{1,18})")


@traces.get("/transfer/<int64:debtor_id>/<int64:creditor_id>/<int64:transfer_id>")
def transfer(debtor_id: int, creditor_id: int, transfer_id: int) -> str:
    with here().database.lookup() as reader:
        return _show(trace_by_transfer(reader, TransferKey(debtor_id, creditor_id, transfer_id)))


@traces.get("/request/<type_>/<int64:coordinator_id>/<int64:request_id>")
def by_request(type_: str, coordinator_id: int, request_id: int) -> str:
    if not _TYPE.fullmatch(type_):
        abort(404)
    with here().database.lookup() as reader:
        found = CoordinatorRequest(type_, coordinator_id, request_id)
        return _show(trace_by_coordinator(reader, found))


def _show(trace: Trace) -> str:
    return render_template("trace.html", trace=trace)


@traces.get("/account/<int64:debtor_id>/<int64:creditor_id>/journal")
def journal(debtor_id: int, creditor_id: int) -> str:
    """The messages about an account, a page at a time, the oldest first."""
    after = _after()
    key = AccountKey(debtor_id, creditor_id)
    with here().database.lookup() as reader:
        choice = JournalFilter(account=key)
        page = read_journal(reader, choice, after=after, count_max=_PAGE_COUNT)
    return render_template("journal.html", page=page, **_ids(key))


def _after() -> tuple[datetime, int] | None:
    text = request.args.get("after", "")
    if not text:
        return None
    found = _AFTER.fullmatch(text)
    try:
        moment = datetime.fromisoformat(found[1]) if found else MIN_MOMENT
    except ValueError:
        abort(404)
    if found is None or moment.tzinfo is None:
        abort(404)
    return moment, int(found[2])


@traces.get("/account/<int64:debtor_id>/<int64:creditor_id>/statement")
def statement(debtor_id: int, creditor_id: int) -> str:
    """What has changed an account, between two days."""
    key = AccountKey(debtor_id, creditor_id)
    today = datetime.now(UTC)
    since = _day("since", today - timedelta(days=_STATEMENT_DAYS))
    until = _day("until", today)
    if until < since:
        abort(400, "The last day cannot be before the first one.")
    with here().database.lookup() as reader:
        found = read_statement(
            reader, key, since, until + timedelta(days=1), count_max=_LINES_COUNT_MAX
        )
    days = {"first_day": since.date(), "last_day": until.date()}
    return render_template("statement.html", statement=found, **days, **_ids(key))


def _day(name: str, default: datetime) -> datetime:
    text = request.args.get(name, "")
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else default
    except ValueError:
        abort(400, f"“{text[:30]}” is not a day, such as {default.date().isoformat()}.")
    if not 1970 <= day.year <= 9998:
        abort(400, f"The year {day.year} is out of range.")
    return datetime.combine(day, time(), UTC)


def _ids(key: AccountKey) -> dict[str, int]:
    return {"debtor_id": key.debtor_id, "creditor_id": key.creditor_id}
