"""Selects messages of the journal that are to be sent again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from swpt_accounts.core.realm import Realm
from swpt_accounts.inspection.lookup.journal import JournalFilter, entry_of, read_journal
from swpt_accounts.inspection.lookup.models import AccountKey, JournalEntry
from swpt_accounts.inspection.lookup.session import LookupReader

PAGE_COUNT: Final = 500
SLOTS_COUNT: Final = 32
# A message is noted with the moment when its transaction began: ids may be out of order by as much.
OUT_OF_ORDER_MAX: Final = timedelta(minutes=15)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendFilter:
    """Conditions, which a message must all meet."""

    account: AccountKey | None
    since: datetime
    until: datetime
    message_types: tuple[str, ...] = ()

    def matches(self, entry: JournalEntry, realm: Realm) -> bool:
        """Whether a message was sent by this shard, within the time, and is of the types."""
        return (
            entry.is_sent
            and self.since <= entry.recorded_at < self.until
            and (not self.message_types or entry.message_type in self.message_types)
            and realm.contains(entry.debtor_id, _owner(entry))
        )


def _owner(entry: JournalEntry) -> int:
    """The creditor of the account that the message comes from. (A split shard has a journal of
    both children.)
    """
    if entry.message_type == "PendingBalanceChange":
        return int(entry.message["other_creditor_id"])
    return entry.creditor_id


def select_messages(reader: LookupReader, wanted: ResendFilter) -> Iterator[list[JournalEntry]]:
    """The matching messages, the oldest first, page by page. Each page is a transaction.

    Raises `psycopg.Error`.
    """
    pages = _pages_of_span(reader, wanted)
    if wanted.account is not None:
        pages = _pages_of_account(reader, wanted, wanted.account)
    realm = reader.settings.realm
    for page in pages:
        yield [entry for entry in page if wanted.matches(entry, realm)]


def _pages_of_account(
    reader: LookupReader, wanted: ResendFilter, account: AccountKey
) -> Iterator[tuple[JournalEntry, ...]]:
    journal_filter = JournalFilter(
        account=account,
        since=wanted.since,
        until=wanted.until,
        is_sent=True,
        message_types=wanted.message_types,
    )
    after = None
    while True:
        with reader.snapshot():
            page = read_journal(reader, journal_filter, after=after, count_max=PAGE_COUNT)
        yield page.entries
        after = page.next_after
        if after is None:
            return


def _pages_of_span(
    reader: LookupReader, wanted: ResendFilter
) -> Iterator[tuple[JournalEntry, ...]]:
    with reader.snapshot():
        last_day = (min(wanted.until, reader.taken_at) - _EPOCH).days
    first_day = (wanted.since - _EPOCH).days
    for day in range(max(first_day, last_day - SLOTS_COUNT + 1), last_day + 1):
        yield from _pages_of_slot(reader, day % SLOTS_COUNT, wanted)


def _pages_of_slot(
    reader: LookupReader, slot: int, wanted: ResendFilter
) -> Iterator[tuple[JournalEntry, ...]]:
    after_id = _last_id_before(reader, slot, wanted.since)
    while True:
        with reader.snapshot():
            rows = _slot_page(reader, slot, after_id)
        entries = tuple(map(entry_of, rows))
        yield entries
        if len(rows) < PAGE_COUNT or entries[-1].recorded_at - OUT_OF_ORDER_MAX >= wanted.until:
            return
        after_id = entries[-1].id


def _slot_page(reader: LookupReader, slot: int, after_id: int) -> list[Any]:
    return reader.rows("journal", "slot_page", slot=slot, after_id=after_id, count_max=PAGE_COUNT)


def _last_id_before(reader: LookupReader, slot: int, moment: datetime) -> int:
    """An id: none of the messages up to it is of this moment or later. Found by halving."""
    with reader.snapshot():
        ((low, high),) = reader.rows("journal", "ids_of_slot", slot=slot)
        if low is None:
            return 0
        low -= 1
        while high - low > PAGE_COUNT:
            middle = (low + high) // 2
            ((_, noted_at),) = reader.rows("journal", "moment_of", slot=slot, id=middle)
            if noted_at + OUT_OF_ORDER_MAX < moment:
                low = middle
            else:
                high = middle
        return int(low)
