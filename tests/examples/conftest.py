"""What an example is about: both authorities, one after the other."""

from collections.abc import Iterator

import pytest

from swpt_accounts.db.connection import connect
from swpt_accounts.settings import load_settings
from verification.kit.arithmetic import DatabaseArithmetic
from verification.kit.shard import empty_shard
from verification.model.arithmetic import Arithmetic, OracleArithmetic
from verification.model.builders import NOW
from verification.model.node import Node
from verification.model.oracle_node import OracleNode

BOTH = ["oracle", pytest.param("database", marks=pytest.mark.servers)]


@pytest.fixture(params=BOTH)
def node(request: pytest.FixtureRequest) -> Node:
    """An authority without an account, at the moment `NOW`."""
    if request.param == "oracle":
        return OracleNode(NOW)
    connection, settings = map(request.getfixturevalue, ("connection", "settings"))
    return empty_shard(connection, settings)


@pytest.fixture(scope="module", params=BOTH)
def arithmetic(request: pytest.FixtureRequest) -> Iterator[Arithmetic]:
    """What an authority calculates with."""
    if request.param == "oracle":
        yield OracleArithmetic()
        return
    url = request.getfixturevalue("database_url")
    connection = connect(load_settings({"SQLALCHEMY_DATABASE_URI": url}), "test")
    yield DatabaseArithmetic(connection)
    connection.close()
