"""Events of messages, on their way in and out."""

from typing import Final

from swpt_accounts.observability.events.event import error, info, warning

MESSAGE_DEAD_LETTERED: Final = error(
    "message_dead_lettered",
    "A message with routing key %(routing_key)r, of %(bytes_count)d bytes, goes to %(queue)r:"
    " %(reason)s",
    "A message cannot be handled, ever. It is kept in the queue of dead letters, with the reason.",
    "Read it: [how to](../how-to/read-the-dead-letters.md).",
    more=("message_type",),
    is_about_message=True,
)
DEAD_LETTER_QUEUE_REFUSES: Final = warning(
    "dead_letter_queue_refuses",
    "The queue %(queue)r takes no message: %(problem)s. Trying again.",
    "A message is to be put aside, and cannot: its consumer waits, five minutes at most.",
    "Look at that queue: is it full, or of another kind than it should be?",
)
MESSAGES_RENEWED: Final = warning(
    "messages_renewed",
    "%(count)d messages of %(queue)r had come back %(returns_count)d times, and were replaced by"
    " copies: so no delivery limit takes them out of it.",
    "These messages were given back to the queue again and again: the database, or a worker, was"
    " away often.",
    "Look at what fails: it is in the log of the consumer.",
)
COPIES_REFUSED: Final = warning(
    "copies_refused",
    "The queue %(queue)r takes no copies: %(problem)s",
    "Messages that came back often could not be replaced by copies. A delivery limit may put them"
    " among the dead letters.",
    "Let the user of the consumer write to the default exchange:"
    " [permissions](../reference/amqp.md).",
)
ACCOUNT_LOCKED: Final = warning(
    "account_locked",
    "%(count)d messages for account (%(debtor_id)d, %(creditor_id)d) wait: another session has"
    " locked it for %(seconds).0f s.",
    "Only the messages of this account wait.",
    "Find who holds the lock: [how to](../how-to/find-a-late-transfer.md#6-who-holds-a-lock).",
)
ACCOUNT_FREE: Final = warning(
    "account_free",
    "Account (%(debtor_id)d, %(creditor_id)d) is free again, after %(seconds).0f s.",
    "Its messages go on. The end of `account_locked`.",
    "Nothing.",
)
BALANCE_CHANGE_IGNORED: Final = error(
    "balance_change_ignored",
    "A balance change is ignored, for it is older than REMOVE_FROM_ARCHIVE_THRESHOLD_DATE:"
    " account (%(debtor_id)d, %(creditor_id)d), from creditor %(other_creditor_id)d,"
    " change_id %(change_id)d, principal_delta %(principal_delta)d,"
    " committed_at %(committed_at)s. (%(total_count)d since the start.)",
    "It may have been applied before, so it is not applied now. If it was not, somebody misses"
    " the amount.",
    "Look for it in the archive of the shard; the setting was moved on too early:"
    " [REMOVE_FROM_ARCHIVE_THRESHOLD_DATE](settings.md).",
    more=("coordinator_type",),
)
BALANCE_CHANGES_IGNORED: Final = error(
    "balance_changes_ignored",
    "So are %(count)d more balance changes that came with them. (%(total_count)d since the start.)",
    "More of `balance_change_ignored`, whose lines would be too many.",
    "The same as for `balance_change_ignored`.",
)
DRAINING_PAUSE: Final = info(
    "draining_pause",
    "The queue is empty: consuming nothing for %(seconds).0f seconds.",
    "A pause of the draining mode, in which the queue can be deleted.",
)
MESSAGES_PUT_ASIDE: Final = warning(
    "messages_put_aside",
    "The broker does not take %(message_type)s messages to %(destination)r: %(reason)s. They are"
    " put aside, %(count)d for now, and sent again later.",
    "A line of returned messages begins. Nothing is lost, and other destinations do not wait.",
    "Is there a queue for that destination? [How to end it](../how-to/end-returned-messages.md).",
)
PUT_ASIDE_SENT: Final = warning(
    "put_aside_sent",
    "No %(message_type)s messages to %(destination)r are put aside any more: %(count)d were sent.",
    "The end of `messages_put_aside`.",
    "Nothing.",
)
EVENTS: Final = (
    *(MESSAGE_DEAD_LETTERED, DEAD_LETTER_QUEUE_REFUSES, MESSAGES_RENEWED, COPIES_REFUSED),
    *(ACCOUNT_LOCKED, ACCOUNT_FREE, BALANCE_CHANGE_IGNORED, BALANCE_CHANGES_IGNORED),
    *(DRAINING_PAUSE, MESSAGES_PUT_ASIDE, PUT_ASIDE_SENT),
)
