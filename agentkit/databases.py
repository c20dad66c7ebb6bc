"""Databases of one's own: migrated once, then copied; and the role that works on them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from itertools import count
from secrets import token_hex

from psycopg import sql
from sqlalchemy.engine import URL, make_url

from agentkit.database import dsn_of, execute
from agentkit.processes import migrate_command, run

_numbers = count(1)


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
