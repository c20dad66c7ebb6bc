"""How large tables are, how much WAL is written, and how long a vacuum and a restore take."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql

from agentkit import database
from agentkit.processes import ROOT
from agentkit.waiting import KitError
from benchmarks.addresses import Addresses
from swpt_accounts.db.queries import read_queries

_SECONDS_MAX = 3 * 3600.0


@dataclass(frozen=True)
class TableSize:
    """In bytes."""

    table: int
    indexes: int

    @property
    def total(self) -> int:
        return self.table + self.indexes


@dataclass(frozen=True)
class Restored:
    """How a dump of the database was made, and restored into another one."""

    database_bytes: int
    dump_bytes: int
    dump_seconds: float
    schema_seconds: float
    """What an empty database takes: its tables and procedures alone."""
    restore_seconds: float
    restored_bytes: int


class DatabaseSizes:
    """Asks the database of a benchmark. The WAL is that of the whole server: it must be alone."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._queries = read_queries(str(ROOT / "benchmarks" / "sizes.sql"))

    def ask(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement of sizes.sql."""
        with self._addresses.connect() as connection:
            return connection.execute(self._queries[name].encode(), values or None).fetchall()

    def number(self, name: str, **values: Any) -> int:
        """The one number that a statement of sizes.sql returns."""
        return int(self.ask(name, **values)[0][0])

    def tables(self, *names: str) -> dict[str, TableSize]:
        """The sizes of tables."""
        rows = self.ask("tables", tables=list(names))
        return {name: TableSize(table, indexes) for name, table, indexes in rows}

    def situation(self) -> dict[str, str]:
        """The settings of the server that decide about its WAL."""
        return dict(self.ask("situation"))

    def checkpoint(self) -> None:
        """Let the first change of each page write its image into the WAL, from now on.

        Raises `KitError` if the role may not.
        """
        try:
            self._execute("CHECKPOINT")
        except psycopg.errors.InsufficientPrivilege:
            raise KitError(
                "the role may not CHECKPOINT: it has to be a superuser, or in pg_checkpoint"
            ) from None

    def vacuum(self, table: str) -> float:
        """Vacuum a table. Returns how many seconds that took."""
        started_at = monotonic()
        self._execute(sql.SQL("VACUUM {}").format(sql.Identifier(table)).as_string(None))
        return monotonic() - started_at

    def _execute(self, statement: str) -> None:
        with self._addresses.connect() as connection:
            connection.execute(statement.encode())

    def restore(self, folder: Path) -> Restored:
        """Dump the database into a file, and restore it into a new one, which is dropped then."""
        dump = folder / "database.dump"
        name = f"{self._addresses.vhost}_restored"
        try:
            dump_seconds = _run("pg_dump", "--format=custom", f"--file={dump}", self._addresses.dsn)
            with self._addresses.with_database(name) as new:
                schema_seconds = _run(
                    "pg_restore", "--schema-only", f"--dbname={new.dsn}", str(dump)
                )
            with self._addresses.with_database(name) as new:
                restore_seconds = _run("pg_restore", f"--dbname={new.dsn}", str(dump))
                restored = _database_bytes(new.dsn)
            return Restored(
                database_bytes=_database_bytes(self._addresses.dsn),
                dump_bytes=dump.stat().st_size,
                dump_seconds=dump_seconds,
                schema_seconds=schema_seconds,
                restore_seconds=restore_seconds,
                restored_bytes=restored,
            )
        finally:
            dump.unlink(missing_ok=True)


def _database_bytes(dsn: str) -> int:
    return int(database.execute(dsn, "SELECT pg_database_size(current_database())")[0][0])


def _run(program: str, *arguments: str) -> float:
    """Run a program of PostgreSQL. Returns how many seconds it took; raises `KitError`."""
    started_at = monotonic()
    try:
        result = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, timeout=_SECONDS_MAX
        )
    except FileNotFoundError:
        raise KitError(f"there is no {program} here: install PostgreSQL's client") from None
    except subprocess.TimeoutExpired:
        raise KitError(f"{program} does not end") from None
    if result.returncode:
        raise KitError(f"{program} failed: {result.stderr.strip()}")
    return monotonic() - started_at
