"""A virtual host for the tests of a module."""

import os
from collections.abc import Iterator
from itertools import count

import pytest

from agentkit.broker import Broker
from agentkit.management import Management

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


@pytest.fixture(scope="module")
def vhost(management: Management) -> Iterator[str]:
    """A virtual host for the tests of a module."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    management.create_vhost(name)
    yield name
    management.delete_vhost(name)


@pytest.fixture(scope="module")
def broker_url(vhost: str) -> str:
    """The AMQP URL of the module's virtual host."""
    return f"{_require('TEST_BROKER_URL').rstrip('/')}/{vhost}"


@pytest.fixture(scope="module")
def broker(broker_url: str) -> Iterator[Broker]:
    """A connection of the tests to the module's virtual host."""
    made = Broker(broker_url)
    yield made
    made.close()
