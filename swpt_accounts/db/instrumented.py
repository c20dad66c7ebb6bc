"""A psycopg connection that says when it waits for the server."""

from typing import Any

import psycopg
from psycopg.abc import RV, PQGen

from swpt_accounts.observability import heartbeat

SERVER = "the database"


class InstrumentedConnection(psycopg.Connection[tuple[Any, ...]]):
    """While it waits for the server, no heartbeat of its thread is due."""

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        """Consume a generator that operates on the connection."""
        with heartbeat.awaiting(SERVER):
            return super().wait(gen, *args, **kwargs)
