"""PostgreSQL stops, refuses, forgets, and is full."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event, Timer

import psycopg

from agentkit.database import dsn_of
from verification.chaos.persisting import persist
from verification.chaos.place import ROLE, Place
from verification.chaos.plan import Kind, Step

_BEAT_SECONDS = 0.1
_SERVER = "PostgreSQL's process"
_LOST_SHARE = 0.05
_LOCKED_TABLES = (
    "account",
    "account",
    "account",
    "prepared_transfer",
    "transfer_request",
    "finalization_request",
    "pending_balance_change",
    "prepared_transfer_signal",
    "account_transfer_signal",
)
_LOCK_SECONDS_MAX = 0.3
_LOCKED_ROWS_MAX = 5


def crash(place: Place, step: Step) -> None:
    _restart(place, step, "immediate")


def restart(place: Place, step: Step) -> None:
    _restart(place, step, "fast")


def _restart(place: Place, step: Step, mode: str) -> None:
    place.servers.run("postgres-stop", mode)
    place.wait(step.seconds)
    # While its disk is full, it does not start.
    persist(lambda: place.servers.run("postgres-start"))


def _change(place: Place, *statements: str) -> None:
    for statement in statements:
        persist(partial(place.administrate, statement))


def read_only(place: Place, step: Step) -> None:
    reload = "SELECT pg_reload_conf()"
    _change(place, "ALTER SYSTEM SET default_transaction_read_only = on", reload)
    place.wait(step.seconds)
    _change(place, "ALTER SYSTEM RESET default_transaction_read_only", reload)


def no_connections(place: Place, step: Step) -> None:
    """Somebody else takes every connection that the workers lose."""
    dsn = dsn_of(place.database_link.url)
    end = Event()
    timer = Timer(step.seconds, end.set)
    timer.start()
    taken: list[psycopg.Connection[tuple[object, ...]]] = []
    try:
        while not end.is_set() and not place.is_over.is_set():
            with suppress(psycopg.Error):
                while not end.is_set():
                    taken.append(psycopg.connect(dsn, application_name="somebody else"))
            with suppress(psycopg.Error):
                place.end_backends("application_name <> 'somebody else' AND random() < 0.3")
            end.wait(_BEAT_SECONDS)
    finally:
        timer.cancel()
        for connection in taken:
            connection.close()


def disk_full(place: Place, step: Step) -> None:
    assert place.servers.disk is not None
    path = place.servers.disk / "filler"
    chunk = bytes(1 << 16)
    try:
        with suppress(OSError), path.open("wb", buffering=0) as file:
            while True:
                file.write(chunk)
        place.wait(step.seconds)
    finally:
        path.unlink()


def timeout(place: Place, step: Step) -> None:
    """New sessions of the role get a time limit in which nothing can be done."""
    _change(place, f"ALTER ROLE {ROLE} SET statement_timeout = '1ms'")
    persist(place.end_backends)
    place.wait(step.seconds)
    _change(place, f"ALTER ROLE {ROLE} RESET statement_timeout")


def cancel(place: Place, step: Step) -> None:
    # Statements are short: most are over before they are found.
    _end_again_and_again(place, step, "state = 'active'", "cancel", _BEAT_SECONDS / 10)


def terminate(place: Place, step: Step) -> None:
    _end_again_and_again(place, step, "random() < 0.2", "terminate", 5 * _BEAT_SECONDS)


def _end_again_and_again(
    place: Place, step: Step, condition: str, how: str, pause_max: float
) -> None:
    chooser = random.Random(step.seed)
    end = time.monotonic() + step.seconds
    while time.monotonic() < end:
        with suppress(psycopg.Error):
            place.end_backends(condition, how=how)
        place.wait(chooser.uniform(0, pause_max))


def _lock_at_random(dsn: str, finished: Event, seed: int) -> None:
    """Lock some rows for a moment, again and again."""
    chooser = random.Random(seed)
    with psycopg.connect(dsn) as connection:
        while not finished.is_set():
            table = chooser.choice(_LOCKED_TABLES)
            connection.execute(
                f"SELECT FROM {table} WHERE random() < 0.3 LIMIT {_LOCKED_ROWS_MAX}"
                " FOR UPDATE SKIP LOCKED"
            )
            finished.wait(chooser.uniform(0, _LOCK_SECONDS_MAX))
            connection.rollback()


def locks(place: Place, step: Step) -> None:
    finished = Event()
    timer = Timer(step.seconds, finished.set)
    timer.start()
    with suppress(psycopg.Error):  # another fault has ended the session
        _lock_at_random(place.authority.database.dsn, finished, step.seed)
    timer.cancel()


def lost_commits(place: Place, step: Step) -> None:
    link = place.database_link
    link.lost_answers_share = _LOST_SHARE
    place.wait(step.seconds)
    link.lost_answers_share = 0.0


FAULTS: dict[Kind, Callable[[Place, Step], None]] = {
    Kind(
        "pg-crash", "an immediate stop of PostgreSQL, and a start", (0.0, 2.0), (), _SERVER
    ): crash,
    Kind("pg-restart", "a fast stop, and a start", (0.0, 2.0), (), _SERVER): restart,
    Kind(
        "pg-read-only", "default_transaction_read_only is on, and a reload", (0.5, 4.0)
    ): read_only,
    Kind("pg-connections", "no connection is left for the workers", (0.5, 4.0)): no_connections,
    Kind("pg-disk-full", "the disk of the database is full", (0.5, 4.0)): disk_full,
    Kind(
        "pg-timeout", "statement_timeout of the role is 1 ms, and new sessions", (0.5, 4.0)
    ): timeout,
    Kind("pg-cancel", "statements are cancelled", (0.5, 4.0)): cancel,
    Kind("pg-terminate", "backends are terminated", (0.5, 4.0)): terminate,
    Kind("pg-locks", "somebody locks rows for moments", (0.5, 4.0)): locks,
    Kind(
        "pg-lost-answers", "answers after commits are lost, with their connections", (1.0, 4.0)
    ): lost_commits,
}
