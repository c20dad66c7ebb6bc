"""Connection poolers: the program notices them, for it needs a server session of its own."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.authority import Authority
from agentkit.database import Database
from swpt_accounts.db.connection import connect
from swpt_accounts.db.errors import UnsuitableDatabase
from swpt_accounts.db.installer import procedures_schema
from swpt_accounts.db.session_options import ARRIVED
from swpt_accounts.settings import load_settings

Pooler = Callable[..., str]
IGNORES = "ignore_startup_parameters = extra_float_digits,options"


@pytest.fixture(scope="module")
def worker_url(database_url: str) -> str:
    """The tests of this module change tables, for which one has to own them."""
    return database_url


def error_of(url: str) -> str:
    with pytest.raises(UnsuitableDatabase) as raised:
        connect(load_settings({"POSTGRES_URL": url}), "test")
    return str(raised.value)


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_pooler_that_takes_no_options(pooler: Pooler, database_url: str, mode: str) -> None:
    error = error_of(pooler(database_url, mode))
    assert "a connection pooler rejected the session" in error
    assert "connect directly to PostgreSQL" in error


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_pooler_that_keeps_the_options(pooler: Pooler, database_url: str, mode: str) -> None:
    assert "dropped the options" in error_of(pooler(database_url, mode, IGNORES))


@pytest.mark.parametrize("lines", [[], ["server_round_robin = 1"], ["default_pool_size = 1"]])
def test_pooler_that_gives_sessions_away(
    pooler: Pooler, database_url: str, lines: list[str]
) -> None:
    """It poses as one that passes the options on: they come from the database."""
    mark(database_url)
    url = pooler(database_url, "transaction", IGNORES, *lines)
    assert "shares server sessions between clients" in error_of(url)


def test_pooler_that_keeps_sessions_and_options_would_do(pooler: Pooler, database_url: str) -> None:
    mark(database_url)
    settings = load_settings({"POSTGRES_URL": pooler(database_url, "session", IGNORES)})
    connection = connect(settings, "test")
    connection.listen(["a_topic"])
    Database(database_url).query("NOTIFY a_topic")
    assert connection.wait(10.0) == {"a_topic"}
    connection.close()


def test_pooler_without_free_sessions(pooler: Pooler, database_url: str) -> None:
    mark(database_url)
    url = pooler(database_url, "session", IGNORES, "default_pool_size = 1")
    with pytest.raises(psycopg.OperationalError, match="no free server session"):
        connect(load_settings({"POSTGRES_URL": url}), "test")


def mark(database_url: str) -> None:
    """Let all sessions look as if the options had arrived."""
    name = sql.Identifier(make_url(database_url).database or "")
    for setting, value in (
        (ARRIVED, sql.Literal("yes")),
        ("search_path", sql.SQL("{}, public").format(sql.Identifier(procedures_schema()))),
    ):
        Database(database_url).query(
            sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.SQL(setting), value)
        )


@pytest.mark.parametrize("command", ["process_balance_changes", "consume_messages"])
def test_command_is_refused_at_its_start(
    pooler: Pooler, database_url: str, broker_url: str, tmp_path: Path, command: str
) -> None:
    authority = Authority(pooler(database_url, "transaction"), broker_url, tmp_path)
    try:
        result = authority.run(command)
    finally:
        authority.close()
    assert result.returncode == 1
    (line,) = result.stdout.splitlines()
    assert line.startswith("swpt_accounts: a connection pooler rejected the session.")
