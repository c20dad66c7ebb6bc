"""What operators do with returned messages: list them, retry them, discard them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import namedtuple_row

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.queries import read_queries
from swpt_accounts.settings import Settings
from swpt_accounts.smp.outgoing import SIGNALS, PendingBalanceChange

MONEY: Final = f"{PendingBalanceChange.__name__}Signal"
"""The type of which each message is money on its way."""

BITE_COUNT = 500


@dataclass(frozen=True, kw_only=True)
class ReturnedMessageFilter:
    """Conditions, which a message must all meet."""

    signal_names: list[str] | None = None
    destinations: list[str] | None = None
    reason: str | None = None
    """A part of the reason."""
    since: datetime | None = None
    until: datetime | None = None
    account: tuple[int, int] | None = None
    """A debtor and a creditor."""

    def parameters(self) -> dict[str, Any]:
        """The parameters of the condition `chosen` in `returned_messages.sql`."""
        debtor_id, creditor_id = self.account or (None, None)
        return {**vars(self), "debtor_id": debtor_id, "creditor_id": creditor_id}


def type_name(signal_name: str) -> str:
    """The type of the message, as it is on the wire."""
    return SIGNALS[signal_name].__name__


def as_json(row: Any) -> bytes:
    """A message as one line of JSON, its body unchanged."""
    return msgspec.json.encode(
        {
            "id": row.id,
            "type": type_name(row.signal_name),
            "destination": row.destination,
            "put_aside_at": row.put_aside_at,
            "reason": row.reason,
            "attempts_count": row.attempts_count,
            "message": msgspec.Raw(row.body),
        }
    )


class ReturnedMessages:
    """A connection of an operator. All methods may raise `psycopg.Error`."""

    def __init__(self, connection: DatabaseConnection, choice: ReturnedMessageFilter) -> None:
        self._connection = connection
        self._choice = choice

    def _execute(self, name: str, **parameters: Any) -> Any:
        queries = read_queries("outbox/returned_messages.sql")
        statement = sql.SQL(queries[name]).format(chosen=sql.SQL(queries["chosen"]))
        cursor = self._connection.raw.cursor(row_factory=namedtuple_row)
        return cursor.execute(statement, {**self._choice.parameters(), **parameters})

    def destinations(self) -> list[Any]:
        """A row for each destination, those with the most messages first."""
        rows: list[Any] = self._execute("list").fetchall()
        return rows

    def counts(self) -> dict[str, int]:
        return {row.signal_name: row.count for row in self._execute("count")}

    def messages(self) -> Iterator[Any]:
        """The messages, the oldest first, read in small parts."""
        after_id = 0
        while True:
            rows = self._execute("page", after_id=after_id, count_max=BITE_COUNT).fetchall()
            yield from rows
            if len(rows) < BITE_COUNT:
                return
            after_id = rows[-1].id

    def retry(self) -> int:
        """Make the lines of the messages due now. Returns how many were not."""
        lines = self._execute("lines").fetchall()
        count = 0
        for start in range(0, len(lines), BITE_COUNT):
            names = lines[start : start + BITE_COUNT]
            count += self._execute(
                "retry",
                line_destinations=[line.destination for line in names],
                line_names=[line.signal_name for line in names],
            ).rowcount
        while found := self._execute("retry_without_line", count_max=BITE_COUNT).rowcount:
            count += found
        return count

    def discard(self, save: Callable[[list[Any]], None], *, with_money: bool) -> Iterator[int]:
        """Delete the messages, a bite in each transaction. Yields how many in each bite.

        `save` gets the rows before they are deleted. Messages that are money stay, unless it is
        `with_money`.
        """
        kept_names = [] if with_money else [MONEY]
        after_id, is_more = 0, True
        while is_more:
            with self._connection.raw.transaction():
                rows = self._execute(
                    "discard", after_id=after_id, count_max=BITE_COUNT, kept_names=kept_names
                ).fetchall()
                rows.sort(key=lambda row: row.id)
                if rows:
                    save(rows)
                    after_id = rows[-1].id
                    destinations = list({row.destination for row in rows})
                    self._execute("end_empty_lines", line_destinations=destinations)
            yield len(rows)
            is_more = len(rows) == BITE_COUNT


@contextmanager
def open_returned_messages(
    settings: Settings, choice: ReturnedMessageFilter, *, only_read: bool
) -> Iterator[ReturnedMessages]:
    """Connect as an operator. Raises `psycopg.Error`."""
    queries = read_queries("outbox/returned_messages.sql")
    connection = connect(settings, "returned_messages")
    try:
        connection.raw.execute(queries["open_session"].encode())
        if only_read:
            connection.raw.execute(queries["only_read"].encode())
        yield ReturnedMessages(connection, choice)
    finally:
        connection.close()
