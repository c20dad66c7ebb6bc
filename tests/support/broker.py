"""A virtual host for the tests of a module, and users who may do there what they need."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from agentkit.broker import Broker
from agentkit.management import Management, Users

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
