"""Databases and virtual hosts of one's own, on the servers that `./dev verify` has started."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy.engine import make_url

from agentkit.authority import Authority
from agentkit.databases import Databases
from agentkit.management import Management, Users
from swpt_accounts.broker import topology


@dataclass(frozen=True, slots=True)
class Addresses:
    """A database at the latest migration, and an empty virtual host: for those who may do
    everything, and with the rights of a worker.
    """

    database_url: str
    worker_url: str
    broker_url: str
    worker_broker_url: str


@contextmanager
def own_database() -> Iterator[tuple[str, str]]:
    """The URLs of a new database: its owner's, and that of a worker."""
    databases = Databases(make_url(os.environ["TEST_POSTGRES_URL"]))
    try:
        url = databases.create()
        yield url, databases.as_runner(url)
    finally:
        databases.drop_all()


@contextmanager
def own_addresses() -> Iterator[Addresses]:
    """A new database, virtual host and users, which are gone in the end."""
    with ExitStack() as stack:
        database_url, worker_url = stack.enter_context(own_database())
        management = Management(os.environ["TEST_BROKER_MANAGEMENT_URL"])
        stack.callback(management.close)
        users = Users(management)
        stack.callback(users.delete_all)
        vhost = f"verify_{uuid4().hex}"
        management.create_vhost(vhost)
        stack.callback(management.delete_vhost, vhost)
        broker_url = f"{os.environ['TEST_BROKER_URL'].rstrip('/')}/{vhost}"
        worker_broker_url = users.url_as("swpt_accounts_worker", broker_url)
        yield Addresses(database_url, worker_url, broker_url, worker_broker_url)


def subscribe(authority: Authority) -> None:
    """Declare the exchanges and queues."""
    topology.subscribe(authority.broker_url, authority.queue, authority.realm)
    topology.create_chores_queue(authority.broker_url, authority.chores_queue)
