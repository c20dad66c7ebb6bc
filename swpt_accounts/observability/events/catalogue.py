"""All events."""

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
