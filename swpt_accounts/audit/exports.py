"""What a shard knows of the money of each debtor, in a file: for `add_up_books`."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from swpt_accounts.audit.books import BooksReport
from swpt_accounts.audit.checks import CheckSeverity
from swpt_accounts.audit.snapshot import BooksSnapshot, part
from swpt_accounts.core.realm import Realm

FORMAT: Final = 1
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class InvalidExport(ValueError):
    """A file is no export. The message says why."""


class DebtorSums(NamedTuple):
    """What a shard has of a debtor. Amounts are text: the sums may be longer than 64 bits."""

    debtor_id: int
    accounts_count: int
    principals: str
    waiting: str
    overflown_count: int


class SentChange(NamedTuple):
    """A balance change that has not left its shard, as far as that knows."""

    debtor_id: int
    creditor_id: int
    other_creditor_id: int
    change_id: int
    principal_delta: int
    committed_at: datetime


class ReceivedChange(NamedTuple):
    """A balance change in the archive of the shard that received it."""

    debtor_id: int
    other_creditor_id: int
    change_id: int
    committed_at: datetime


class Export(msgspec.Struct, frozen=True, tag="BooksExport"):
    """The sums of one shard, of one snapshot.

    `complete_until`: all that was committed here by transactions which began before is in the sums.
    `received_since`: from when on `received` has all changes, by the times of their commits.
    """

    format: int
    realm: str
    taken_at: datetime
    complete_until: datetime
    received_since: datetime
    errors_count: int
    debtors: list[DebtorSums]
    sent: list[SentChange]
    received: list[ReceivedChange]


def make_export(snapshot: BooksSnapshot, report: BooksReport, minutes: float) -> Export:
    """What the shard knows. `minutes`: how far back the received changes reach."""
    since = snapshot.taken_at - timedelta(minutes=minutes)
    received = snapshot.connection.raw.execute(part("received_changes").encode(), {"since": since})
    return Export(
        format=FORMAT,
        realm=str(snapshot.realm),
        taken_at=snapshot.taken_at,
        complete_until=snapshot.complete_until or _LONG_AGO,
        received_since=since,
        errors_count=report.count(CheckSeverity.ERROR),
        debtors=[
            DebtorSums(
                row.debtor_id,
                row.accounts_count,
                str(row.principals),
                str(row.waiting),
                row.overflown_count,
            )
            for row in snapshot.find_part("debtor_sums")
        ],
        sent=[SentChange(*row) for row in snapshot.find_part("sent_changes")],
        received=[ReceivedChange(*row) for row in received],
    )


def write_export(path: Path, export: Export) -> None:
    """Write the file, or leave what was there. Raises `OSError`."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        unfinished.write_bytes(msgspec.json.encode(export))
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_export(path: Path) -> Export:
    """Read a file. Raises `OSError` and `InvalidExport`."""
    try:
        export = msgspec.json.decode(path.read_bytes(), type=Export)
        if export.format != FORMAT:
            raise ValueError(f"its format is {export.format}; this program reads {FORMAT}")
        Realm.parse(export.realm)
        for sums in export.debtors:
            _ = int(sums.principals) + int(sums.waiting)
    except ValueError as error:  # of msgspec, too
        raise InvalidExport(f"{path} is not an export of `verify_books`: {error}") from None
    return export
