"""Checks the messages that the broker has returned."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from swpt_accounts.audit.snapshot import BooksSnapshot, part
from swpt_accounts.smp.outgoing import SIGNALS, OutgoingMessage, PendingBalanceChange

_ROWS_AT_ONCE = 10_000


class ReturnedMessageProblem(NamedTuple):
    """A message that cannot be sent again. The ids are None where they cannot be read."""

    debtor_id: int | None
    creditor_id: int | None
    problem: str


def check_returned_messages(snapshot: BooksSnapshot) -> Iterator[ReturnedMessageProblem]:
    """Find what is wrong with the messages of this shard.

    Adds the balance changes among them to `snapshot.changes`.
    """
    changes: list[PendingBalanceChange] = []
    with snapshot.connection.raw.cursor("returned_messages") as cursor:
        cursor.execute(part("returned_messages").encode())
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            for row_id, signal_name, body in rows:
                try:
                    message = _read(signal_name, body)
                except (ValueError, msgspec.DecodeError) as error:
                    yield ReturnedMessageProblem(None, None, f"returned message {row_id}: {error}")
                else:
                    if isinstance(message, PendingBalanceChange) and _is_own(snapshot, message):
                        changes.append(message)
    snapshot.changes = _parameters(changes)


def _read(signal_name: str, body: bytes) -> OutgoingMessage:
    message_type: Any = SIGNALS.get(signal_name)
    if message_type is None:
        raise ValueError(f"unknown message type {signal_name}")
    message: OutgoingMessage = msgspec.json.decode(body, type=message_type)
    if isinstance(message, PendingBalanceChange):
        datetime.fromisoformat(message.committed_at)
    return message


def _is_own(snapshot: BooksSnapshot, change: PendingBalanceChange) -> bool:
    return snapshot.realm.contains(change.debtor_id, change.other_creditor_id)


def _parameters(changes: list[PendingBalanceChange]) -> dict[str, list[Any]]:
    return {
        "returned_debtor_ids": [c.debtor_id for c in changes],
        "returned_creditor_ids": [c.creditor_id for c in changes],
        "returned_other_creditor_ids": [c.other_creditor_id for c in changes],
        "returned_change_ids": [c.change_id for c in changes],
        "returned_principal_deltas": [c.principal_delta for c in changes],
        "returned_committed_at": [datetime.fromisoformat(c.committed_at) for c in changes],
    }
