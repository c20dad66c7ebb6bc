"""An account's statement, as its AccountTransfers in the journal and in the outbox tell."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from swpt_accounts.core.ids import ROOT_CREDITOR_ID
from swpt_accounts.core.timestamps import MIN_MOMENT
from swpt_accounts.inspection.lookup.journal import (
    JournalFilter,
    find_last_transfers,
    journal_extent,
    read_journal,
)
from swpt_accounts.inspection.lookup.models import AccountKey, JournalExtent, Statement
from swpt_accounts.inspection.lookup.session import LookupReader
from swpt_accounts.inspection.lookup.statement_lines import (
    KnownPrincipal,
    Number,
    StatedTransfer,
    make_lines,
)
from swpt_accounts.inspection.lookup.waiting_rows import find_account, find_waiting

LINES_COUNT_MAX: Final = 10_000
TRANSFER: Final = "AccountTransfer"
_PAGE_COUNT: Final = 1000
_WAITING: Final = ("account_transfer_signal", "returned_message")


def read_statement(
    reader: LookupReader,
    key: AccountKey,
    since: datetime,
    until: datetime,
    *,
    count_max: int = LINES_COUNT_MAX,
) -> Statement:
    """What has changed an account between two moments. Raises `psycopg.Error`.

    A transfer belongs to the moment at which it changed the principal (its `ts`). Where no message
    tells of a change, the difference between two principals is a line of its own.
    """
    found, is_cut = _read_transfers(reader, key, since, until, count_max)
    chosen = _within(found, since, until)
    account = find_account(reader, key)
    now = None
    if until > reader.taken_at and not is_cut:
        now = _known_now(account)
    before = _known_before(reader, key, since, [*found.values()], chosen)
    if before is None and not chosen and now is not None and now.at < since:
        before = now
    made = make_lines(before, chosen, now)
    closing = made.closing if made.closing is not None or now is None else now.principal
    return Statement(
        key,
        reader.taken_at.astimezone(UTC),
        since,
        until,
        made.opening.principal if made.opening else None,
        tuple(made.lines),
        closing,
        tuple(made.problems),
        (*made.gaps, *_gaps(key, account, journal_extent(reader), since), *_unread(reader)),
        is_cut,
    )


def _read_transfers(
    reader: LookupReader, key: AccountKey, since: datetime, until: datetime, count_max: int
) -> tuple[dict[Number, StatedTransfer], bool]:
    """The transfers that were noted from `since` on, and whether there are more of them.

    They are noted when they are sent: after they have changed the principal, sometimes long after.
    """
    found: dict[Number, StatedTransfer] = {}
    for stage in find_waiting(reader, key):
        if stage.place in _WAITING and "acquired_amount" in stage.fields:
            transfer = transfer_of(stage.fields)
            if transfer.at >= since:
                found[transfer.number] = transfer
    if key.creditor_id == ROOT_CREDITOR_ID:
        return found, False
    choice = JournalFilter(account=key, since=since, is_sent=True, message_types=(TRANSFER,))
    after = None
    while True:
        page = read_journal(reader, choice, after=after, count_max=_PAGE_COUNT)
        entries = [transfer_of(entry.message) for entry in page.entries]
        found |= {transfer.number: transfer for transfer in entries}
        after = page.next_after
        if after is None or all(transfer.at >= until for transfer in entries):
            return found, False
        if len(found) >= count_max:
            return found, True


def transfer_of(fields: Mapping[str, Any]) -> StatedTransfer:
    """The AccountTransfer of a message, or of a row in the outbox."""
    at = fields["ts"]
    return StatedTransfer(
        Number(str(fields["creation_date"]), fields["transfer_number"]),
        fields["previous_transfer_number"],
        fields["acquired_amount"],
        fields["principal"],
        at if isinstance(at, datetime) else datetime.fromisoformat(at),
        fields["coordinator_type"],
        fields["sender"],
        fields["recipient"],
        fields["transfer_note"],
    )


def _within(
    found: Mapping[Number, StatedTransfer], since: datetime, until: datetime
) -> list[StatedTransfer]:
    """Those between two moments, in order; without holes, for moments may be out of order."""
    numbers = [transfer.number for transfer in found.values() if since <= transfer.at < until]
    if not numbers:
        return []
    first, last = min(numbers), max(numbers)
    return [found[number] for number in sorted(found) if first <= number <= last]


def _known_now(account: Any) -> KnownPrincipal | None:
    if account is None:
        return None
    number = Number(account.creation_date.isoformat(), account.last_transfer_number)
    return KnownPrincipal(number, account.principal, account.last_change_ts.astimezone(UTC))


def _known_before(
    reader: LookupReader,
    key: AccountKey,
    since: datetime,
    found: list[StatedTransfer],
    chosen: list[StatedTransfer],
) -> KnownPrincipal | None:
    """The principal after the last transfer before the first one of the statement."""
    if key.creditor_id == ROOT_CREDITOR_ID:
        return None
    earlier = [transfer_of(entry.message) for entry in find_last_transfers(reader, key, since)]
    numbers: Iterator[StatedTransfer] = (
        transfer
        for transfer in [*earlier, *found]
        if (transfer.number < chosen[0].number if chosen else transfer.at < since)
    )
    last = max(numbers, key=lambda transfer: transfer.number, default=None)
    return KnownPrincipal(last.number, last.principal, last.at) if last else None


def _unread(reader: LookupReader) -> Iterator[str]:
    for unread in reader.unread.values():
        yield f"The table {unread.place} was not read completely: {unread.reason}."


def _gaps(key: AccountKey, account: Any, extent: JournalExtent, since: datetime) -> Iterator[str]:
    if not extent.is_on:
        yield "JOURNAL_DAYS is 0 for this command: only unsent messages may be known."
    if extent.first_at is None:
        yield "The journal is empty."
    elif extent.first_at > max(since, MIN_MOMENT):
        yield f"The journal begins at {extent.first_at.isoformat()}; earlier changes are unknown."
    if account is None:
        yield "The account does not exist in this database, or was purged."
    if key.creditor_id == ROOT_CREDITOR_ID:
        yield "A debtor's own account has no AccountTransfers."
