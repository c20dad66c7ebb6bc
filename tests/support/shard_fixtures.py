"""A shard of one database, empty at the start of each test."""

from collections.abc import Iterator

import pytest

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.settings import Settings, load_settings
from verification.kit.shard import Shard, empty_shard


@pytest.fixture
def shard(connection: DatabaseConnection, settings: Settings) -> Shard:
    """A shard whose realm is the whole world, at the moment `NOW`."""
    return empty_shard(connection, settings)


@pytest.fixture(scope="module")
def shared_connection(database_url: str) -> Iterator[DatabaseConnection]:
    """A connection for tests that change nothing."""
    made = connect(load_settings({"SQLALCHEMY_DATABASE_URI": database_url}), "test")
    yield made
    made.close()
