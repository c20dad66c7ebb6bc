"""Events of the commands that declare and delete queues."""

from typing import Final

from swpt_accounts.observability.events.event import info, warning

QUEUE_BOUND: Final = info(
    "queue_bound",
    "The queue %(queue)r is bound to %(exchange)r with %(routing_key)r.",
    "`subscribe` has done its work.",
)
QUEUE_UNBOUND: Final = info(
    "queue_unbound",
    "The binding of %(queue)r with %(routing_key)r is removed.",
    "`unsubscribe` has removed the binding of the incoming messages.",
)
QUEUE_DECLARED: Final = info(
    "queue_declared", "The queue %(queue)r is declared.", "The queue of chores is there."
)
QUEUE_DELETED: Final = info(
    "queue_deleted",
    "The queue %(queue)r is deleted, with %(count)d messages.",
    "`delete_queue` or `unsubscribe` has deleted it. What it still had were chores, which the"
    " accounts scan posts again.",
)
QUEUE_MISSING: Final = info(
    "queue_missing", "There is no queue %(queue)r.", "What was to be deleted is not there."
)
QUEUE_DELETION_WAITS: Final = info(
    "queue_deletion_waits",
    "The queue %(queue)r has %(count)d messages and %(consumers_count)d consumers: waiting.",
    "`delete_queue` waits until the queue is empty and unused.",
    "If it lasts: is there a consumer in draining mode?",
)
CHORES_QUEUE_USED: Final = warning(
    "chores_queue_used",
    "The queue of chores %(queue)r has %(consumers_count)d consumers: it stays. When they have"
    " stopped, `unsubscribe` deletes it.",
    "`unsubscribe` deletes no queue that is used.",
    "Stop `consume_chore_messages`, and run it again.",
)
CHORES_QUEUE_FOREIGN: Final = warning(
    "chores_queue_foreign",
    "The queue %(queue)r is not one of chores: it stays.",
    "CHORES_BROKER_QUEUE is the queue of incoming messages, or of their dead letters.",
    "Correct the setting.",
)
DELIVERY_LIMIT: Final = warning(
    "delivery_limit",
    "%(text)s",
    "A delivery limit of the queue may take messages out of it.",
    "Do as the line says: [the queues](../reference/amqp.md).",
    more=("queue",),
)
EVENTS: Final = (
    *(QUEUE_BOUND, QUEUE_UNBOUND, QUEUE_DECLARED, QUEUE_DELETED, QUEUE_MISSING),
    *(QUEUE_DELETION_WAITS, CHORES_QUEUE_USED, CHORES_QUEUE_FOREIGN, DELIVERY_LIMIT),
)
