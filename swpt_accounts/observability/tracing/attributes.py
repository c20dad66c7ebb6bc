"""What a span says of its message: ids, and never what people have written."""

from typing import Any, Final

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
