"""All events, and what their fields mean."""

from types import MappingProxyType
from typing import Final

from swpt_accounts.observability.events import (
    background,
    console,
    lifecycle,
    messages,
    progress,
    topology,
)
from swpt_accounts.observability.events.event import Event

GROUPS: Final = (
    ("Messages", messages.EVENTS),
    ("Work", background.EVENTS),
    ("Processes and servers", lifecycle.EVENTS),
    ("Queues", topology.EVENTS),
    ("Long work", progress.EVENTS),
    ("The console", console.EVENTS),
)
EVENTS: Final = MappingProxyType(
    {event.name: event for _, events in GROUPS for event in events},
)

MESSAGE_IDS: Final = (
    *("debtor_id", "creditor_id", "coordinator_type", "coordinator_id"),
    *("coordinator_request_id", "transfer_id"),
)
"""The fields of a line about a message, as far as the message has them."""


def is_limited(name: str) -> bool:
    """Whether lines of an event may be left out in a storm; so it is with unknown ones."""
    event: Event | None = EVENTS.get(name)
    return event is None or event.is_limited


FIELDS: Final = MappingProxyType(
    {
        "action": "what was done in the console: `replay` or `discard`",
        "bytes_count": "the size of a message",
        "change_id": "a balance change, of its `debtor_id` and `other_creditor_id`",
        "check": "a check of the books",
        "chore": "a chore, with all its fields",
        "command": "the command of the process",
        "committed_at": "when the transfer was committed",
        "consumers_count": "how many consumers a queue has",
        "coordinator_id": "the coordinator, as in the messages",
        "coordinator_request_id": "the coordinator's number of the request",
        "coordinator_type": "`direct`, `issuing`, …",
        "count": "how many",
        "creditor_id": "with `debtor_id`, the account",
        "debtor_id": "the currency",
        "destination": "the exchange and the routing key of outgoing messages",
        "done_count": "how many are done",
        "exchange": "an exchange",
        "first_page": "the first of some pages of a table",
        "instead": "the queue that is used in place of another one",
        "kind": "the kind of a problem",
        "last_page": "the last of them",
        "meant": "the setting that a variable may have been meant for",
        "message_type": "`PrepareTransfer`, …; of an incoming message as its sender wrote it",
        "of_event": "the event whose lines were suppressed",
        "of_logger": "the logger of these lines",
        "offset": "the offset of a dead letter in its stream",
        "other_creditor_id": "the other side of a balance change",
        "outcome": "the result of a check, or of an action",
        "outlook": "what is done about it",
        "part": "a part of a move",
        "path": "a file",
        "pid": "the id of the process",
        "principal_delta": "the amount of a balance change",
        "problem": "the error of a server or of another shard; or what is wrong",
        "queue": "a queue",
        "reason": "why the message is refused, or the broker takes none",
        "returns_count": "how often messages were redelivered",
        "routing_key": "the routing key of a message",
        "row_id": "the `id` of the row",
        "seconds": "how long it took, lasts, or will last",
        "server": "`the database` or `the broker`",
        "table": "a table",
        "text": "the whole line",
        "threads_count": "how many threads of this process work",
        "total_count": "how many there are in all",
        "transfer_id": "a prepared transfer of the account",
        "untold": "how many such problems were not logged",
        "variable": "the variable of a setting",
        "verb": "`cannot use` or `still cannot use`",
        "visitor": "the user of the console",
        "waiting_count_max": "how many may wait",
        "worker": "the worker, as in `application_name`",
    }
)
