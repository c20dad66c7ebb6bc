"""A virtual host for the tests of a module, and users who may do there what they need."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from secrets import token_hex
from urllib.parse import urlsplit

import pytest

from agentkit.broker import Broker
from agentkit.management import Management
from agentkit.processes import ROOT

_numbers = count(1)


def _require(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        pytest.exit(f"{variable} is not set: run the tests with ./dev test", returncode=2)
    return value


@pytest.fixture(scope="session")
def management() -> Iterator[Management]:
    """The management API of the test broker."""
    made = Management(_require("TEST_BROKER_MANAGEMENT_URL"))
    yield made
    made.close()


def permissions_of(user: str) -> dict[str, str]:
    """What a user of the whole node may configure, write and read."""
    text = (ROOT / "docker" / "rabbitmq" / "definitions.json").read_text()
    (found,) = (p for p in json.loads(text)["permissions"] if p["user"] == user)
    return {kind: found[kind] for kind in ("configure", "write", "read")}


class Users:
    """Users of the test broker, with the permissions of those of the whole node."""

    def __init__(self, management: Management) -> None:
        self._management = management
        self._password = token_hex(8)
        self._names: set[str] = set()

    def url_as(self, user: str, url: str) -> str:
        """The same address, for that user; what it may do there, and nothing else."""
        name = f"test_{os.getpid()}_{user}"
        if name not in self._names:
            self._management.create_user(name, self._password)
            self._names.add(name)
        parts = urlsplit(url)
        vhost = parts.path.removeprefix("/")
        self._management.permit(vhost, name, **permissions_of(user))
        address = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{name}:{self._password}@{address}").geturl()

    def delete_all(self) -> None:
        for name in self._names:
            self._management.delete_user(name)


@pytest.fixture(scope="session")
def broker_users(management: Management) -> Iterator[Users]:
    """Makes users; all of them are deleted at the end."""
    made = Users(management)
    yield made
    made.delete_all()


@contextmanager
def _new_vhost(management: Management) -> Iterator[str]:
    with management.new_vhost(f"test_{os.getpid()}_{next(_numbers)}") as name:
        yield name


def _url_of(vhost: str) -> str:
    return f"{_require('TEST_BROKER_URL').rstrip('/')}/{vhost}"


@pytest.fixture(scope="module")
def vhost(management: Management) -> Iterator[str]:
    """A virtual host for the tests of a module."""
    with _new_vhost(management) as name:
        yield name


@pytest.fixture(scope="module")
def broker_url(vhost: str) -> str:
    """The AMQP URL of the module's virtual host, for somebody who may do everything."""
    return _url_of(vhost)


@pytest.fixture
def fresh_broker_url(management: Management) -> Iterator[str]:
    """The same, of a virtual host for one test: no queue of another test gets its messages."""
    with _new_vhost(management) as name:
        yield _url_of(name)


@pytest.fixture(scope="module")
def worker_broker_url(broker_users: Users, broker_url: str) -> str:
    """The same, with the permissions of a worker."""
    return broker_users.url_as("swpt_accounts_worker", broker_url)


@pytest.fixture(scope="module")
def broker(broker_url: str) -> Iterator[Broker]:
    """A connection of the tests to the module's virtual host."""
    made = Broker(broker_url)
    yield made
    made.close()
