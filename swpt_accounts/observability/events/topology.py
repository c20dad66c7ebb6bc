"""Events of the commands that declare and delete queues."""

from typing import Final

from swpt_accounts.observability.events.event import events_in, info, warning

QUEUE_BOUND: Final = info(
    "queue_bound",
    "bound queue %(queue)s to exchange %(exchange)s with routing key %(routing_key)r",
    "`subscribe` has succeeded.",
)
QUEUE_UNBOUND: Final = info(
    "queue_unbound",
    "unbound queue %(queue)s from routing key %(routing_key)r",
    "`unsubscribe` has removed the binding of the incoming messages.",
)
QUEUE_DECLARED: Final = info(
    "queue_declared", "declared queue %(queue)s", "The chores queue exists."
)
QUEUE_DELETED: Final = info(
    "queue_deleted",
    "deleted queue %(queue)s with %(count)d messages",
    "`delete_queue` or `unsubscribe` has succeeded. Remaining messages were chores, which the"
    " accounts scan posts again.",
)
QUEUE_MISSING: Final = info(
    "queue_missing", "queue %(queue)s does not exist", "There is nothing to delete."
)
QUEUE_UNREACHABLE: Final = warning(
    "queue_unreachable",
    "waiting for a queue that is down: %(problem)s",
    "A command declares a queue that exists and cannot be reached: RabbitMQ has just started, or"
    " another of its nodes is down. It waits half a minute.",
    "If it fails then, see the log of RabbitMQ.",
)
QUEUE_DELETION_WAITS: Final = info(
    "queue_deletion_waits",
    "waiting for queue %(queue)s: %(count)d messages, %(consumers_count)d consumers",
    "`delete_queue` waits until the queue is empty and unused.",
    "If it lasts, check whether a consumer runs in draining mode.",
)
CHORES_QUEUE_USED: Final = warning(
    "chores_queue_used",
    "chores queue %(queue)s is not deleted: it has %(consumers_count)d consumers; stop them and run"
    " `unsubscribe` again",
    "`unsubscribe` deletes no queue that is in use.",
    "Stop `consume_chore_messages`, and run it again.",
)
CHORES_QUEUE_FOREIGN: Final = warning(
    "chores_queue_foreign",
    "queue %(queue)s is not deleted: it is not a chores queue",
    "CHORES_BROKER_QUEUE names the queue of incoming messages, or of their dead letters.",
    "Correct the setting.",
)
DELIVERY_LIMIT: Final = warning(
    "delivery_limit",
    "%(text)s",
    "The delivery limit of the queue may remove messages.",
    "Do as the line says; see [the queues](../reference/amqp.md).",
    more=("queue",),
)
EVENTS: Final = events_in(globals())
