"""What is wrong, in words: each rule looks at an overview, and at nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from swpt_accounts.core.formatting import in_words, number
from swpt_accounts.db.backlog import TableBacklog
from swpt_accounts.inspection.status.model import BrokerQueue, Overview
from swpt_accounts.inspection.status.workers import WORKERS, worker_of

_LATE: Final = "docs/how-to/find-a-late-transfer.md"
_SEE: Final = "docs/how-to/see-what-is-wrong.md"
_LETTERS: Final = "docs/how-to/read-the-dead-letters.md"
_RETURNED: Final = "docs/how-to/end-returned-messages.md"

LATE_SECONDS: Final = 60.0
VERY_LATE_SECONDS: Final = 600.0
LONG_COUNT: Final = 10_000
OVERDUE_SHARE: Final = 0.01


class Severity(StrEnum):
    """An error does not mend itself, or stops transfers; a warning may mend itself, or waits."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, and the page that helps."""

    code: str
    severity: Severity
    words: str
    page: str


# What a rule finds: how bad, and in which words.
Found = Iterator[tuple[Severity, str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of this list."""

    code: str
    page: str
    find: Callable[[Overview], Found]


def _servers_away(overview: Overview) -> Found:
    for server in overview.servers:
        if server.problem is not None:
            yield Severity.ERROR, f"{server.name} does not answer: {server.problem}."


def _replica(overview: Overview) -> Found:
    if overview.database is not None and overview.database.is_replica:
        yield (
            Severity.NOTE,
            "this is a replica of the database: sessions of the workers are on another server.",
        )


def _queues(overview: Overview) -> tuple[tuple[BrokerQueue, str], ...]:
    return (
        (overview.incoming, "consume_messages"),
        (overview.chores, "consume_chore_messages"),
    )


def _queues_missing(overview: Overview) -> Found:
    if any(s.name != "the database" and s.problem is not None for s in overview.servers):
        return
    for queue in (overview.incoming, overview.chores, overview.dead_letters):
        if queue.problem is not None:
            yield (
                Severity.ERROR,
                (
                    f"the queue {queue.name} cannot be looked at: {queue.problem}. `subscribe`"
                    " and `create_chores_queue` declare what is missing."
                ),
            )


def _queues_without_consumers(overview: Overview) -> Found:
    for queue, worker in _queues(overview):
        if queue.consumers_count == 0:
            count = queue.messages_count or 0
            yield (
                Severity.ERROR,
                (
                    f"nobody reads the queue {queue.name}, which has {number(count)} messages:"
                    f" {worker} is down."
                ),
            )


def _queues_long(overview: Overview) -> Found:
    for queue, worker in _queues(overview):
        if (queue.messages_count or 0) >= LONG_COUNT and queue.consumers_count:
            yield (
                Severity.WARNING,
                (
                    f"{number(queue.messages_count or 0)} messages wait in the queue {queue.name}:"
                    f" {worker} does not keep up."
                ),
            )


def _workers_missing(overview: Overview) -> Found:
    database = overview.database
    if database is None or database.is_replica:
        return
    there = {worker.name for worker in database.workers}
    missing = [name for name in WORKERS if name not in there]
    if len(missing) == 1:
        words = f"{missing[0]} is not at work: it has no session with the database."
        yield Severity.ERROR, words
    elif missing:
        names = ", ".join(missing)
        words = f"{len(missing)} workers are not at work: {names}. They have no sessions with"
        yield Severity.ERROR, f"{words} the database."


def _backlog(overview: Overview) -> tuple[TableBacklog, ...]:
    return () if overview.database is None else overview.database.backlog


def _rows_late(overview: Overview) -> Found:
    for table in _backlog(overview):
        seconds = table.age_seconds
        if table.table_name == "returned_message" or seconds is None or seconds < LATE_SECONDS:
            continue
        severity = Severity.ERROR if seconds >= VERY_LATE_SECONDS else Severity.WARNING
        yield (
            severity,
            (
                f"the oldest of {_rows(table)} in {table.table_name} waits for {in_words(seconds)}:"
                f" {_excuse(table.table_name)}."
            ),
        )


def _rows_many(overview: Overview) -> Found:
    for table in _backlog(overview):
        is_told = (table.age_seconds or 0.0) >= LATE_SECONDS
        is_returned = table.table_name == "returned_message"
        if table.rows_count >= LONG_COUNT and not is_told and not is_returned:
            yield (
                Severity.WARNING,
                f"{_rows(table)} wait in {table.table_name}: {_excuse(table.table_name)}.",
            )


def _rows(table: TableBacklog) -> str:
    about = "about " if table.is_estimate else ""
    return f"{about}{number(table.rows_count)} row{'' if table.rows_count == 1 else 's'}"


def _excuse(table: str) -> str:
    if table == "unverified_transfer_request":
        return "another shard does not say whether the recipients exist"
    worker = worker_of(table)
    if worker == "flush_messages":
        return "flush_messages is down or slow, or the broker does not confirm"
    return f"{worker} is down or slow, or accounts are locked"


def _returned_messages(overview: Overview) -> Found:
    database = overview.database
    if database is not None and database.returned_lines_count:
        first = database.returned_lines[0] if database.returned_lines else None
        example = f", {first.destination} for example" if first else ""
        count = database.returned_lines_count
        destinations = "a destination" if count == 1 else f"{number(count)} destinations"
        yield Severity.WARNING, f"the broker takes no messages to {destinations}{example}."


def _dead_letters(overview: Overview) -> Found:
    count = overview.open_letters_count
    if count:
        letters = "a dead letter waits" if count == 1 else f"{number(count)} dead letters wait"
        yield Severity.WARNING, f"{letters} for somebody to deal with."


def _lock_waits(overview: Overview) -> Found:
    if overview.database is not None:
        for worker in overview.database.workers:
            if worker.lock_waits_count:
                count = worker.lock_waits_count
                sessions = "a session" if count == 1 else f"{number(count)} sessions"
                yield Severity.NOTE, f"{sessions} of {worker.name} wait for a lock."


def _long_transactions(overview: Overview) -> Found:
    if overview.database is not None:
        for one in overview.database.long_transactions:
            yield (
                Severity.WARNING,
                (
                    f"{one.program} (process {one.pid}) keeps a transaction open for"
                    f" {in_words(one.seconds)}: it may lock accounts, and holds back vacuum."
                ),
            )


def _scan_late(overview: Overview) -> Found:
    if overview.database is not None:
        sample = overview.database.accounts
        if sample.overdue_count > sample.count * OVERDUE_SHARE:
            yield (
                Severity.WARNING,
                (
                    "the accounts scan is late: of a sample of"
                    f" {number(sample.count)} accounts, {number(sample.overdue_count)} should have"
                    " been visited long ago."
                ),
            )


RULES: Final = (
    Rule("server_away", _SEE, _servers_away),
    Rule("queue_missing", "docs/reference/amqp.md", _queues_missing),
    Rule("queue_without_consumers", _SEE, _queues_without_consumers),
    Rule("worker_missing", _SEE, _workers_missing),
    Rule("rows_late", _LATE, _rows_late),
    Rule("rows_many", _LATE, _rows_many),
    Rule("queue_long", _SEE, _queues_long),
    Rule("returned_messages", _RETURNED, _returned_messages),
    Rule("dead_letters", _LETTERS, _dead_letters),
    Rule("long_transaction", f"{_LATE}#6-who-holds-a-lock", _long_transactions),
    Rule("scan_late", _SEE, _scan_late),
    Rule("lock_waits", f"{_LATE}#6-who-holds-a-lock", _lock_waits),
    Rule("replica", _SEE, _replica),
)
_ORDER: Final = tuple(Severity)


def findings(overview: Overview) -> list[Finding]:
    """All that is wrong, the worst first."""
    found = [
        Finding(rule.code, severity, words, rule.page)
        for rule in RULES
        for severity, words in rule.find(overview)
    ]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))
