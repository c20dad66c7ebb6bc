"""Events of processes, of servers that are unreachable and come back, and of the log itself."""

import logging
from typing import Final

from swpt_accounts.observability.events.event import Event, error, events_in, info, warning

WORKERS_START: Final = info(
    "workers_start",
    "%(command)s started (pid %(pid)d, threads: %(threads_count)d)",
    "A process of workers has started.",
    is_limited=False,
)
WORKERS_STOP: Final = info(
    "workers_stop",
    "%(command)s stopped (pid %(pid)d)",
    "A process of workers has stopped after a signal, or because there was nothing left to do.",
    is_limited=False,
)
SERVER_AWAY: Final = warning(
    "server_away",
    "%(worker)s %(verb)s %(server)s: %(problem)s. %(outlook)s",
    "A server is unreachable, or rejects what it should not. The worker retries, with pauses of up"
    " to 5 seconds. Logged when it begins, when the problem changes, and every five minutes.",
    "Check the server; the line has its error.",
    is_limited=False,
)
SERVER_BACK: Final = warning(
    "server_back",
    "%(worker)s recovered after %(seconds).0f s",
    "The end of `server_away`.",
    is_limited=False,
)
BROKER_BLOCKED: Final = warning(
    "broker_blocked",
    "RabbitMQ blocked the connection: %(reason)s; waiting",
    "RabbitMQ is short of memory or disk space, and blocks all publishers.",
    "Give it more of what it is short of. Nothing is lost meanwhile.",
)
BROKER_UNBLOCKED: Final = warning(
    "broker_unblocked",
    "RabbitMQ unblocked the connection",
    "The end of `broker_blocked`.",
)
SERVER_AWAITED: Final = warning(
    "server_awaited",
    "%(text)s",
    "At its start, the container waits for a server or for the schema, or has stopped to wait.",
    "If it lasts, check the server, and whether `configure` was run.",
)
LOCK_AWAITED: Final = warning(
    "lock_awaited",
    "The migration waits for a lock of another session: nothing has changed; trying again",
    "A migration has met a lock for half a second, and was undone. It tries for a minute.",
    "If it lasts, end the session that holds the lock: `upgrade check` names it.",
)
SETTING_SLOW: Final = warning(
    "setting_slow",
    "%(text)s",
    "A setting is in effect that costs most of the speed.",
    "See [what costs most of the speed](../how-to/configure.md#what-costs-most-of-the-speed).",
    more=("variable",),
)
SETTING_UNKNOWN: Final = warning(
    "setting_unknown",
    "%(variable)s is no setting, and is ignored; did you mean %(meant)s?",
    "The name of a variable is almost that of a setting.",
    "Correct the name, or rename the variable if it is meant for another program.",
    is_limited=False,
)
IDLE: Final = warning(
    "idle",
    "%(command)s: the number of processes is 0: idle until stopped (pid %(pid)d)",
    "A setting has switched the service off.",
    "Nothing, if that was intended.",
)
PARENT_ROWS_REMOVED: Final = warning(
    "parent_rows_removed",
    "deleted rows of the sibling shard from table %(table)s: %(count)d",
    "After a split, with DELETE_PARENT_SHARD_RECORDS.",
    is_limited=False,
)
WORKER_DIED: Final = error(
    "worker_died",
    "%(worker)s has crashed (pid %(pid)d)",
    "An unexpected error, with its traceback. The process exits with code 1, and the supervisor"
    " starts it again.",
    "Report it, with the traceback.",
    is_limited=False,
)
WORKER_PROCESS_DIED: Final = error(
    "worker_process_died",
    "%(command)s: a worker process has exited unexpectedly (%(problem)s)",
    "One of several processes has exited; the others are stopped, and all are started again.",
    "See its last lines. If there are none, it was killed: check for a lack of memory.",
    is_limited=False,
)
WORKER_STUCK: Final = warning(
    "worker_stuck",
    "%(command)s did not stop in time (pid %(pid)d)",
    "The process exits at once. What was not committed is rolled back, and repeated later.",
    "Nothing, if it does not repeat.",
    is_limited=False,
)
SUPERVISOR: Final = Event(
    "supervisor",
    logging.WARNING,
    "%(text)s",
    "A line of supervisord, with the level that it has there: for instance, that a service has"
    " exited too soon.",
    "See the last lines of that service.",
)
METRICS_DAMAGED: Final = warning(
    "metrics_damaged",
    "replaced damaged metrics file %(path)s: %(problem)s",
    "The counts of a process are lost, as at a restart of the container.",
    "Nothing, if it does not repeat: is the disk full?",
)
NOTHING_RECORDED: Final = warning(
    "nothing_recorded",
    "cannot record metrics and heartbeats: %(problem)s",
    "The folder of STATE_DIR cannot be used. The workers run without it. Logged as INFO where"
    " metrics are off.",
    "Make the folder usable for the process, or set [STATE_DIR](settings.md).",
)
REQUEST_FAILED: Final = Event(
    "request_failed",
    logging.DEBUG,
    "a request to the exporter failed",
    "The client has closed the connection before the answer.",
    "Nothing.",
)
METRICS_UNREADABLE: Final = warning(
    "metrics_unreadable",
    "cannot read a metrics file: %(problem)s",
    "The counts of a process are missing in the metrics.",
    "Check that file.",
)
SPANS_DROPPED: Final = warning(
    "spans_dropped",
    "the OpenTelemetry collector does not accept all spans: %(problem)s; dropped so far:"
    " %(count)d; only traces are affected",
    "The collector is unreachable or slow, or rejects spans; or there are too many. Logged when it"
    " begins, and every five minutes.",
    "Check the collector. If there are too many spans, set a sampler:"
    " [traces](../how-to/trace-with-opentelemetry.md#when-the-collector-is-away).",
    is_limited=False,
)
SPANS_TAKEN: Final = warning(
    "spans_taken",
    "the OpenTelemetry collector accepts spans again; dropped since the previous line: %(count)d",
    "The end of `spans_dropped`.",
    is_limited=False,
)
SPANS_LOST: Final = warning(
    "spans_lost",
    "spans that did not reach the OpenTelemetry collector: %(count)d",
    "The process stops, and the collector has not accepted all of its spans.",
    "Nothing. Some traces are incomplete.",
    is_limited=False,
)
PROTOCOL_IGNORED: Final = warning(
    "protocol_ignored",
    "%(variable)s is ignored: spans are sent over HTTP, as Protobuf",
    "A setting of OpenTelemetry names another protocol.",
    "Set the address for OTLP over HTTP (usually port 4318), and unset the variable.",
    is_limited=False,
)
LINES_LEFT_OUT: Final = warning(
    "lines_left_out",
    "suppressed lines of %(of_event)s (%(of_logger)s): %(count)d in %(seconds).0f s",
    "One event was logged too often, and only some of its lines were written. With the level of"
    " that event.",
    "See that event.",
    is_limited=False,
)
OTHER: Final = Event(
    "other",
    logging.WARNING,
    "%(text)s",
    "A line of a library, with its own level: gunicorn, Flask, asyncio, psycopg, Alembic.",
    "See the line.",
)
EVENTS: Final = events_in(globals())
