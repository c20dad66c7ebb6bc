"""What came of a scene, in a form that is the same whenever the scene is played."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from agentkit.messages import Message
from agentkit.received import Received

# What depends on the moment, on what else happened in the database, or on how many changes of an
# account were made together.
_VOLATILE: Final = re.compile(
    r"ts|.*seqnum|.*_ts|.*_at|deadline|creation_date|change_id|interest|last_transfer_id"
    r"|pending_account_update"
)
TABLES: Final = (
    "account_key",
    "account",
    "root_config",
    "prepared_transfer",
    "registered_balance_change",
)
_CHANGED_BY_TRANSFERS: Final = ("principal", "last_transfer_number")
Record = tuple[tuple[str, Any], ...]


class Naming:
    """Gives the ids of a scene names, which are the same in each play."""

    def __init__(self) -> None:
        self._names: dict[int | str, str] = {}
        self._transfers: dict[Any, int] = {}
        self._requests: dict[int, int] = {}

    def name(self, number: int, name: str) -> None:
        """Call an id by a name."""
        self._names[number] = self._names[str(number % (1 << 64))] = name

    def request(self, request_id: int) -> None:
        """Note that this is the next request."""
        self._requests[request_id] = len(self._requests)

    def plain(self, record: Mapping[str, Any]) -> Record:
        """A message or a row, with names in place of ids, and without moments."""
        return tuple(
            (field, self._value(field, value, record))
            for field, value in sorted(record.items())
            if not _VOLATILE.fullmatch(field)
        )

    def _value(self, field: str, value: Any, record: Mapping[str, Any]) -> Any:
        if field == "transfer_id":
            key = record["creditor_id"], value
            return self._transfers.setdefault(key, len(self._transfers))
        if field == "coordinator_request_id":
            return self._requests.get(value, value)
        return self._names.get(value, value) if isinstance(value, int | str) else value


def told(naming: Naming, messages: Iterable[Received]) -> dict[str, list[Record]]:
    """What was said, in its order, to each recipient.

    What was said again in the same words does not count: a message is sent at least once. Of the
    AccountUpdates of an account the last one counts, without what transfers change: how often, and
    how soon, that is told, is nobody's right (see `untold`). Nor does it count when a configuration
    is rejected again, with another `ts`: it was delivered again, and the message says which it was.
    """
    found: dict[str, list[Record]] = {}
    known: set[object] = set()
    for message in messages:
        data = message.data
        key = _known_by(message, data)
        if key in known:
            continue
        known.add(key)
        # what is locked by then depends on the moment, too
        data.pop("total_locked_amount", None)
        records = found.setdefault(_recipient(naming, message, data), [])
        if message.type == "AccountUpdate":
            records.clear()
            for name in _CHANGED_BY_TRANSFERS:
                data.pop(name)
        records.append(naming.plain(data))
    return found


def untold(messages: Iterable[Received], accounts: Iterable[Mapping[str, Any]]) -> list[int]:
    """The accounts whose owners do not know the principal, though no AccountUpdate is pending."""
    told_last: dict[tuple[int, int], Message] = {}
    for message in messages:
        if message.type == "AccountUpdate":
            data = message.data
            key = data["debtor_id"], data["creditor_id"]
            before = told_last.setdefault(key, data)
            if _version(data) >= _version(before):
                told_last[key] = data
    return [
        row["creditor_id"]
        for row in accounts
        if not row["pending_account_update"]
        and (update := told_last.get((row["debtor_id"], row["creditor_id"])))
        and update["principal"] != row["principal"]
    ]


def _version(update: Message) -> tuple[datetime, int]:
    return datetime.fromisoformat(update["last_change_ts"]), update["last_change_seqnum"]


def _known_by(message: Received, data: Message) -> object:
    if message.type != "RejectedConfig":
        return message.body
    return tuple((name, value) for name, value in sorted(data.items()) if name != "ts")


def _recipient(naming: Naming, message: Received, data: Message) -> str:
    """The order is kept among the messages of one type about one account."""
    names = dict(naming.plain({k: v for k, v in data.items() if k in ("debtor_id", "creditor_id")}))
    return f"{message.exchange} {data['type']} {names.get('debtor_id')} {names.get('creditor_id')}"
