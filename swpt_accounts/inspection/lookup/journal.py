"""What the journal has of a transfer, of an account, of a time span."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from swpt_accounts.core.timestamps import MAX_MOMENT, MIN_MOMENT
from swpt_accounts.inspection.lookup.models import (
    AccountKey,
    JournalEntry,
    JournalExtent,
    JournalPage,
    TraceStage,
    words,
)
from swpt_accounts.inspection.lookup.session import ROWS_COUNT_MAX, LookupReader

PLACE: Final = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFilter:
    """Which messages about an account: those for which all that is given is true."""

    account: AccountKey
    since: datetime = MIN_MOMENT
    until: datetime = MAX_MOMENT
    is_sent: bool | None = None
    message_types: tuple[str, ...] = ()


def read_journal(
    reader: LookupReader,
    choice: JournalFilter,
    *,
    after: tuple[datetime, int] | None = None,
    count_max: int = ROWS_COUNT_MAX,
) -> JournalPage:
    """The chosen messages, the oldest first, at most `count_max`: those after `after`.

    Raises `psycopg.Error`, also where there are so many that it takes too long.
    """
    after_at, after_id = after or (MIN_MOMENT, 0)
    rows = reader.rows(
        PLACE,
        "rows",
        {"condition": "condition:account_page"},
        debtor_id=choice.account.debtor_id,
        creditor_id=choice.account.creditor_id,
        since=choice.since,
        until=choice.until,
        after_at=after_at,
        after_id=after_id,
        is_sent=choice.is_sent,
        types=list(choice.message_types) or None,
        count_max=count_max + 1,
    )
    entries = tuple(entry_of(row) for row in rows[:count_max])
    next_after = None
    if len(rows) > count_max:
        next_after = entries[-1].recorded_at, entries[-1].id
    return JournalPage(entries, next_after, journal_extent(reader))


def journal_extent(reader: LookupReader) -> JournalExtent:
    """From when to when the journal has messages."""
    rows = [row for row in reader.rows(PLACE, "extent") if row.first_at is not None]
    return JournalExtent(
        reader.settings.journal_days,
        min((row.first_at for row in rows), default=None),
        max((row.last_at for row in rows), default=None),
    )


def entry_of(row: Any) -> JournalEntry:
    return JournalEntry(
        row.id,
        row.recorded_at.astimezone(UTC),
        row.is_sent,
        row.message_type,
        row.debtor_id,
        row.creditor_id,
        row.body,
        msgspec.json.decode(row.body),
    )


def stage_of(entry: JournalEntry) -> TraceStage:
    """The stage that a message is of."""
    return TraceStage(
        f"{entry.message_type} {'sent' if entry.is_sent else 'received'}",
        entry.recorded_at,
        words(entry.message_type, entry.message),
        PLACE,
        fields=entry.message,
    )


def find_entries(reader: LookupReader, condition: str, **parameters: Any) -> list[JournalEntry]:
    """The first messages that fulfil a condition of sql/journal.sql."""
    parts = {"condition": f"condition:{condition}"}
    rows = reader.try_rows(PLACE, PLACE, "rows", parts, **parameters)
    return [entry_of(row) for row in rows]


def find_last_entries(reader: LookupReader, account: AccountKey) -> list[JournalEntry]:
    """The last messages about an account, the oldest first."""
    rows = reader.try_rows(
        PLACE,
        PLACE,
        "last_rows",
        {"condition": "condition:by_account"},
        debtor_id=account.debtor_id,
        creditor_id=account.creditor_id,
    )
    return [entry_of(row) for row in reversed(rows)]


def find_after_commit(
    reader: LookupReader, account: AccountKey, committed_at: datetime
) -> list[JournalEntry]:
    """What was sent about an account because of a commit at this moment."""
    rows = reader.try_rows(
        PLACE,
        PLACE,
        "after_commit",
        debtor_id=account.debtor_id,
        creditor_id=account.creditor_id,
        committed_at=committed_at,
        part=f'"committed_at":"{committed_at.astimezone(UTC).isoformat()}"',
    )
    return [entry_of(row) for row in rows]


def find_last_transfers(
    reader: LookupReader, account: AccountKey, before: datetime
) -> list[JournalEntry]:
    """The last AccountTransfers of an account sent before a moment, the last one first."""
    rows = reader.try_rows(
        PLACE,
        PLACE,
        "last_rows",
        {"condition": "condition:transfers_before"},
        debtor_id=account.debtor_id,
        creditor_id=account.creditor_id,
        before=before,
    )
    if len(rows) == ROWS_COUNT_MAX:
        # that there are more is no news
        reader.unread.pop(PLACE, None)
    return [entry_of(row) for row in rows]
