"""Which statements the database spends its time on, as far as pg_stat_statements is loaded."""

from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from benchmarks.addresses import Addresses

SHOWN_COUNT = 12
_TEXT_LENGTH_MAX = 100


@dataclass(frozen=True)
class Statement:
    """A statement, how often it was executed, and how many milliseconds that took in all."""

    text: str
    calls: int
    total_ms: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class StatementCounter:
    """Counts the statements of this database since the last reset."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        try:
            with addresses.connect() as connection:
                connection.execute("CREATE EXTENSION pg_stat_statements")
                connection.execute("SELECT count(*) FROM pg_stat_statements")
            self._is_available = True
        except psycopg.Error:
            self._is_available = False

    def reset(self) -> None:
        """Forget everything."""
        if self._is_available:
            with self._addresses.connect() as connection:
                connection.execute("SELECT pg_stat_statements_reset()")

    def read(self) -> list[Statement]:
        """The statements that took longest; none, if the extension is not loaded."""
        if not self._is_available:
            return []
        with self._addresses.connect() as connection:
            rows = connection.execute(
                "SELECT query, calls, total_exec_time FROM pg_stat_statements"
                " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " ORDER BY total_exec_time DESC LIMIT %s",
                [SHOWN_COUNT],
            ).fetchall()
        return [Statement(_shorten(text), calls, total) for text, calls, total in rows]


def _shorten(text: str) -> str:
    """The beginning of a statement, without its comments."""
    text = " ".join(line for line in text.splitlines() if not line.startswith("--"))
    return " ".join(text.split())[:_TEXT_LENGTH_MAX]
