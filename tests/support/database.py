"""Databases of the tests' own: migrated once, then copied; and the role that works on them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import datetime
from itertools import count
from secrets import token_hex
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from agentkit.database import dsn_of, execute
from agentkit.processes import migrate_command, run
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.settings import Settings, load_settings

_numbers = count(1)


def _require(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        pytest.exit(f"{variable} is not set: run the tests with ./dev test", returncode=2)
    return value


class Databases:
    """Creates and drops databases on the test server."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.running_role = f"test_{os.getpid()}_runner_{next(_numbers)}"
        self.reading_role = f"{self.running_role}_reader"
        self._password = token_hex(8)
        self._has_role = False
        self._is_borrowed = False
        self._names: list[str] = []
        self._template: str | None = None

    def _admin(self, statement: str, *names: str) -> None:
        execute(dsn_of(self.url), sql.SQL(statement).format(*map(sql.Identifier, names)))

    def create_empty(self) -> str:
        """The URL of a new database without tables."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self._admin("CREATE DATABASE {}", name)
        self._names.append(name)
        return self._url_of(name)

    def create(self) -> str:
        """The URL of a new database at the latest migration."""
        if self._template is None:
            url = self.create_empty()
            roles = {"POSTGRES_RUNNING_ROLE": self.create_role()}
            migrate(url, "upgrade", POSTGRES_READING_ROLE=self.reading_role, **roles)
            self._template = make_url(url).database
        assert self._template is not None
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self._admin("CREATE DATABASE {} TEMPLATE {}", name, self._template)
        self._names.append(name)
        return self._url_of(name)

    def create_role(self) -> str:
        """The name of the role as which workers run: it owns nothing, and has no rights yet."""
        if not self._has_role:
            create = f"CREATE ROLE {{}} LOGIN PASSWORD '{self._password}'"
            self._admin(create, self.running_role)
            self._admin(create, self.reading_role)
            self._has_role = True
        return self.running_role

    def as_runner(self, url: str) -> str:
        """The URL of the same database for that role, as workers have it."""
        changed = make_url(url).set(username=self.create_role(), password=self._password)
        return changed.render_as_string(hide_password=False)

    def as_reader(self, url: str) -> str:
        """The URL of the same database for the role that can only read."""
        changed = make_url(self.as_runner(url)).set(username=self.reading_role)
        return changed.render_as_string(hide_password=False)

    def borrowed(self, template: str) -> "Databases":
        """What copies this database, for another process: it drops its copies, and no role."""
        made = copy(self)
        made._template, made._names, made._is_borrowed = template, [], True
        return made

    def drop_all(self) -> None:
        for name in self._names:
            self._admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        if self._has_role and not self._is_borrowed:
            self._admin("DROP ROLE {}", self.running_role)
            self._admin("DROP ROLE {}", self.reading_role)

    def _url_of(self, name: str) -> str:
        return self.url.set(database=name).render_as_string(hide_password=False)


@contextmanager
def databases_on(url: URL) -> Iterator[Databases]:
    """Makes databases on a server; all of them are dropped at the end."""
    made = Databases(url)
    yield made
    made.drop_all()


def migrate(url: str, *command: str, **settings: str) -> str:
    """Run `flask db COMMAND` on a database. Returns its output."""
    environment = {**os.environ, "SQLALCHEMY_DATABASE_URI": url, **settings}
    result = run(migrate_command(*command), environment)
    assert result.returncode == 0, result.stdout
    return result.stdout


def call_function(connection: DatabaseConnection, name: str, *arguments: object) -> Any:
    """The value of a function of the database that only other functions call."""
    row = connection.raw.execute(
        "SELECT ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) AS t)"
        " FROM pg_proc WHERE oid = %s::text::regproc",
        [name],
    ).fetchone()
    assert row is not None
    casts = sql.SQL(", ").join(sql.SQL(f"%s::{sql_type}") for sql_type in row[0])
    statement = sql.SQL("SELECT {}({})").format(sql.Identifier(name), casts)
    found = connection.raw.execute(statement, arguments).fetchone()
    assert found is not None
    return found[0]


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
def settings(worker_url: str) -> Settings:
    """Default settings, with the database of the module, and the rights of a worker."""
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
