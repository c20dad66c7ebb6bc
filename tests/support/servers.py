"""The marker `servers`: tests that need PostgreSQL or RabbitMQ.

A test has it when it asks for a fixture that needs a server, by whatever way, or when it is
marked. `pytest -m "not servers"` runs the others, without any server.
"""

import pytest

# The fixtures from which all connections to servers come.
SOURCES = {"databases", "management", "own_servers"}


@pytest.fixture(scope="session")
def own_servers() -> None:
    """For fixtures that start PostgreSQL themselves: whoever asks for them has the marker too."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "servers: needs PostgreSQL or RabbitMQ")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests."""
    for item in items:
        if isinstance(item, pytest.Function) and not SOURCES.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.servers)
