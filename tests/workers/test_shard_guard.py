"""Rows of another shard are found before anything is handled, and not looked for again."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from agentkit.databases import Databases
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.errors import UnsuitableDatabase
from swpt_accounts.db.procedures import LAST_ROW, Procedure
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.workers import shard_guard
from swpt_accounts.workers.shard_guard import ShardGuard
from swpt_accounts.workers.shutdown import ShutdownEvent
from tests.support.realms import find_creditors, make_shard
from verification.kit.shard import Shard, empty_shard
from verification.model.builders import DEBTOR

KEY, SIBLING = "0.1.#", "0.0.#"
TABLE = "account_purge_signal"
ROWS_COUNT = 25


@pytest.fixture(scope="module")
def worker_url(database_url: str) -> str:
    """The tests of this module change tables, for which one has to own them."""
    return database_url


class Counting(DatabaseConnection):
    """Counts the looks at a table."""

    def __init__(self, connection: DatabaseConnection) -> None:
        super().__init__(connection.raw)
        self.looks: list[str] = []

    def call_value(self, procedure: Procedure, **parameters: Any) -> Any:
        self.looks.append(procedure.name)
        return super().call_value(procedure, **parameters)

    def call_table(self, procedure: Procedure, **parameters: Any) -> list[Any]:
        self.looks.append(procedure.name)
        return super().call_table(procedure, **parameters)


def add(connection: DatabaseConnection, key: str, count: int = ROWS_COUNT) -> None:
    (creditor_id,) = find_creditors(key, 1)
    connection.raw.execute(
        f"INSERT INTO {TABLE} (debtor_id, creditor_id, creation_date, ts)"
        " SELECT %s, %s, current_date, current_ts() FROM generate_series(1, %s)",
        [DEBTOR, creditor_id, count],
    )


def count_rows(connection: DatabaseConnection) -> int:
    row = connection.raw.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture(autouse=True)
def batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones."""
    monkeypatch.setattr(shard_guard, "ROWS_COUNT", 10)


@pytest.fixture
def counting(connection: DatabaseConnection, settings: Settings) -> Counting:
    """A connection to an empty database."""
    empty_shard(connection, settings)
    return Counting(connection)


@pytest.fixture
def child(counting: Counting, settings: Settings) -> Shard:
    return make_shard(counting, settings, KEY)


@pytest.fixture
def heir(counting: Counting, settings: Settings) -> Shard:
    """The same shard, which removes what is the sibling's."""
    return make_shard(counting, settings, KEY, DELETE_PARENT_SHARD_RECORDS="true")


def test_looks_once_however_often_one_connects(counting: Counting, child: Shard) -> None:
    guard = ShardGuard()
    add(counting, KEY)
    guard.guard(counting, child.settings, [TABLE])
    assert len(counting.looks) > 3
    counting.looks.clear()
    for _ in range(3):
        add(counting, KEY)
        guard.guard(counting, child.settings, [TABLE])
    assert counting.looks == []
    guard.guard(counting, child.settings, [TABLE, "transfer_request"])
    assert counting.looks == [LAST_ROW.name], "there is nothing in the other table"


def test_last_row_of_many_is_foreign(counting: Counting, child: Shard) -> None:
    guard = ShardGuard()
    add(counting, KEY)
    add(counting, SIBLING, 1)
    for _ in range(3):
        with pytest.raises(UnsuitableDatabase, match=TABLE):
            guard.guard(counting, child.settings, [TABLE])
    counting.raw.execute(f"DELETE FROM {TABLE}")
    guard.guard(counting, child.settings, [TABLE])


def test_rows_are_removed_in_batches_and_said_once(
    counting: Counting, heir: Shard, child: Shard, caplog: pytest.LogCaptureFixture
) -> None:
    guard = ShardGuard()
    for key in (SIBLING, KEY, SIBLING):
        add(counting, key)
    with caplog.at_level(logging.WARNING):
        guard.guard(counting, heir.settings, [TABLE])
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"deleted rows of the sibling shard from table {TABLE}: {2 * ROWS_COUNT}"
    assert count_rows(counting) == ROWS_COUNT
    assert counting.looks.count("drop_parent_rows") == 8
    ShardGuard().guard(counting, child.settings, [TABLE])


def test_stop_ends_it(counting: Counting, child: Shard) -> None:
    guard = ShardGuard()
    add(counting, SIBLING)
    shutdown = ShutdownEvent()
    shutdown.request()
    guard.guard(counting, child.settings, [TABLE], shutdown)
    with pytest.raises(UnsuitableDatabase):
        guard.guard(counting, child.settings, [TABLE], ShutdownEvent())


@pytest.fixture
def other(databases: Databases) -> Iterator[DatabaseConnection]:
    made = connect(load_settings({"POSTGRES_URL": databases.create()}), "test")
    yield made
    made.close()


def test_another_database_is_looked_at_again(
    counting: Counting, child: Shard, other: DatabaseConnection
) -> None:
    guard = ShardGuard()
    guard.guard(counting, child.settings, [TABLE])
    add(other, SIBLING)
    with pytest.raises(UnsuitableDatabase):
        guard.guard(other, child.settings, [TABLE])
