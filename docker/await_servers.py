"""Waits until servers can be reached: ``await_servers.py [--seconds N] THING...``.

The things are ``database``, ``chores_broker``, ``protocol_broker``, and ``migrations``: the schema
of this version, or of a later one that serves it, and the stored procedures of this version. If a
server cannot be reached for N seconds (default 120), or the schema does not serve this version, the
command exits with code 1, and says why in one line. For migrations, which another command applies,
it waits without a limit.
"""

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import psycopg
from pika.exceptions import AMQPError
from psycopg.errors import UndefinedTable

from swpt_accounts.broker.connections import connect_blocking
from swpt_accounts.db.installer import (
    REVISION,
    is_of_later_version,
    procedures_version,
    why_not_before,
)
from swpt_accounts.db.queries import query
from swpt_accounts.db.schema_discovery import TABLES_PATH, Found, Owner, discover
from swpt_accounts.db.session_options import LIMITS, session_options
from swpt_accounts.observability.events.lifecycle import SERVER_AWAITED
from swpt_accounts.observability.log import configure_logging
from swpt_accounts.settings import Settings, SettingsError, load_settings

logger = logging.getLogger("await_servers")

PAUSE_SECONDS_MIN = 0.25
PAUSE_SECONDS_MAX = 5.0
AWAY_SECONDS_MAX = 120.0


class UnavailableError(Exception):
    """A server cannot be reached. The text says why."""


def say(text: str) -> None:
    """Tells the operator."""
    SERVER_AWAITED.log(logger, text=text)


def reason(error: BaseException) -> str:
    """The innermost text there is: pika wraps what the operating system says."""
    while isinstance(error, AMQPError) and error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    inner = getattr(error, "exception", None)
    text = str(inner if isinstance(inner, BaseException) else error) or repr(error)
    return " ".join(text.split())


def connect_to_database(settings: Settings) -> psycopg.Connection[tuple[Any, ...]]:
    """Raises `UnavailableError`."""
    try:
        return psycopg.connect(
            settings.postgres_dsn,
            autocommit=True,
            connect_timeout=5,
            options=session_options(LIMITS),
        )
    except psycopg.Error as error:
        raise UnavailableError(reason(error)) from error


def check_database(settings: Settings) -> None:
    """Raises `UnavailableError`."""
    connect_to_database(settings).close()


def check_broker(url: str) -> None:
    """Raises `UnavailableError`."""
    try:
        connect_blocking(url, "await_servers").close()
    except AMQPError as error:
        raise UnavailableError(reason(error)) from error


def pauses() -> Iterator[float]:
    """Yields how long to wait, in seconds: longer and longer."""
    seconds = PAUSE_SECONDS_MIN
    while True:
        yield seconds
        seconds = min(2 * seconds, PAUSE_SECONDS_MAX)


def await_server(what: str, check: Callable[[], None], seconds_max: float) -> None:
    """Waits until `check` raises `UnavailableError` no more. Exits when it takes too long."""
    end = time.monotonic() + seconds_max
    said = ""
    for pause in pauses():
        try:
            check()
        except UnavailableError as error:
            if str(error) != said:
                said = str(error)
                say(f"waiting for the {what}: {said}")
        else:
            return
        if time.monotonic() + pause >= end:
            sys.exit(f"swpt_accounts: the {what} cannot be reached after {seconds_max:g} s: {said}")
        time.sleep(pause)


def look_at_database(settings: Settings) -> tuple[Found, bool]:
    """What is in the database, and whether the stored procedures of this program are installed.
    Raises `UnavailableError`. Exits where they never will be.
    """
    with connect_to_database(settings) as connection:
        try:
            found = discover(connection)
            connection.execute(f"SET search_path = {TABLES_PATH}")
            has_procedures = connection.execute(
                query("is_installed"), {"version": procedures_version()}
            ).fetchone()
            if is_of_later_version(found.revision) and found.owner is Owner.OURS:
                refuse(why_not_before(connection, found.revision))
        except UndefinedTable:
            return found, False
        except psycopg.Error as error:
            raise UnavailableError(reason(error)) from error
    return found, has_procedures == (True,)


def refuse(problem: str) -> None:
    """Exits where there is one."""
    if problem:
        sys.exit(f"swpt_accounts: {problem}")


def state_of(found: Found) -> str:
    """What the database has instead of the schema of this version."""
    if found.owner is not Owner.OURS:
        return str(found)
    hint = ", which belongs to a later version" if is_of_later_version(found.revision) else ""
    return f"the last migration applied is {found.revision}{hint}"


def await_migrations(settings: Settings, seconds_max: float) -> None:
    """Waits until the latest migration of this program was applied, and its stored procedures are
    installed. (Later ones may have been, too.)
    """
    found = Found(Owner.NOBODY)
    has_procedures = False
    said = ""

    def look_again() -> None:
        nonlocal found, has_procedures
        found, has_procedures = look_at_database(settings)

    for pause in pauses():
        await_server("database", look_again, seconds_max)
        is_ours = found.owner is Owner.OURS and (found.revision or "") >= REVISION
        if is_ours and has_procedures:
            return
        text = (
            f"waiting for migration {REVISION} and procedures {procedures_version()};"
            f" {state_of(found)}"
        )
        if text != said:
            said = text
            say(text)
        time.sleep(pause)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=AWAY_SECONDS_MAX, metavar="N")
    things = ("database", "chores_broker", "protocol_broker", "migrations")
    parser.add_argument("things", nargs="+", choices=things, metavar="THING")
    return parser.parse_args()


def stop(_signal: int, _frame: FrameType | None) -> None:
    """Exit. (The kernel delivers no signal to process 1 of a container that it does not handle.)"""
    sys.exit(143)


def main() -> None:
    """Runs the command."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    arguments = parse_arguments()
    try:
        settings = load_settings(os.environ)
        _ = settings.database_url
    except SettingsError as error:
        sys.exit(f"swpt_accounts: {error}")
    configure_logging(settings)
    checks: dict[str, tuple[str, Callable[[], None]]] = {
        "database": ("database", lambda: check_database(settings)),
        "chores_broker": (
            "broker of chores",
            lambda: check_broker(settings.chores_broker_url),
        ),
        "protocol_broker": (
            "broker of SMP messages",
            lambda: check_broker(settings.protocol_broker_url),
        ),
    }
    for thing in arguments.things:
        if thing == "migrations":
            await_migrations(settings, arguments.seconds)
        else:
            await_server(*checks[thing], arguments.seconds)


if __name__ == "__main__":
    main()
