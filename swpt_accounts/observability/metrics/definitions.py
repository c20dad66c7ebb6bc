"""The one description of every metric. docs/reference/metrics.md is made of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final

from swpt_accounts.observability.worker_names import SCANS

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
    NODE = "the node's folder"


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
        total = "_total" if self.kind == Kind.COUNTER else ""
        return f"{PREFIX}{self.name}{total}"


def _counter(name: str, text: str, *labels: str, known: Iterable[tuple[str, ...]] = ()) -> Metric:
    at_least = tuple(known) if labels else ((),)
    return Metric(name, Kind.COUNTER, text, labels, known=at_least)


def _histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...] = SECONDS) -> Metric:
    return Metric(name, Kind.HISTOGRAM, text, labels, buckets=buckets)


def _gauge(source: Source, name: str, text: str, *labels: str, is_lasting: bool = False) -> Metric:
    return Metric(name, Kind.GAUGE, text, labels, source, is_lasting=is_lasting)


def _lasting(name: str, text: str, *labels: str) -> Metric:
    return _gauge(Source.PROCESSES, name, text, *labels, is_lasting=True)


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
    "SMP messages consumed from the queue. The outcome is `done` or `dead_letter`. The type of an"
    " unreadable message is `unknown`.",
    *("type", "outcome"),
    known=product(INCOMING, ("done", "dead_letter")),
)
MESSAGES_SENT: Final = _counter(
    "messages_sent",
    "SMP messages published. The outcome is `confirmed` or `returned`.",
    *("type", "outcome"),
    known=product(OUTGOING, ("confirmed", "returned")),
)
DEAD_LETTERS: Final = _counter(
    "dead_letters",
    "Messages moved to the dead-letter queue. The reason is `malformed`, `other_shard`,"
    " `not_from_shard` or `refused_by_database`.",
    "reason",
    known=(("malformed",), ("other_shard",), ("not_from_shard",), ("refused_by_database",)),
)
RETURNED_MESSAGES: Final = _counter(
    "returned_messages",
    "Messages that RabbitMQ returned, by destination. Only the first destinations are told apart;"
    " the others are `other`.",
    "destination",
)
MESSAGES_HELD: Final = _gauge(
    Source.PROCESSES,
    "messages_held",
    "Messages that wait outside the batch: for a `lock`, or for another `shard`.",
    "for",
)
CHORES: Final = _counter(
    "chores",
    "Chores consumed from their queue. The outcome is `done` or `dropped`.",
    "outcome",
    known=(("done",), ("dropped",)),
)

# -- loops

BATCH_ROWS: Final = _histogram("batch_rows", "Messages or rows per batch.", "loop", buckets=COUNTS)
BATCH_SECONDS: Final = _histogram(
    "batch_seconds", "Duration of a batch, including commits and publisher confirms.", "loop"
)
RETRIES: Final = _counter(
    "retries",
    "Failed attempts that were retried, by what failed, and by the class of the error.",
    *("loop", "what", "error"),
)
CONNECTIONS: Final = _counter(
    "connections", "Connections opened to the `database` or a `broker`.", "loop", "server"
)
LISTENS_LOST: Final = _counter(
    "listens_lost", "Connections closed because they no longer received wake-ups.", "loop"
)
ROWS_LEFT: Final = _counter(
    "rows_left", "Rows left for a later batch because their account was locked.", "loop"
)
PROCESS_STARTS: Final = _counter("process_starts", "Processes started.", "command")

# -- times

SEND_SECONDS: Final = _histogram(
    "send_seconds",
    "Time from writing a message to its outbox until RabbitMQ confirms it. All messages of a batch"
    " count as the oldest one of their type.",
    "type",
)
PREPARE_SECONDS: Final = _histogram(
    "prepare_seconds",
    "Time from receiving a PrepareTransfer until it is prepared or rejected. All of a batch count"
    " as the oldest one.",
)
FINALIZE_SECONDS: Final = _histogram(
    "finalize_seconds",
    "Time from receiving a FinalizeTransfer until the transfer is finalized. All of a batch count"
    " as the oldest one.",
)
CREDIT_SECONDS: Final = _histogram(
    "credit_seconds",
    "Time from finalizing a transfer until the recipient is credited. All of a batch count as the"
    " oldest one.",
)

# -- the fetch API

FETCH_ANSWERS: Final = _histogram(
    "fetch_api_answer_seconds",
    "Time to answer a request of another server, by resource and HTTP status.",
    *("resource", "status"),
)
FETCH_QUESTIONS: Final = _histogram(
    "fetch_api_question_seconds",
    "Time until another shard answers a request, by resource and HTTP status; `none` if it does"
    " not answer.",
    *("resource", "status"),
)
ROOT_CONFIGS_NOT_FETCHED: Final = _counter(
    "root_configs_not_fetched",
    "Failed requests to other shards for the configuration of a debtor.",
)

# -- scans

SCAN_PROGRESS: Final = _lasting("scan_progress_ratio", "The part of the pass that is done.", "scan")
SCAN_LATE: Final = _lasting("scan_late_seconds", "How far a scan is behind schedule.", "scan")
SCAN_PASS_END: Final = _gauge(
    Source.DATABASE,
    "scan_last_pass_timestamp_seconds",
    "When the last complete pass of a scan ended; before the first one, when the procedures were"
    " installed.",
    "scan",
)
SCAN_PERIOD: Final = _gauge(
    Source.DATABASE,
    "scan_period_seconds",
    "The period of a scan; before its first pass, that of this container's settings.",
    "scan",
)
SCAN_PAGES: Final = _counter("scan_pages", "Pages visited by a scan.", "scan")
SCAN_PAGES_FAILED: Final = _counter(
    "scan_pages_failed",
    "Pages that a scan skipped because it could not process them.",
    "scan",
    known=((scan,) for scan in SCANS),
)

# -- money

ACCOUNTS: Final = _lasting(
    "accounts",
    "Accounts, as counted by the last complete pass of the accounts scan. The state is `normal`,"
    " `deleted` or `overflown`.",
    "state",
)
MONEY_ISSUED: Final = _lasting(
    "money_issued",
    "The amount issued by all debtors: the negative principals of their root accounts, from the"
    " same pass.",
)
MONEY_LOCKED: Final = _lasting(
    "money_locked", "The amount locked for prepared transfers of all debtors, from the same pass."
)

DEBTORS_NEAR_LIMIT: Final = _lasting(
    "debtors_near_limit",
    "Debtors that have issued 90 % or more of the most that they may issue, from the same pass.",
)

# -- the state of the processes

PROCESSES: Final = _gauge(Source.STATE, "processes", "Running processes.", "command")
LOOPS: Final = _gauge(Source.STATE, "loops", "Loops in running processes.", "loop")
LOOPS_STUCK: Final = _gauge(
    Source.STATE, "loops_stuck", "Loops whose heartbeat is overdue.", "loop"
)
LOOPS_WAITING: Final = _gauge(
    Source.STATE, "loops_waiting", "Loops that cannot use a server, and retry.", "loop"
)
LIVE: Final = _gauge(Source.STATE, "live", "1 if the container makes progress or rightly waits.")
READY: Final = _gauge(Source.STATE, "ready", "1 if the container can use all that it needs.")

# -- what waits

QUEUE_ROWS: Final = _gauge(
    Source.DATABASE,
    "queue_rows",
    "Rows waiting in a queue table or an outbox: counted up to 1000, estimated beyond.",
    "table",
)
QUEUE_OLDEST: Final = _gauge(
    Source.DATABASE,
    "queue_oldest_seconds",
    "The age of the oldest of these rows.",
    "table",
)
RETURNED_LINES: Final = _gauge(
    Source.DATABASE, "returned_lines", "Destinations for which RabbitMQ returns messages."
)
DEAD_LETTERS_DEALT_WITH: Final = _gauge(
    Source.DATABASE,
    "dead_letters_dealt_with",
    "Handled messages that are still in a dead-letter queue: counted up to 200000. 0 if the user"
    " may not read the queue.",
    "queue",
)
LOCK_WAITS: Final = _gauge(
    Source.DATABASE, "lock_waits", "Sessions of the program that wait for a lock."
)
OLDEST_TRANSACTION: Final = _gauge(
    Source.DATABASE,
    "oldest_transaction_seconds",
    "The age of the oldest transaction of the program.",
)
IDLE_SLOTS: Final = _gauge(Source.DATABASE, "idle_slots", "Replication slots that nobody uses.")
KEPT_WAL: Final = _gauge(
    Source.DATABASE,
    "kept_wal_bytes",
    "WAL that the server keeps for a replication slot of the database: the most of one slot.",
)
SESSIONS: Final = _gauge(
    Source.DATABASE, "database_sessions", "Database sessions of the program.", "loop"
)
WAL_ARCHIVE_FAILING: Final = _gauge(
    Source.DATABASE,
    "wal_archive_failing",
    "1 if PostgreSQL could not archive a WAL segment, and has not archived any since.",
)
WAL_UNARCHIVED: Final = _gauge(
    Source.DATABASE,
    "wal_unarchived_bytes",
    "WAL that is not archived yet, where there is an archive.",
)
STANDBYS: Final = _gauge(
    Source.DATABASE,
    "database_standbys",
    "Standbys that receive WAL. A role without pg_read_all_stats counts those with a slot.",
)
LOST_SLOTS: Final = _gauge(
    Source.DATABASE,
    "lost_slots",
    "Replication slots whose WAL PostgreSQL has removed: whoever reads from one must begin anew.",
)
DATABASE_UP: Final = _gauge(
    Source.DATABASE, "database_up", "1 if the exporter could query the database."
)
DATABASE_ASKED: Final = _gauge(
    Source.DATABASE,
    "database_asked_timestamp_seconds",
    "When the exporter last queried the database successfully.",
)
CERTIFICATE_END: Final = _gauge(
    Source.NODE,
    "certificate_end_timestamp_seconds",
    "When a certificate in `NODEDATA_DIR` ends; 0 if it cannot be read.",
    "file",
)
BROKER_QUEUE_MESSAGES: Final = _gauge(
    Source.BROKERS, "broker_queue_messages", "Ready messages in a queue.", "queue"
)
BROKER_QUEUE_CONSUMERS: Final = _gauge(
    Source.BROKERS, "broker_queue_consumers", "Consumers of a queue.", "queue"
)
BROKER_UP: Final = _gauge(
    Source.BROKERS, "broker_up", "1 if the exporter could inspect the queue.", "queue"
)

# -- what it is

BUILD: Final = _gauge(
    Source.SETTINGS,
    "build_info",
    "1; the labels are the versions of the program, of the stored procedures, and of Python.",
    *("version", "procedures", "python"),
)
SHARD: Final = _gauge(
    Source.SETTINGS,
    "shard_info",
    "1; the label is the routing key that defines the shard.",
    "routing_key",
)
SETTING: Final = _gauge(
    Source.SETTINGS, "setting", "The value of a setting that is a number or a switch.", "name"
)

METRICS: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
"""All of them, in the order of this file."""
