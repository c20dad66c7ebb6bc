"""Events of incoming and outgoing messages."""

from typing import Final

from swpt_accounts.observability.events.event import error, events_in, info, warning

MESSAGE_DEAD_LETTERED: Final = error(
    "message_dead_lettered",
    "moved a message with routing key %(routing_key)r (%(bytes_count)d bytes) to queue"
    " %(queue)s: %(reason)s",
    "The message can never be processed. It is kept in the dead-letter queue, with the reason.",
    "Read it: [how to](../how-to/read-the-dead-letters.md).",
    more=("message_type",),
    is_about_message=True,
)
DEAD_LETTER_QUEUE_REFUSES: Final = warning(
    "dead_letter_queue_refuses",
    "cannot publish to dead-letter queue %(queue)s: %(problem)s; retrying",
    "The consumer waits until the dead letter is published, five minutes at most.",
    "Check whether the queue is full, or has been declared with another type.",
)
MONEY_LETTER_ELSEWHERE: Final = warning(
    "money_letter_elsewhere",
    "cannot declare queue %(queue)s: %(problem)s; a balance change is kept in queue %(instead)s",
    "The user of the worker has the rights of an earlier version. Others can push the letter out.",
    "Give it [the rights of this version](../how-to/least-privilege.md).",
)
MESSAGES_RENEWED: Final = warning(
    "messages_renewed",
    "replaced messages of queue %(queue)s by copies: %(count)d, redelivered %(returns_count)d"
    " times; a delivery limit would have removed them",
    "These messages were requeued again and again, because the database or a worker was often"
    " unavailable.",
    "See the log of the consumer for the cause.",
)
COPIES_REFUSED: Final = warning(
    "copies_refused",
    "cannot publish copies of redelivered messages to queue %(queue)s: %(problem)s",
    "The delivery limit of the queue may make them dead letters.",
    "Let the user of the consumer write to the default exchange:"
    " [permissions](../reference/amqp.md).",
)
ACCOUNT_LOCKED: Final = warning(
    "account_locked",
    "messages for account (%(debtor_id)d, %(creditor_id)d) are waiting: %(count)d; another session"
    " has held a lock on it for %(seconds).0f s",
    "Only the messages of this account wait.",
    "Find who holds the lock: [how to](../how-to/find-a-late-transfer.md#6-who-holds-a-lock).",
)
ACCOUNT_FREE: Final = warning(
    "account_free",
    "account (%(debtor_id)d, %(creditor_id)d) is unlocked after %(seconds).0f s",
    "The end of `account_locked`: its messages are processed.",
)
BALANCE_CHANGE_IGNORED: Final = error(
    "balance_change_ignored",
    "ignored a balance change older than REMOVE_FROM_ARCHIVE_THRESHOLD_DATE:"
    " account (%(debtor_id)d, %(creditor_id)d), from creditor %(other_creditor_id)d,"
    " change_id %(change_id)d, principal_delta %(principal_delta)d,"
    " committed_at %(committed_at)s (%(total_count)d since the start)",
    "It may have been applied before, so it is not applied again. If it was not, the recipient has"
    " not received the amount.",
    "Look for it in the archive of the shard. The threshold was moved too early:"
    " [REMOVE_FROM_ARCHIVE_THRESHOLD_DATE](settings.md).",
    more=("coordinator_type",),
)
BALANCE_CHANGES_IGNORED: Final = error(
    "balance_changes_ignored",
    "ignored further balance changes of the same batch: %(count)d (%(total_count)d since the"
    " start)",
    "The rest of `balance_change_ignored`, which would need too many lines.",
    "The same as for `balance_change_ignored`.",
)
DRAINING_PAUSE: Final = info(
    "draining_pause",
    "the queue is empty; pausing the consumer for %(seconds).0f s",
    "In draining mode the queue can be deleted during this pause.",
)
MESSAGES_PUT_ASIDE: Final = warning(
    "messages_put_aside",
    "RabbitMQ returned %(message_type)s messages for %(destination)r: %(reason)s; kept for a later"
    " attempt: %(count)d",
    "A destination has become undeliverable. Nothing is lost, and other destinations do not wait.",
    "Check whether a queue is bound for it: [how to end it](../how-to/end-returned-messages.md).",
)
PUT_ASIDE_SENT: Final = warning(
    "put_aside_sent",
    "%(message_type)s messages for %(destination)r are delivered again; sent: %(count)d",
    "The end of `messages_put_aside`.",
)
EVENTS: Final = events_in(globals())
