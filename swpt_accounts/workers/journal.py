"""Records messages in the journal."""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from swpt_accounts.db.procedures import RECORD_MESSAGES


def record(
    call: Callable[..., Any], messages: Iterable[tuple[Struct, bytes]], *, is_sent: bool
) -> None:
    """Record messages with their bodies, in the transaction of `call`, which calls a procedure.

    Does nothing if there are none. What cannot be recorded is missing in the journal, with a
    warning: no message waits for it.
    """
    messages = list(messages)
    if not messages:
        return
    call(
        RECORD_MESSAGES,
        **RECORD_MESSAGES.arrays(
            messages,
            message_type=lambda m: type(m[0]).__name__,
            debtor_id=lambda m: m[0].debtor_id,
            creditor_id=lambda m: m[0].creditor_id,
            coordinator_type=lambda m: getattr(m[0], "coordinator_type", None),
            coordinator_id=lambda m: getattr(m[0], "coordinator_id", None),
            coordinator_request_id=lambda m: getattr(m[0], "coordinator_request_id", None),
            transfer_id=lambda m: getattr(m[0], "transfer_id", None),
            body=lambda m: m[1],
        ),
        is_sent=is_sent,
    )
