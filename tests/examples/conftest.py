"""What an example is about: both authorities, one after the other."""

import pytest

from tests.db.shard import empty_shard
from tests.model.builders import NOW
from tests.model.node import Node
from tests.model.oracle_node import OracleNode


@pytest.fixture(params=["oracle", pytest.param("database", marks=pytest.mark.servers)])
def node(request: pytest.FixtureRequest) -> Node:
    """An authority without an account, at the moment `NOW`."""
    if request.param == "oracle":
        return OracleNode(NOW)
    connection, settings = map(request.getfixturevalue, ("connection", "settings"))
    return empty_shard(connection, settings)
