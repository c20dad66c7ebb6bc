"""Where the servers are, and a database and a virtual host of the benchmark's own on them."""

import json
import os
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

APPLICATION_NAME = "benchmark"
_VARIABLES = ("TEST_POSTGRES_URL", "TEST_BROKER_URL", "TEST_BROKER_MANAGEMENT_URL")
_TIMEOUT_SECONDS = 10


class BenchmarkError(Exception):
    """Something is missing, or does not work as it should. The text is for the user."""


@dataclass(frozen=True)
class Addresses:
    """Everything that is needed to reach the servers."""

    database_url: str
    broker_url: str
    management_url: str
    vhost: str

    @property
    def dsn(self) -> str:
        """The address of the database for psycopg."""
        url = make_url(self.database_url).set(drivername="postgresql")
        return url.render_as_string(hide_password=False)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to the database, in autocommit mode."""
        return psycopg.connect(self.dsn, autocommit=True, application_name=APPLICATION_NAME)

    def manage(self, method: str, *path: str, body: object = None) -> Any:
        """A request to the management API of the broker. Returns the decoded answer."""
        return _manage(self.management_url, method, *path, body=body)

    def broker_pid(self) -> int:
        """The process of the broker, which must run on this machine.

        It takes the management API some seconds after a start of the broker to know it.
        """
        end = time.monotonic() + _TIMEOUT_SECONDS
        while "os_pid" not in (node := self.manage("GET", "nodes")[0]):
            if time.monotonic() >= end:
                raise BenchmarkError("the management API does not tell the process of the broker")
            time.sleep(0.1)
        return int(node["os_pid"])


def _manage(base_url: str, method: str, *path: str, body: object = None) -> Any:
    url = urlsplit(base_url)
    request = urllib.request.Request(
        f"{url.scheme}://{url.hostname}:{url.port}/api/" + "/".join(quote(p, "") for p in path),
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={
            "Authorization": "Basic "
            + b64encode(f"{url.username}:{url.password}".encode()).decode(),
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
        text = answer.read()
    return json.loads(text) if text else None


@contextmanager
def sandbox(environment: Mapping[str, str] = os.environ) -> Iterator[Addresses]:
    """A new database and a new virtual host, for as long as the context lasts.

    Raises `BenchmarkError` if the environment does not tell where the servers are.
    """
    missing = [name for name in _VARIABLES if not environment.get(name)]
    if missing:
        raise BenchmarkError(f"{missing[0]} is not set: use ./dev bench, which starts the servers")
    postgres_url, broker_url, management_url = (environment[name] for name in _VARIABLES)
    name = f"bench_{os.getpid()}"
    addresses = Addresses(
        make_url(postgres_url).set(database=name).render_as_string(hide_password=False),
        f"{broker_url.rstrip('/')}/{name}",
        management_url,
        name,
    )
    admin_dsn = make_url(postgres_url).set(drivername="postgresql")
    with psycopg.connect(
        admin_dsn.render_as_string(hide_password=False),
        autocommit=True,
        application_name=APPLICATION_NAME,
    ) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with _vhost(management_url, name):
                yield addresses
        finally:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            admin.execute(statement.format(sql.Identifier(name)))


@contextmanager
def _vhost(management_url: str, name: str) -> Iterator[None]:
    user = urlsplit(management_url).username or "guest"
    _manage(management_url, "PUT", "vhosts", name, body={})
    try:
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        _manage(management_url, "PUT", "permissions", name, user, body=everything)
        yield
    finally:
        _manage(management_url, "DELETE", "vhosts", name)
