"""What is known of an account."""

from datetime import UTC, datetime

from swpt_accounts.inspection.lookup.hints import find_account
from swpt_accounts.inspection.lookup.journal import find_last_entries, journal_extent, stage_of
from swpt_accounts.inspection.lookup.keys import AccountKey
from swpt_accounts.inspection.lookup.models import AccountTrace
from swpt_accounts.inspection.lookup.session import Reader
from swpt_accounts.inspection.lookup.waiting_rows import find_waiting, plain


def trace_account(reader: Reader, key: AccountKey) -> AccountTrace:
    """The account's row, what waits in all tables, and its last messages in the journal.

    Raises `psycopg.Error`.
    """
    row = find_account(reader, key)
    stages = [*map(stage_of, find_last_entries(reader, key)), *find_waiting(reader, key)]
    latest = datetime.max.replace(tzinfo=UTC)
    stages.sort(key=lambda stage: stage.at or latest)
    notes = []
    if row is None:
        notes.append("There is no such account in this database.")
    if not reader.settings.realm.contains(key.debtor_id, key.creditor_id):
        notes.append("The account does not belong to this shard: ask its own shard.")
    return AccountTrace(
        key,
        reader.taken_at.astimezone(UTC),
        None if row is None else plain(row),
        tuple(stages),
        journal_extent(reader),
        tuple(reader.unread.values()),
        tuple(notes),
    )
