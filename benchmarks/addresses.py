"""Where the servers are, and a database and a virtual host of the benchmark's own on them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from agentkit import database
from agentkit.management import Management
from agentkit.waiting import KitError, wait_until

VARIABLES = ("TEST_POSTGRES_URL", "TEST_BROKER_URL", "TEST_BROKER_MANAGEMENT_URL")
_WAIT_SECONDS_MAX = 10


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
        return database.dsn_of(self.database_url)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to the database, in autocommit mode."""
        return psycopg.connect(
            self.dsn, autocommit=True, application_name=database.APPLICATION_NAME
        )

    def manage(self, method: str, *path: str) -> Any:
        """A request to the management API of the broker. Returns the decoded answer."""
        with closing(Management(self.management_url)) as management:
            return management.request(method, *path)

    def broker_pid(self) -> int:
        """The process of the broker, which must run on this machine.

        It takes the management API some seconds after a start of the broker to know it.
        """

        def pid() -> int:
            return int(self.manage("GET", "nodes")[0].get("os_pid", 0))

        return wait_until(pid, _WAIT_SECONDS_MAX, "the broker tells its process")

    @contextmanager
    def with_database(self, name: str) -> Iterator["Addresses"]:
        """The same, with another new database, for as long as the context lasts."""
        with database.new_database(self.database_url, name) as url:
            yield replace(self, database_url=url)

    @contextmanager
    def with_vhost(self, name: str) -> Iterator["Addresses"]:
        """The same, with another new virtual host, for as long as the context lasts."""
        url = f"{self.broker_url.rpartition('/')[0]}/{name}"
        with closing(Management(self.management_url)) as management, management.new_vhost(name):
            yield replace(self, broker_url=url, vhost=name)


@contextmanager
def sandbox(environment: Mapping[str, str] = os.environ, suffix: str = "") -> Iterator[Addresses]:
    """A new database and a new virtual host, for as long as the context lasts.

    Their names end with the suffix. Raises `KitError` if the environment does not tell where the
    servers are.
    """
    missing = [name for name in VARIABLES if not environment.get(name)]
    if missing:
        raise KitError(f"{missing[0]} is not set: use ./dev bench, which starts the servers")
    postgres_url, broker_url, management_url = (environment[name] for name in VARIABLES)
    name = f"bench_{os.getpid()}{suffix}"
    servers = Addresses(postgres_url, f"{broker_url.rstrip('/')}/", management_url, "")
    with servers.with_database(name) as with_database, with_database.with_vhost(name) as addresses:
        yield addresses
