"""The trace context of a message, as it goes through the tables.

It is a W3C `traceparent`, that of the span of the message that was received, and behind it the
steps that were done: `00-0af7…-b7ad…-01 r1767225600000000 p1767225600012345`. A stored procedure
adds each (`note_step`), with the moment of its transaction.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

_TEXT: Final = re.compile(r"([0-9a-f]{2}(?:-[0-9a-f]{2,32}){3})((?: [rvpfb][0-9]{1,17}){1,8})")


class Step(Enum):
    """What is done with a message, or with what has become of it: the letter in the text."""

    RECEIVED = "r"
    RECIPIENT_VERIFIED = "v"
    TRANSFER_PREPARED = "p"
    TRANSFER_FINALIZED = "f"
    BALANCE_CHANGED = "b"


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A context that was read: the steps are in their order, each with its moment (µs)."""

    traceparent: str
    steps: tuple[tuple[Step, int], ...]


def parse_context(text: str) -> TraceContext | None:
    """Read the text of a row. None if it is not one that the program has written."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    steps = tuple((Step(word[0]), int(word[1:])) for word in found[2].split())
    return TraceContext(found[1], steps)


# Viewers read numbers as JavaScript does, and would round the ids: they are texts.
IDS: Final = (
    *("debtor_id", "creditor_id", "transfer_id"),
    *("coordinator_type", "coordinator_id", "coordinator_request_id"),
)
SYSTEM: Final = {"messaging.system": "rabbitmq"}


def ids_of(message: Any) -> dict[str, str]:
    """The ids in a message of the protocol."""
    fields = type(message).__struct_fields__
    return {f"swpt.{name}": str(getattr(message, name)) for name in IDS if name in fields}
