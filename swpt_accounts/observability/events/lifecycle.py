"""Events of processes, of servers that go away and come back, and of the log itself."""

import logging
from typing import Final

from swpt_accounts.observability.events.event import Event, error, info, warning

WORKERS_START: Final = info(
    "workers_start",
    "The work begins, in %(threads_count)d threads.",
    "A process of workers starts.",
    is_limited=False,
)
WORKERS_STOP: Final = info(
    "workers_stop",
    "The work is over.",
    "A process of workers ends, after a signal, or because nothing was left to do.",
    is_limited=False,
)
SERVER_AWAY: Final = warning(
    "server_away",
    "%(worker)s %(verb)s %(server)s: %(problem)s. %(outlook)s",
    "A server is away, or refuses what it should not. The worker tries again, with pauses of up to"
    " 5 seconds. Told when it begins, when the problem changes, and every five minutes.",
    "Is the server up? The line has what it says.",
    is_limited=False,
)
SERVER_BACK: Final = warning(
    "server_back",
    "%(worker)s works again, after %(seconds).0f s.",
    "The end of `server_away`.",
    "Nothing.",
    is_limited=False,
)
BROKER_BLOCKED: Final = warning(
    "broker_blocked",
    "The broker takes no messages: %(reason)s. Waiting.",
    "RabbitMQ is short of memory or disk space, and blocks who publishes.",
    "Give it more of what it is short of. Nothing is lost meanwhile.",
)
BROKER_UNBLOCKED: Final = warning(
    "broker_unblocked",
    "The broker takes messages again.",
    "The end of `broker_blocked`.",
    "Nothing.",
)
SERVER_AWAITED: Final = warning(
    "server_awaited",
    "%(text)s",
    "At its start, the container waits for a server, or for the schema; or it is over.",
    "If it lasts: is the server up, and was `configure` run?",
)
SETTING_SLOW: Final = warning(
    "setting_slow",
    "%(text)s",
    "A setting is honoured, and costs most of the speed.",
    "[What costs most of the speed](../how-to/configure.md#what-costs-most-of-the-speed).",
    more=("variable",),
)
IDLE: Final = warning(
    "idle",
    "The number of processes is 0: nothing is done until a signal to stop.",
    "The service was switched off by a setting.",
    "Nothing, if that was meant.",
)
PARENT_ROWS_REMOVED: Final = warning(
    "parent_rows_removed",
    "%(count)d rows of the sibling shard are removed from %(table)r.",
    "After a split, with DELETE_PARENT_SHARD_RECORDS.",
    "Nothing.",
    is_limited=False,
)
WORKER_DIED: Final = error(
    "worker_died",
    "A worker has died.",
    "An error that nobody expected, with its traceback. The process ends with code 1, and the"
    " supervisor starts it anew.",
    "Report it, with the traceback.",
    is_limited=False,
)
WORKER_PROCESS_DIED: Final = error(
    "worker_process_died",
    "A worker process has died.",
    "One of several processes is gone; the others are stopped, and all start anew.",
    "Its own last lines say why; if there are none, it was killed: was memory short?",
    is_limited=False,
)
WORKER_STUCK: Final = warning(
    "worker_stuck",
    "A worker did not stop in time.",
    "The process ends at once. What was not committed is undone, and done again later.",
    "Nothing, if it does not repeat.",
    is_limited=False,
)
SUPERVISOR: Final = Event(
    "supervisor",
    logging.WARNING,
    "%(text)s",
    "A line of supervisord itself, with the level that it has there: a service that ends too soon,"
    " for instance.",
    "The last lines of that service say why.",
)
METRICS_DAMAGED: Final = warning(
    "metrics_damaged",
    "%(path)r is damaged, and is begun anew: %(problem)s",
    "What a process has counted is lost, as at a restart.",
    "Nothing, if it does not repeat: is the disk full?",
)
NOTHING_RECORDED: Final = warning(
    "nothing_recorded",
    "Neither metrics nor signs of life are recorded: %(problem)s",
    "The folder of STATE_DIR cannot be used. The work goes on; where no metrics are wanted, it is"
    " told as INFO.",
    "Make the folder usable for the process, or set [STATE_DIR](settings.md).",
)
REQUEST_FAILED: Final = Event(
    "request_failed",
    logging.DEBUG,
    "A request to the exporter failed.",
    "Somebody has asked for the metrics, and has gone before the answer.",
    "Nothing.",
)
METRICS_UNREADABLE: Final = warning(
    "metrics_unreadable",
    "A file of metrics cannot be read: %(problem)s",
    "The counts of a process are not among the metrics.",
    "Look at that file.",
)
SPANS_DROPPED: Final = warning(
    "spans_dropped",
    "The collector of OpenTelemetry does not take all spans: %(problem)s. %(count)d were dropped,"
    " and more may be. Nothing else is affected.",
    "The collector is away, slow, or refuses spans; or they come faster than they can be handed"
    " over. Told when it begins, and every five minutes.",
    "Is the collector up? If spans come too fast, set a sampler:"
    " [traces](../how-to/trace-with-opentelemetry.md#when-the-collector-is-away).",
    is_limited=False,
)
SPANS_TAKEN: Final = warning(
    "spans_taken",
    "The collector of OpenTelemetry takes spans again; %(count)d more were dropped.",
    "The end of `spans_dropped`.",
    "Nothing.",
    is_limited=False,
)
SPANS_LOST: Final = warning(
    "spans_lost",
    "%(count)d spans did not come to the collector of OpenTelemetry.",
    "A process ends, and the collector has not taken all that it had.",
    "Nothing, but for traces that are not complete.",
    is_limited=False,
)
PROTOCOL_IGNORED: Final = warning(
    "protocol_ignored",
    "%(variable)s is ignored: spans are sent over HTTP, as Protobuf.",
    "A setting of OpenTelemetry wants another protocol for the spans.",
    "Give the address for OTLP over HTTP (usually port 4318), and leave the variable out.",
    is_limited=False,
)
LINES_LEFT_OUT: Final = warning(
    "lines_left_out",
    "%(count)d lines like it were left out in %(seconds).0f s: %(of_event)s, of %(of_logger)s.",
    "There was a storm of one event, of which only some lines were written. With the level of that"
    " event.",
    "See that event.",
    is_limited=False,
)
OTHER: Final = Event(
    "other",
    logging.WARNING,
    "%(text)s",
    "A line of a library: gunicorn, Flask, asyncio, psycopg, Alembic. With their own levels.",
    "The line says what.",
)
EVENTS: Final = (
    *(WORKERS_START, WORKERS_STOP, SERVER_AWAY, SERVER_BACK, BROKER_BLOCKED, BROKER_UNBLOCKED),
    *(SERVER_AWAITED, SETTING_SLOW, IDLE, PARENT_ROWS_REMOVED),
    *(METRICS_DAMAGED, NOTHING_RECORDED, REQUEST_FAILED, METRICS_UNREADABLE),
    *(SPANS_DROPPED, SPANS_TAKEN, SPANS_LOST, PROTOCOL_IGNORED),
    *(WORKER_DIED, WORKER_PROCESS_DIED, WORKER_STUCK, SUPERVISOR, LINES_LEFT_OUT, OTHER),
)
