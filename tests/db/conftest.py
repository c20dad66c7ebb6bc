"""A shard of one database, empty at the start of each test."""

import pytest

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.settings import Settings
from tests.db.shard import Shard
from tests.model.builders import NOW


@pytest.fixture
def shard(connection: DatabaseConnection, settings: Settings) -> Shard:
    """A shard whose realm is the whole world, at the moment `NOW`."""
    made = Shard(connection, settings)
    made.clear()
    made.set_now(NOW)
    return made
