"""The one description of every metric. docs/reference/metrics.md is made of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final

from swpt_accounts.core.worker_names import SCANS

PREFIX: Final = "swpt_accounts_"


class Kind(StrEnum):
    """The kinds of metrics that Prometheus knows, as far as they are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Source(StrEnum):
    """Who knows the value."""

    PROCESSES = "processes"
    STATE = "the state of the processes"
    DATABASE = "database"
    BROKERS = "brokers"
    SETTINGS = "program and settings"


SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    *(60.0, 300.0, 1800.0, 7200.0),
)
COUNTS: Final = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. `name` is without prefix, and without `_total`; labels are of bounded number.

    `buckets` are those of a histogram. A counter shows 0 for the `known` values of its labels
    before anything is counted: what begins with 1 has no increase. A gauge of processes that is
    `lasting` stays when its process ends: the latest value counts. Of the others, those of living
    processes are added up.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    source: Source = Source.PROCESSES
    buckets: tuple[float, ...] = ()
    known: tuple[tuple[str, ...], ...] = ()
    is_lasting: bool = False

    @property
    def full_name(self) -> str:
        """The name on the page of metrics."""
        total = "_total" if self.kind == Kind.COUNTER else ""
        return f"{PREFIX}{self.name}{total}"


def _counter(name: str, text: str, *labels: str, known: Iterable[tuple[str, ...]] = ()) -> Metric:
    at_least = tuple(known) if labels else ((),)
    return Metric(name, Kind.COUNTER, text, labels, known=at_least)


def _histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...] = SECONDS) -> Metric:
    return Metric(name, Kind.HISTOGRAM, text, labels, buckets=buckets)


def _gauge(name: str, text: str, *labels: str, source: Source, is_lasting: bool = False) -> Metric:
    return Metric(name, Kind.GAUGE, text, labels, source=source, is_lasting=is_lasting)


INCOMING: Final = (
    *("ConfigureAccount", "PrepareTransfer", "FinalizeTransfer", "PendingBalanceChange"),
    "unknown",
)
OUTGOING: Final = (
    *("RejectedTransfer", "PreparedTransfer", "FinalizedTransfer", "AccountTransfer"),
    *("AccountUpdate", "AccountPurge", "RejectedConfig", "PendingBalanceChange"),
)

# -- messages

MESSAGES_RECEIVED: Final = _counter(
    "messages_received",
    "SMP messages that were taken out of the queue. The outcome is `done`, or `dead_letter`. The"
    " type of a message that is none is `unknown`.",
    *("type", "outcome"),
    known=product(INCOMING, ("done", "dead_letter")),
)
MESSAGES_SENT: Final = _counter(
    "messages_sent",
    "SMP messages that the broker was given. The outcome is `confirmed`, or `returned`.",
    *("type", "outcome"),
    known=product(OUTGOING, ("confirmed", "returned")),
)
DEAD_LETTERS: Final = _counter(
    "dead_letters",
    "Messages that were put aside in the dead-letter queue. The reason is `malformed`,"
    " `other_shard`, or `refused_by_database`.",
    "reason",
    known=(("malformed",), ("other_shard",), ("refused_by_database",)),
)
RETURNED_MESSAGES: Final = _counter(
    "returned_messages",
    "Messages that the broker did not take, by their destination: those that were seen first; all"
    " others are `other`.",
    "destination",
)
MESSAGES_HELD: Final = _gauge(
    "messages_held",
    "Messages that wait beside the batch: for a `lock`, or for an answer of another `shard`.",
    "for",
    source=Source.PROCESSES,
)
CHORES: Final = _counter(
    "chores",
    "Chores that were taken out of their queue. The outcome is `done`, or `dropped`.",
    "outcome",
    known=(("done",), ("dropped",)),
)

# -- loops

BATCH_ROWS: Final = _histogram(
    "batch_rows",
    "How many messages or rows were handled together.",
    "loop",
    buckets=COUNTS,
)
BATCH_SECONDS: Final = _histogram(
    "batch_seconds",
    "How long that took: all its transactions, and what the broker confirms.",
    "loop",
)
RETRIES: Final = _counter(
    "retries",
    "Attempts that failed and were made again, by what failed, and by the class of the error.",
    *("loop", "what", "error"),
)
CONNECTIONS: Final = _counter(
    "connections",
    "Sessions that were opened with the `database`, or with a `broker`.",
    *("loop", "server"),
)
LISTENS_LOST: Final = _counter(
    "listens_lost", "Sessions that did not listen for wake-ups any more, and were ended.", "loop"
)
ROWS_LEFT: Final = _counter(
    "rows_left",
    "Rows that were left for a later batch, because another session has locked their account.",
    "loop",
)
PROCESS_STARTS: Final = _counter("process_starts", "Processes that have started.", "command")

# -- times

SEND_SECONDS: Final = _histogram(
    "send_seconds",
    "From the moment when a message was written to its outbox until the broker has confirmed it."
    " All messages of a batch count as its oldest one of the type.",
    "type",
)
PREPARE_SECONDS: Final = _histogram(
    "prepare_seconds",
    "From the moment when a PrepareTransfer was received until it is prepared, or rejected. All of"
    " a batch count as its oldest one.",
)
FINALIZE_SECONDS: Final = _histogram(
    "finalize_seconds",
    "From the moment when a FinalizeTransfer was received until the transfer is finalized. All of a"
    " batch count as its oldest one.",
)
CREDIT_SECONDS: Final = _histogram(
    "credit_seconds",
    "From the moment when a transfer was finalized until its amount is on the account. All of a"
    " batch count as its oldest one.",
)

# -- the fetch API

FETCH_ANSWERS: Final = _histogram(
    "fetch_api_answer_seconds",
    "How long it took to answer a question of another server, by what was asked, and the status.",
    *("resource", "status"),
)
FETCH_QUESTIONS: Final = _histogram(
    "fetch_api_question_seconds",
    "How long an answer of another shard took. The status is that of HTTP, or `none` without an"
    " answer.",
    *("resource", "status"),
)
ROOT_CONFIGS_NOT_FETCHED: Final = _counter(
    "root_configs_not_fetched",
    "Questions to other shards about a debtor's configuration from which nothing was learned.",
)

# -- scans

SCAN_PROGRESS: Final = _gauge(
    "scan_progress_ratio",
    "The part of the pass that is done.",
    "scan",
    source=Source.PROCESSES,
    is_lasting=True,
)
SCAN_LATE: Final = _gauge(
    "scan_late_seconds",
    "How far a scan is behind its pace.",
    "scan",
    source=Source.PROCESSES,
    is_lasting=True,
)
SCAN_PASS_END: Final = _gauge(
    "scan_last_pass_timestamp_seconds",
    "When the last complete pass of a scan has ended.",
    "scan",
    source=Source.PROCESSES,
    is_lasting=True,
)
SCAN_PERIOD: Final = _gauge(
    "scan_period_seconds",
    "How long a pass of a scan is to take.",
    "scan",
    source=Source.PROCESSES,
    is_lasting=True,
)
SCAN_PAGES: Final = _counter("scan_pages", "Pages that a scan has visited.", "scan")
SCAN_PAGES_FAILED: Final = _counter(
    "scan_pages_failed",
    "Pages that a scan could not process, and went on after them.",
    "scan",
    known=((scan,) for scan in SCANS),
)

# -- money

ACCOUNTS: Final = _gauge(
    "accounts",
    "Accounts, as the last complete pass of the accounts scan has counted them. The state is"
    " `normal`, `deleted`, or `overflown`.",
    "state",
    source=Source.PROCESSES,
    is_lasting=True,
)
MONEY_ISSUED: Final = _gauge(
    "money_issued",
    "What all debtors together owe: their own accounts' principals, with the sign changed, as the"
    " last complete pass of the accounts scan has added them up.",
    source=Source.PROCESSES,
    is_lasting=True,
)
MONEY_LOCKED: Final = _gauge(
    "money_locked",
    "What is locked for prepared transfers, of all debtors together; from the same pass.",
    source=Source.PROCESSES,
    is_lasting=True,
)

# -- the state of the processes

PROCESSES: Final = _gauge("processes", "Living processes.", "command", source=Source.STATE)
LOOPS: Final = _gauge("loops", "Loops in living processes.", "loop", source=Source.STATE)
LOOPS_STUCK: Final = _gauge(
    "loops_stuck",
    "Loops that have not given the sign of life that they had promised.",
    "loop",
    source=Source.STATE,
)
LOOPS_WAITING: Final = _gauge(
    "loops_waiting",
    "Loops that lack something, and try again.",
    "loop",
    source=Source.STATE,
)
LIVE: Final = _gauge(
    "live", "1 if the container makes progress or rightly waits.", source=Source.STATE
)
READY: Final = _gauge("ready", "1 if the container has all that it needs.", source=Source.STATE)

# -- what waits

QUEUE_ROWS: Final = _gauge(
    "queue_rows",
    "Rows that wait in a queue table or an outbox: counted up to 1000, estimated beyond.",
    "table",
    source=Source.DATABASE,
)
QUEUE_OLDEST: Final = _gauge(
    "queue_oldest_seconds",
    "How long the oldest of these rows waits.",
    "table",
    source=Source.DATABASE,
)
RETURNED_LINES: Final = _gauge(
    "returned_lines",
    "Destinations whose messages the broker does not take.",
    source=Source.DATABASE,
)
DEAD_LETTERS_DEALT_WITH: Final = _gauge(
    "dead_letters_dealt_with",
    "Messages of a dead-letter queue that operators have dealt with, and that stay in it: counted"
    " up to 200000.",
    "queue",
    source=Source.DATABASE,
)
LOCK_WAITS: Final = _gauge(
    "lock_waits", "Sessions of the program that wait for a lock.", source=Source.DATABASE
)
OLDEST_TRANSACTION: Final = _gauge(
    "oldest_transaction_seconds",
    "The age of the oldest transaction of the program.",
    source=Source.DATABASE,
)
SESSIONS: Final = _gauge(
    "database_sessions",
    "Sessions of the program with the database.",
    "loop",
    source=Source.DATABASE,
)
DATABASE_UP: Final = _gauge(
    "database_up", "1 if the exporter could ask the database.", source=Source.DATABASE
)
DATABASE_ASKED: Final = _gauge(
    "database_asked_timestamp_seconds",
    "When the exporter has asked the database, with success, the last time.",
    source=Source.DATABASE,
)
BROKER_QUEUE_MESSAGES: Final = _gauge(
    "broker_queue_messages",
    "Messages that are ready in a queue of the broker.",
    "queue",
    source=Source.BROKERS,
)
BROKER_QUEUE_CONSUMERS: Final = _gauge(
    "broker_queue_consumers", "Consumers of a queue of the broker.", "queue", source=Source.BROKERS
)
BROKER_UP: Final = _gauge(
    "broker_up",
    "1 if the exporter could ask the broker about the queue.",
    "queue",
    source=Source.BROKERS,
)

# -- what it is

BUILD: Final = _gauge(
    "build_info",
    "1; the labels are the version of the program, of the stored procedures, and of Python.",
    *("version", "procedures", "python"),
    source=Source.SETTINGS,
)
SHARD: Final = _gauge(
    "shard_info",
    "1; the label is the routing key that defines the shard.",
    "routing_key",
    source=Source.SETTINGS,
)
SETTING: Final = _gauge(
    "setting",
    "The value of a setting that is a number, or a switch.",
    "name",
    source=Source.SETTINGS,
)

METRICS: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
"""All of them, in the order of this file."""
