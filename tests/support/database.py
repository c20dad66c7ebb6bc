"""Databases for the tests."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from agentkit.database import dsn_of, execute
from agentkit.databases import Databases, databases_on
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.settings import Settings, load_settings


def _require(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        pytest.exit(f"{variable} is not set: run the tests with ./dev test", returncode=2)
    return value


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Makes databases; all of them are dropped at the end."""
    with databases_on(make_url(_require("TEST_POSTGRES_URL"))) as made:
        yield made


@pytest.fixture(scope="module")
def database_url(databases: Databases) -> str:
    """A migrated database for the tests of a module: the address of its owner."""
    return databases.create()


@pytest.fixture(scope="module")
def worker_url(databases: Databases, database_url: str) -> str:
    """The same database, with the rights of a worker."""
    return databases.as_runner(database_url)


@pytest.fixture
def settings(worker_url: str, database_url: str) -> Settings:
    """Default settings, with the database of the module, and the rights of a worker.

    The shard of the test before is forgotten: the database is of the one that works in it first.
    """
    execute(dsn_of(database_url), "DELETE FROM shard")
    return load_settings({"SQLALCHEMY_DATABASE_URI": worker_url})


@pytest.fixture
def connection(settings: Settings) -> Iterator[DatabaseConnection]:
    """A connection as the workers have it."""
    made = connect(settings, "test")
    yield made
    made.close()


@pytest.fixture
def as_owner(database_url: str) -> Callable[[str], None]:
    """Runs a statement for which a worker has no right."""

    def run_statement(statement: str) -> None:
        execute(dsn_of(database_url), statement)

    return run_statement


@pytest.fixture
def set_now(connection: DatabaseConnection) -> Callable[[datetime | None], None]:
    """Sets the time of the stored procedures on the test's connection."""

    def set_time(now: datetime | None) -> None:
        value: Any = "" if now is None else now.isoformat()
        connection.raw.execute("SELECT set_config('swpt_accounts.now', %s, false)", [value])

    return set_time
