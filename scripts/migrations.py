"""`./dev migrations`: how long each migration takes, and how long others wait for its locks.

Makes a database with many accounts (scripts/big_books.sql), goes back to the first migration, and
then forward one by one, while a session for each table locks it, as workers do, all the time. Exits
with 1 if somebody waits for longer than the budget, or a migration takes longer than what `upgrade
check` says of it.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Final

import flask_migrate
import psycopg
from flask import Flask
from psycopg import sql

from agentkit.database import dsn_of, new_database
from agentkit.processes import ROOT, system_program
from swpt_accounts.db.engine import init_database
from swpt_accounts.db.migrations import SECONDS_OF_PROCEDURES, Migration, read_migrations
from swpt_accounts.db.tables import db
from swpt_accounts.settings import load_settings

WAIT_SECONDS_MAX: Final = 1.0
"""The budget: with a million accounts nobody waits for a lock for longer."""
_PAUSE_SECONDS: Final = 0.02
_ACCOUNTS_PER_DEBTOR: Final = 1000
_TABLES: Final = """
SELECT relname, greatest(reltuples::bigint, 0) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND relname NOT LIKE 'alembic%' AND NOT relispartition
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """A step: how long it took and may take, and the longest wait for a lock, and where."""

    name: str
    seconds: float
    seconds_max: float
    wait_seconds: float
    table: str

    def __str__(self) -> str:
        where = f" ({self.table})" if self.table else ""
        return (
            f"| {self.name} | {self.seconds:.2f} s | {self.seconds_max:.1f} s"
            f" | {self.wait_seconds * 1000:.0f} ms{where} |"
        )

    @property
    def problems(self) -> list[str]:
        """What is over the budget."""
        found = []
        if self.wait_seconds > WAIT_SECONDS_MAX:
            found.append(f"{self.name}: {self.table} was locked for {self.wait_seconds:.1f} s")
        if self.seconds > self.seconds_max:
            found.append(
                f"{self.name} took {self.seconds:.1f} s, not {self.seconds_max:.1f} s: the rows of"
                " which tables does it read? (READS)"
            )
        return found


class Watch:
    """A session that locks a table, as those that write do, again and again."""

    def __init__(self, dsn: str, table: str, stop: Event) -> None:
        self.table = table
        self.wait_seconds = 0.0
        self._dsn = dsn
        self._stop = stop
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        lock = sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(sql.Identifier(self.table))
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while not self._stop.wait(_PAUSE_SECONDS):
                with connection.transaction():
                    began_at = time.monotonic()
                    connection.execute(lock)
                    self.wait_seconds = max(self.wait_seconds, time.monotonic() - began_at)

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()


@contextmanager
def watching(dsn: str, tables: list[str]) -> Iterator[list[Watch]]:
    """All tables are watched, until the end of the context."""
    stop = Event()
    with ExitStack() as stack:
        watches = []
        for table in tables:
            watches.append(Watch(dsn, table, stop))
            stack.callback(watches[-1].join)
        stack.callback(stop.set)
        yield watches


class Stairs:
    """A database with many accounts, at one migration after the other."""

    def __init__(self, url: str) -> None:
        self.dsn = dsn_of(url)
        self._app = Flask("swpt_accounts")
        settings = load_settings({"POSTGRES_URL": url})
        init_database(self._app, settings)
        self._app.extensions["swpt_accounts_settings"] = settings

    def fill(self, accounts: int) -> None:
        """Make the accounts, at the latest migration, and go back to the first one."""
        self._go("upgrade", "head")
        debtors = max(accounts // _ACCOUNTS_PER_DEBTOR, 1)
        fill(self.dsn, accounts, debtors)
        self._go("downgrade", "0001")

    def climb(self) -> Iterator[Measured]:
        """Each migration alone; then all at once, with the stored procedures."""
        rows = self._rows()
        migrations = read_migrations(after="0001")
        for one in migrations[:-1]:
            yield self._measure(one.revision, [one], rows, one.revision)
        last = migrations[-1]
        yield self._measure(f"{last.revision}, procedures", [last], rows, "head")
        self._go("downgrade", "0001")
        yield self._measure("all, procedures", migrations, rows, "head")

    def close(self) -> None:
        """Disconnect."""
        with self._app.app_context():
            db.engine.dispose()

    def _measure(
        self, name: str, migrations: list[Migration], rows: dict[str, int], revision: str
    ) -> Measured:
        with watching(self.dsn, list(self._rows())) as watches:
            began_at = time.monotonic()
            self._go("upgrade", revision)
            seconds = time.monotonic() - began_at
        longest = max(watches, key=lambda watch: watch.wait_seconds)
        seconds_max = sum(one.seconds(rows) for one in migrations)
        if revision == "head":
            seconds_max += SECONDS_OF_PROCEDURES
        return Measured(name, seconds, seconds_max, longest.wait_seconds, longest.table)

    def _rows(self) -> dict[str, int]:
        with psycopg.connect(self.dsn) as connection:
            return dict(connection.execute(_TABLES).fetchall())

    def _go(self, direction: str, revision: str) -> None:
        with self._app.app_context():
            command: Any = getattr(flask_migrate, direction)
            command(revision=revision)


def fill(dsn: str, accounts: int, debtors: int) -> None:
    """Run scripts/big_books.sql. The address, with its password, is no argument."""
    psql = system_program("psql") or "psql"
    info = psycopg.conninfo.conninfo_to_dict(dsn)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    environment = {names[key]: str(info[key]) for key in names if key in info}
    command = [psql, "-qX", "-v", "ON_ERROR_STOP=1", "-d", str(info["dbname"])]
    sizes = ["-v", f"accounts={accounts}", "-v", f"debtors={debtors}"]
    subprocess.run(
        [*command, *sizes, "-f", str(ROOT / "scripts" / "big_books.sql")],
        env={**os.environ, **environment},
        check=True,
    )


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(
        prog="./dev migrations",
        description="Measure how long each migration takes, and how long others wait for it.",
    )
    parser.add_argument("--accounts", type=int, default=1_000_000, metavar="N")
    return parser.parse_args(words)


def main() -> int:
    """Run the command, on the servers of the tests."""
    arguments = parse(sys.argv[1:])
    problems = []
    with new_database(os.environ["TEST_POSTGRES_URL"], "swpt_migrations") as url:
        stairs = Stairs(url)
        stairs.fill(arguments.accounts)
        print("| migration | took | at most, by `upgrade check` | longest wait for a lock |")
        print("|---|---:|---:|---|")
        for measured in stairs.climb():
            print(measured, flush=True)
            problems += measured.problems
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
