"""How much waits in the queues and the outboxes, and since when."""

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from agentkit.database import dsn_of
from swpt_accounts.db.backlog import (
    EXACT_COUNT_MAX,
    OUTBOXES,
    QUEUES,
    TableBacklog,
    backlog_query,
    read_backlog,
)
from swpt_accounts.db.connection import DatabaseConnection
from verification.kit.rows import OUTBOXES as OUTBOX_TABLES
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.builders import NOW, ROOT

MANY = 200_000
FILL = (
    "INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)"
    " SELECT 1, i, '2024-05-20', {now}::timestamptz - interval '1 hour'"
    " FROM generate_series(1, {count}) AS i"
)


def by_table(connection: DatabaseConnection) -> dict[str, TableBacklog]:
    return {row.table_name: row for row in read_backlog(connection.raw)}


def fill(shard: Shard, count: int) -> None:
    shard.connection.raw.execute(
        sql.SQL(FILL).format(now=sql.Literal(NOW), count=sql.Literal(count))
    )


@pytest.fixture
def vacuum(database_url: str) -> Callable[[str], None]:
    """Vacuums a table."""

    def run(table: str) -> None:
        with psycopg.connect(dsn_of(database_url), autocommit=True) as connection:
            connection.execute(sql.SQL("VACUUM {}").format(sql.Identifier(table)))

    return run


def test_every_outbox_is_looked_at() -> None:
    assert {*OUTBOX_TABLES, "returned_message"} == set(OUTBOXES)


def test_nothing_waits(shard: Shard) -> None:
    found = by_table(shard.connection)
    assert list(found) == [*QUEUES, *OUTBOXES]
    assert {(row.rows_count, row.is_estimate, row.age_seconds) for row in found.values()} == {
        (0, False, None)
    }


def test_what_waits_is_counted(shard: Shard) -> None:
    shard.receive(builders.prepare_transfer(ROOT + 1, ROOT, 1))
    fill(shard, 3)
    shard.set_now(NOW + timedelta(seconds=30))
    found = by_table(shard.connection)
    outbox = found["account_purge_signal"]
    assert (outbox.rows_count, outbox.is_estimate) == (3, False)
    assert outbox.waits_since == NOW - timedelta(hours=1)
    assert outbox.age_seconds == 3630
    assert sum(row.rows_count for row in found.values()) == 4


def test_a_row_from_the_future_has_no_negative_age(shard: Shard) -> None:
    fill(shard, 1)
    shard.set_now(NOW - timedelta(days=1))
    assert by_table(shard.connection)["account_purge_signal"].age_seconds == 0


@pytest.mark.parametrize(
    ("count", "is_estimate"), [(EXACT_COUNT_MAX - 1, False), (EXACT_COUNT_MAX, True)]
)
def test_few_rows_are_counted_exactly(shard: Shard, count: int, is_estimate: bool) -> None:
    fill(shard, count)
    outbox = by_table(shard.connection)["account_purge_signal"]
    assert (outbox.rows_count, outbox.is_estimate) == (count, is_estimate)


def test_many_rows_are_estimated_from_few_pages(
    shard: Shard, vacuum: Callable[[str], None]
) -> None:
    fill(shard, MANY)
    outbox = by_table(shard.connection)["account_purge_signal"]
    assert outbox.is_estimate
    assert 0.7 < outbox.rows_count / MANY < 1.3
    assert rows_read(shard.connection) < 100_000
    # most of them are done, and the pages are still there
    shard.connection.raw.execute("DELETE FROM account_purge_signal WHERE creditor_id > 3")
    vacuum("account_purge_signal")
    outbox = by_table(shard.connection)["account_purge_signal"]
    assert (outbox.rows_count, outbox.is_estimate) == (3, False)


def rows_read(connection: DatabaseConnection) -> int:
    """How many rows, and index entries, the statement reads, as its plan shows."""
    statement = b"EXPLAIN (ANALYZE, FORMAT JSON) " + backlog_query()
    row = connection.raw.execute(statement).fetchone()
    assert row is not None

    def add_up(node: dict[str, object]) -> int:
        plans = node.get("Plans", [])
        assert isinstance(plans, list)
        rows, loops = node["Actual Rows"], node["Actual Loops"]
        assert isinstance(rows, int | float)
        assert isinstance(loops, int)
        return sum(map(add_up, plans), int(rows * loops) if not plans else 0)

    return add_up(row[0][0]["Plan"])
