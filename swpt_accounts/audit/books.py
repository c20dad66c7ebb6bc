"""Proves the books: that all money adds up, and nothing impossible is in the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from time import monotonic
from typing import Any, Final, NamedTuple

import msgspec

from swpt_accounts.audit.checks import CHECKS, RETURNED_MESSAGE, Check, CheckSeverity
from swpt_accounts.audit.snapshot import BooksSnapshot, part, table_sizes, take_snapshot
from swpt_accounts.core.progress import NoProgress, Progress
from swpt_accounts.core.realm import Realm
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.session_options import READING
from swpt_accounts.settings import Settings
from swpt_accounts.smp.outgoing import SIGNALS, OutgoingMessage, PendingBalanceChange

_ROWS_AT_ONCE = 10_000


class ReturnedMessageProblem(NamedTuple):
    """A message that cannot be sent again. The ids are None where they cannot be read."""

    debtor_id: int | None
    creditor_id: int | None
    problem: str


def check_returned_messages(snapshot: BooksSnapshot) -> Iterator[ReturnedMessageProblem]:
    """Find what is wrong with the messages of this shard.

    Adds the balance changes among them to `snapshot.changes`.
    """
    changes: list[PendingBalanceChange] = []
    with snapshot.connection.raw.cursor("returned_messages") as cursor:
        cursor.execute(part("returned_messages").encode())
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            for row_id, signal_name, body in rows:
                try:
                    message = _read(signal_name, body)
                except (ValueError, msgspec.DecodeError) as error:
                    yield ReturnedMessageProblem(None, None, f"returned message {row_id}: {error}")
                else:
                    if isinstance(message, PendingBalanceChange) and _is_own(snapshot, message):
                        changes.append(message)
    snapshot.changes = _parameters(changes)


def _read(signal_name: str, body: bytes) -> OutgoingMessage:
    message_type: Any = SIGNALS.get(signal_name)
    if message_type is None:
        raise ValueError(f"unknown message type {signal_name}")
    message: OutgoingMessage = msgspec.json.decode(body, type=message_type)
    if isinstance(message, PendingBalanceChange):
        datetime.fromisoformat(message.committed_at)
    return message


def _is_own(snapshot: BooksSnapshot, change: PendingBalanceChange) -> bool:
    return snapshot.realm.contains(change.debtor_id, change.other_creditor_id)


def _parameters(changes: list[PendingBalanceChange]) -> dict[str, list[Any]]:
    return {
        "returned_debtor_ids": [c.debtor_id for c in changes],
        "returned_creditor_ids": [c.creditor_id for c in changes],
        "returned_other_creditor_ids": [c.other_creditor_id for c in changes],
        "returned_change_ids": [c.change_id for c in changes],
        "returned_principal_deltas": [c.principal_delta for c in changes],
        "returned_committed_at": [datetime.fromisoformat(c.committed_at) for c in changes],
    }


FINDINGS_MAX: Final = 100
"""The default limit of the findings that are reported of each check."""


@dataclass(frozen=True, slots=True)
class BookFinding:
    """Something that is wrong: with a debtor, an account, or (without ids) a table."""

    code: str
    severity: CheckSeverity
    debtor_id: int | None
    creditor_id: int | None
    problem: str

    def __str__(self) -> str:
        if self.debtor_id is None:
            return self.problem
        if self.creditor_id is None:
            return f"debtor {self.debtor_id}: {self.problem}"
        return f"account ({self.debtor_id}, {self.creditor_id}): {self.problem}"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of a check: how many findings there are, of which some are reported.

    `is_made` is False for what one shard of several cannot know.
    """

    code: str
    severity: CheckSeverity
    is_made: bool
    findings_count: int
    seconds: float
    findings: tuple[BookFinding, ...] = ()


@dataclass
class BooksReport:
    """What was found in one snapshot. `seconds` is for how long the snapshot was held."""

    realm: str
    taken_at: datetime
    is_replica: bool
    seconds: float = 0.0
    checks: list[CheckResult] = field(default_factory=list)

    @property
    def findings(self) -> list[BookFinding]:
        return [finding for check in self.checks for finding in check.findings]

    def count(self, severity: CheckSeverity) -> int:
        return sum(c.findings_count for c in self.checks if c.severity == severity)


@contextmanager
def open_books(settings: Settings) -> Iterator[BooksSnapshot]:
    """Connect to the database (a replica will do), and take a snapshot. Raises `psycopg.Error`."""
    connection = connect(settings, "verify_books", is_read_only=True, behaviour=[READING])
    try:
        with take_snapshot(connection, settings.realm) as snapshot:
            yield snapshot
    finally:
        connection.close()


def check_books(
    snapshot: BooksSnapshot,
    *,
    count_max: int = FINDINGS_MAX,
    progress: Progress | None = None,
    on_result: Callable[[CheckResult], None] | None = None,
) -> BooksReport:
    """Run all checks. `count_max` is how many findings of each are reported: at least one."""
    assert count_max > 0, "a statement that returns no row returns no count"
    progress = progress or NoProgress()
    sizes = table_sizes(snapshot, {RETURNED_MESSAGE}.union(*(c.tables for c in CHECKS)))
    weights = {c.code: sum(map(sizes.__getitem__, c.tables)) for c in CHECKS}
    weights[RETURNED_MESSAGE] = sizes[RETURNED_MESSAGE]
    progress.begin("bytes of tables to check", sum(weights.values()))
    report = BooksReport(str(snapshot.realm), snapshot.taken_at, snapshot.is_replica)
    started_at = monotonic()

    def note(result: CheckResult) -> None:
        report.checks.append(result)
        progress.note(sum(weights[check.code] for check in report.checks), result.code)
        if on_result is not None:
            on_result(result)

    # the first one also reads what is under way in them, for the others
    note(_check_returned(snapshot, count_max))
    for check in CHECKS:
        note(_make(snapshot, check, count_max))
    progress.end()
    report.seconds = monotonic() - started_at
    return report


def _make(snapshot: BooksSnapshot, check: Check, count_max: int) -> CheckResult:
    if check.needs_all_accounts and snapshot.realm.length > 0:
        return CheckResult(check.code, check.severity, False, 0, 0.0)
    started_at = monotonic()
    rows = snapshot.find(check.statement, count_max=count_max)
    findings = tuple(
        BookFinding(check.code, check.severity, row.debtor_id, row.creditor_id, row.problem)
        for row in rows
    )
    count = rows[0].findings_count if rows else 0
    return CheckResult(check.code, check.severity, True, count, monotonic() - started_at, findings)


def _check_returned(snapshot: BooksSnapshot, count_max: int) -> CheckResult:
    started_at = monotonic()
    problems: Iterator[ReturnedMessageProblem] = check_returned_messages(snapshot)
    findings = tuple(
        BookFinding(RETURNED_MESSAGE, CheckSeverity.ERROR, *problem)
        for problem in islice(problems, count_max)
    )
    count = len(findings) + sum(1 for _ in problems)
    return CheckResult(
        RETURNED_MESSAGE, CheckSeverity.ERROR, True, count, monotonic() - started_at, findings
    )


def find_book_errors(
    connection: DatabaseConnection, realm: Realm, *, count_max: int = FINDINGS_MAX
) -> list[BookFinding]:
    """The errors in the books, in a snapshot of their own; warnings are left out."""
    with take_snapshot(connection, realm) as snapshot:
        report = check_books(snapshot, count_max=count_max)
    return [f for f in report.findings if f.severity == CheckSeverity.ERROR]
