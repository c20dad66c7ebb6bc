"""When all services serve, and when none is left: seen over connections that stay open."""

from contextlib import ExitStack
from typing import Self

from agentkit.authority import QUEUE, READY_SECONDS_MAX, SERVICES
from agentkit.waiting import wait_until
from benchmarks.authority import STOP_SECONDS_MAX, Authority

# A look takes about a millisecond: little is taken from the services that start meanwhile.
LOOK_SECONDS = 0.01
SESSIONS = frozenset(f"swpt_accounts {s}" for sessions in SERVICES.values() for s in sessions)
_PREFIX = "swpt_accounts"


class Readiness:
    """Looks at the database, at the broker, and at the web server of an authority."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._connection = self._open.enter_context(self._authority.addresses.connect())
        self._channel = self._authority.broker.channel
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _sessions(self) -> set[str]:
        rows = self._connection.execute(
            "SELECT application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND starts_with(application_name, %s)",
            [_PREFIX],
        ).fetchall()
        return {name for (name,) in rows}

    def _consumers_count(self) -> int:
        return int(self._channel.queue_declare(QUEUE, passive=True).method.consumer_count)

    def _is_ready(self) -> bool:
        """Whether everything serves. The cheap questions come first."""
        self._authority.check_alive()
        return (
            self._sessions() >= SESSIONS
            and self._consumers_count() > 0
            and self._authority.is_web_ready()
        )

    def wait(self) -> None:
        """Wait until everything serves."""
        wait_until(self._is_ready, READY_SECONDS_MAX, "everything serves", LOOK_SECONDS)

    def wait_for_silence(self) -> None:
        """Wait until nothing is left of processes that have ended."""

        def is_silent() -> bool:
            return not self._sessions() and self._consumers_count() == 0

        wait_until(is_silent, STOP_SECONDS_MAX, "the authority is gone", LOOK_SECONDS)


def await_silence(authority: Authority) -> None:
    """Wait until nothing is left of processes that have ended."""
    with Readiness(authority) as readiness:
        readiness.wait_for_silence()
