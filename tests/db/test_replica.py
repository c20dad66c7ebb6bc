"""`verify_books` and `verify_shard_content` on a real streaming replica, which takes no writes."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agentkit.database import dsn_of, execute
from agentkit.databases import databases_on
from agentkit.own_server import own_server
from agentkit.processes import program_command, run
from agentkit.waiting import wait_until
from swpt_accounts.audit.books import check_books, open_books
from swpt_accounts.cli.books import reason_of
from swpt_accounts.settings import load_settings
from tests.support.replica import replica_of, wait_replayed
from verification.kit.shard import Shard
from verification.model.books import commit, prepare
from verification.model.books import open_books as open_model_books
from verification.model.builders import ALICE, BOB

BREAK = f"UPDATE account SET principal = principal + %s WHERE creditor_id = {ALICE}"


@pytest.fixture(scope="module")
def database_url(own_servers: None) -> Iterator[str]:
    """A database on a server of its own, whose replica has little to copy."""
    with own_server() as server, databases_on(server.url) as databases:
        yield databases.create()


@pytest.fixture(scope="module")
def worker_url(database_url: str) -> str:
    """The tests of this module change tables, for which one has to own them."""
    return database_url


@pytest.fixture(scope="module")
def replica_url(database_url: str) -> Iterator[str]:
    """The replica does not wait for those who read."""
    with replica_of(database_url, max_standby_streaming_delay="0") as url:
        yield url


@pytest.fixture
def books(shard: Shard, database_url: str, replica_url: str) -> Shard:
    """Books with changes under way, on the replica too."""
    open_model_books(shard, {ALICE: 1000, BOB: 500})
    prepare(shard, ALICE, BOB, 10)
    commit(shard, [(prepare(shard, BOB, ALICE, 20), 20)])
    wait_replayed(database_url, replica_url)
    return shard


def call(url: str, *arguments: str) -> tuple[int, str]:
    environment = {**os.environ, "POSTGRES_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    result = run(program_command(*arguments, "--database-url", url), environment)
    return result.returncode, result.stdout


def test_books_are_verified_on_a_replica(
    books: Shard, database_url: str, replica_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "books.json"
    code, output = call(replica_url, "verify_books", "--json", "--export", str(path))
    assert code == 0, output
    report: dict[str, Any] = json.loads(output)
    assert (report["is_replica"], report["is_sound"]) == (True, True)
    result = run([sys.executable, "-m", "swpt_accounts", "add_up_books", str(path)], os.environ)
    assert result.returncode == 0, result.stdout
    assert "1 debtor: 1 sound, 0 wrong, 0 unproven" in result.stdout

    execute(dsn_of(database_url), BREAK, 3)
    wait_replayed(database_url, replica_url)
    code, output = call(replica_url, "verify_books", "--quiet")
    assert (code, "add up to 3" in output, "a replica" in output) == (1, True, True)


def test_shard_content_is_verified_on_a_replica(books: Shard, replica_url: str) -> None:
    assert call(replica_url, "verify_shard_content") == (0, "")


def test_conflict_with_recovery_is_told_in_a_line(
    books: Shard, database_url: str, replica_url: str
) -> None:
    settings = load_settings({"POSTGRES_URL": replica_url})
    with pytest.raises(psycopg.Error) as raised, open_books(settings) as snapshot:
        check_books(snapshot)
        execute(dsn_of(database_url), BREAK, 1)
        execute(dsn_of(database_url), BREAK, -1)
        execute(dsn_of(database_url), "VACUUM account")

        def is_ended() -> bool:
            check_books(snapshot)
            return False

        wait_until(is_ended, 60)
    reason = reason_of(raised.value)
    assert "\n" not in reason
    conflict = "conflict with recovery: the replica could not delay recovery any longer."
    lost = "server closed the connection unexpectedly: the server stopped, or a replica could not"
    assert conflict in reason or lost in reason


def test_nothing_is_written(books: Shard, database_url: str) -> None:
    """On a primary it is refused, too."""
    settings = load_settings({"POSTGRES_URL": database_url})
    with (
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        open_books(settings) as snapshot,
    ):
        snapshot.connection.raw.execute("DELETE FROM account")
