"""The health rules: each looks at the status of a shard, and yields what is wrong."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Final

from swpt_accounts.core.formatting import duration, number, plural
from swpt_accounts.db.backlog import TableBacklog
from swpt_accounts.inspection.status.model import BrokerQueue, ShardStatus, WorkerState
from swpt_accounts.inspection.status.thresholds import (
    BACKLOG_COUNT,
    FULL_RATIO,
    OVERDUE_RATIO,
    VERY_LATE_SECONDS,
    late_seconds,
)
from swpt_accounts.observability.liveness import Condition
from swpt_accounts.observability.worker_names import FLUSHER, VERIFIER, worker_of

_LATE: Final = "docs/how-to/find-a-late-transfer.md"
_LOCKS: Final = f"{_LATE}#6-who-holds-a-lock"
_PEERS: Final = "docs/runbooks/peer-queue-full.md"
_SEE: Final = "docs/how-to/see-what-is-wrong.md"


class HealthSeverity(StrEnum):
    """An error does not mend itself, or stops transfers; a warning may mend itself, or waits."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """Something that is wrong, in a sentence, and the page that helps."""

    code: str
    severity: HealthSeverity
    words: str
    page: str


ERROR, WARNING, NOTE = HealthSeverity

# What a rule finds: how bad, and the sentence.
_Found = Iterator[tuple[HealthSeverity, str]]
_Find = Callable[[ShardStatus], _Found]


@dataclass(frozen=True, slots=True)
class HealthRule:
    """A rule, by the code of its findings."""

    code: str
    page: str
    find: _Find


RULES: Final[list[HealthRule]] = []
"""All of them, in the order in which they are asked."""


def _rule(code: str, page: str) -> Callable[[_Find], _Find]:
    def add(find: _Find) -> _Find:
        RULES.append(HealthRule(code, page, find))
        return find

    return add


@_rule("server_away", _SEE)
def _servers(status: ShardStatus) -> _Found:
    for server in status.servers:
        if server.problem is not None:
            yield ERROR, f"{server.problem}."


@_rule("queue_missing", "docs/reference/amqp.md")
def _queues_missing(status: ShardStatus) -> _Found:
    if not status.are_brokers_up:
        return
    for queue in (status.incoming, status.chores, status.dead_letters):
        if queue.problem is not None:
            advice = "`subscribe` and `create_chores_queue` declare missing queues."
            yield ERROR, f"Queue {queue.name} is not available: {queue.problem}. {advice}"


def _consumed_queues(status: ShardStatus) -> tuple[tuple[BrokerQueue, str], ...]:
    return (status.incoming, "consume_messages"), (status.chores, "consume_chore_messages")


@_rule("queue_without_consumers", _SEE)
def _queues_without_consumers(status: ShardStatus) -> _Found:
    for queue, name in _consumed_queues(status):
        if queue.consumers_count == 0:
            messages = plural(queue.messages_count or 0, "message")
            words = f"Queue {queue.name} has no consumers ({messages})"
            worker = status.worker(name)
            if worker.condition in (Condition.DOWN, Condition.UNKNOWN):
                yield ERROR, f"{words}. Start {name}."
            else:
                is_passing = worker.condition in (Condition.STARTING, Condition.WAITING)
                yield (
                    WARNING if is_passing else ERROR,
                    f"{words}: {name} is {worker.reason or worker.condition}.",
                )


@_rule("worker_missing", _SEE)
def _workers_down(status: ShardStatus) -> _Found:
    """The verifier is a part of another worker."""
    down = [w for w in _workers(status, Condition.DOWN) if w.name != VERIFIER]
    yield from ((ERROR, words) for words in _say(down))


@_rule("worker_frozen", _SEE)
def _workers_frozen(status: ShardStatus) -> _Found:
    yield from ((ERROR, words) for words in _say(_workers(status, Condition.FROZEN)))


@_rule("worker_waiting", _SEE)
def _workers_waiting(status: ShardStatus) -> _Found:
    yield from ((WARNING, words) for words in _say(_workers(status, Condition.WAITING)))


def _workers(status: ShardStatus, condition: Condition) -> list[WorkerState]:
    return [worker for worker in status.workers if worker.condition == condition]


def _say(workers: Sequence[WorkerState]) -> Iterator[str]:
    """A sentence for each reason, which the first of the workers tells in full."""
    by_reason: dict[str, list[WorkerState]] = {}
    for worker in workers:
        by_reason.setdefault(worker.reason.partition(":")[0], []).append(worker)
    for some in by_reason.values():
        first, names = some[0], ", ".join(worker.name for worker in some)
        if len(some) == 1:
            yield f"{names} is {first.reason}."
        else:
            reason, _, more = first.reason.partition(": ")
            yield f"{len(some)} workers are {reason}{f' ({more})' if more else ''}: {names}."


def _backlog(status: ShardStatus) -> Iterator[TableBacklog]:
    """The tables, but for returned messages, of which another rule tells."""
    for table in () if status.database is None else status.database.backlog:
        if table.table_name != "returned_message":
            yield table


def _is_late(table: TableBacklog) -> bool:
    return (table.age_seconds or 0.0) >= late_seconds(table.table_name)


@_rule("rows_late", _LATE)
def _rows_late(status: ShardStatus) -> _Found:
    for table in filter(_is_late, _backlog(status)):
        seconds = table.age_seconds or 0.0
        rows, cause = _rows(table), _cause(table.table_name)
        yield (
            ERROR if seconds >= VERY_LATE_SECONDS else WARNING,
            f"The oldest of {rows} in {table.table_name} has waited {duration(seconds)}: {cause}.",
        )


@_rule("rows_many", _LATE)
def _rows_many(status: ShardStatus) -> _Found:
    for table in _backlog(status):
        if table.rows_count >= BACKLOG_COUNT and not _is_late(table):
            name = table.table_name
            yield WARNING, f"Table {name} has {_rows(table)} waiting: {_cause(name)}."


@_rule("queue_long", _SEE)
def _queues_long(status: ShardStatus) -> _Found:
    for queue, worker in _consumed_queues(status):
        count = queue.messages_count or 0
        if count >= BACKLOG_COUNT and queue.consumers_count:
            words = f"Queue {queue.name} has {number(count)} messages: {worker} does not keep up."
            yield WARNING, words


def _rows(table: TableBacklog) -> str:
    return f"{'about ' if table.is_estimate else ''}{plural(table.rows_count, 'row')}"


def _cause(table: str) -> str:
    worker = worker_of(table)
    if worker == VERIFIER:
        return "another shard does not say whether the recipients exist"
    if worker == FLUSHER:
        return f"{worker} is down or slow, or RabbitMQ does not confirm messages"
    return f"{worker} is down or slow, or accounts are locked"


@_rule("returned_messages", "docs/how-to/end-returned-messages.md")
def _returned_messages(status: ShardStatus) -> _Found:
    database = status.database
    if database is None or database.returned_lines_count == 0:
        return
    first = database.returned_lines[0].destination if database.returned_lines else None
    example = f", for example {first}" if first else ""
    destinations = plural(database.returned_lines_count, "destination")
    words = f"RabbitMQ returned messages for {destinations}{example}"
    yield WARNING, f"{words}: no queue is bound, or the queue is full."


@_rule("peer_queue_unlimited", _PEERS)
def _peer_queues_unlimited(status: ShardStatus) -> _Found:
    names = [queue.name for queue in status.peer_queues if not queue.is_bounded]
    if names:
        queues = plural(len(names), "queue of a peer", "queues of peers")
        words = f"No policy limits {queues} (with reject-publish), for example {names[0]}"
        yield ERROR, f"{words}: a peer that does not read can fill the disk of RabbitMQ."


@_rule("peer_queue_full", _PEERS)
def _peer_queues_full(status: ShardStatus) -> _Found:
    for queue in status.peer_queues:
        if queue.full_ratio >= FULL_RATIO:
            words = f"Queue {queue.name} of a peer is {queue.full_ratio:.0%} full"
            yield WARNING, f"{words}: the peer does not read. What is beyond waits in the database."


@_rule("dead_letters", "docs/how-to/read-the-dead-letters.md")
def _dead_letters(status: ShardStatus) -> _Found:
    if count := status.open_letters_count:
        yield WARNING, f"{plural(count, 'unhandled dead letter')}."
    if (count := status.open_money_letters_count) and status.money_letters is not None:
        letters = plural(count, "unhandled dead letter")
        queue = status.money_letters.name.removesuffix(".XQ")
        yield ERROR, f"{letters} of money between shards (`dead_letters list -q {queue}`)."


@_rule("long_transaction", _LOCKS)
def _long_transactions(status: ShardStatus) -> _Found:
    for one in () if status.database is None else status.database.long_transactions:
        session = f"{one.program} (pid {one.pid})"
        words = f"{session} has had a transaction open for {duration(one.seconds)}"
        yield WARNING, f"{words}: it may lock accounts, and it blocks vacuum."


@_rule("scan_late", _SEE)
def _scan_late(status: ShardStatus) -> _Found:
    if status.database is None:
        return
    sample = status.database.accounts
    if sample.overdue_count > sample.count * OVERDUE_RATIO:
        overdue, count = number(sample.overdue_count), plural(sample.count, "sampled account")
        words = f"it has not visited {overdue} of {count} for twice its period"
        yield WARNING, f"The accounts scan is late: {words}."


@_rule("lock_waits", _LOCKS)
def _lock_waits(status: ShardStatus) -> _Found:
    for worker in () if status.database is None else status.database.workers:
        if count := worker.lock_waits_count:
            waits = "waits" if count == 1 else "wait"
            yield NOTE, f"{plural(count, 'session')} of {worker.name} {waits} for a lock."


@_rule("older_senders", "docs/reference/amqp.md")
def _older_senders(status: ShardStatus) -> _Found:
    for one in () if status.database is None else status.database.older_senders:
        moment = one.taken_until.astimezone(UTC).isoformat(" ", "minutes")
        words = f"PendingBalanceChange messages are taken from any sender until {moment}"
        yield NOTE, f"{words}, because of the {one.cause}."


@_rule("replica", _SEE)
def _replica(status: ShardStatus) -> _Found:
    if status.database is not None and status.database.is_replica:
        yield NOTE, "This database is a replica: workers are connected to the primary."


_ORDER: Final = tuple(HealthSeverity)


def find_problems(status: ShardStatus) -> list[HealthFinding]:
    """All that is wrong, the worst first."""
    found = [
        HealthFinding(rule.code, severity, words, rule.page)
        for rule in RULES
        for severity, words in rule.find(status)
    ]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))


def problems_count(findings: Sequence[HealthFinding]) -> int:
    """How many of them are more than notes."""
    return sum(finding.severity is not NOTE for finding in findings)
