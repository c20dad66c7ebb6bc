"""`./dev migrations`: it measures each migration, and finds a lock that lasts too long."""

import re

import psycopg
import pytest

from agentkit.database import dsn_of, execute
from agentkit.databases import Databases
from agentkit.processes import ROOT
from agentkit.waiting import wait_until
from scripts.migrations import WAIT_SECONDS_MAX, Measured, Stairs, watching
from swpt_accounts.db.migrations import read_migrations

WAITS = f"""
SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'
    AND datname = current_database()
    AND clock_timestamp() - query_start > interval '{WAIT_SECONDS_MAX} seconds'
"""


def test_each_migration_is_measured(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    stairs = Stairs(databases.create_empty())
    stairs.fill(1000)
    measured = list(stairs.climb())
    stairs.close()
    revisions = [one.revision for one in read_migrations(after="0001")]
    assert [one.name[:4] for one in measured] == [*revisions, "all,"]
    assert all(one.seconds > 0 for one in measured)
    # a short one may be over before anything beside it has locked a table
    assert measured[-1].wait_seconds > 0


def test_the_page_has_a_measurement_of_each_migration() -> None:
    """`./dev migrations` prints the table."""
    page = (ROOT / "docs" / "how-to" / "change-the-schema.md").read_text("utf-8")
    revisions = [one.revision for one in read_migrations(after="0001")]
    assert re.findall(r"^\| ([0-9]{4})\b", page, re.MULTILINE) == revisions


def test_a_lock_that_lasts_is_found(databases: Databases) -> None:
    dsn = dsn_of(databases.create())
    with watching(dsn, ["account", "shard"]) as watches, psycopg.connect(dsn) as connection:
        connection.execute("LOCK TABLE account")
        wait_until(lambda: execute(dsn, WAITS), what="the watch waits")
        connection.commit()
    account, shard = watches
    (problem,) = Measured("0099", 1.0, 1.0, account.wait_seconds, account.table).problems
    assert "account was locked for" in problem
    assert shard.wait_seconds > 0


def test_a_migration_that_takes_longer_than_it_is_said_to_is_found() -> None:
    assert Measured("0099", 1.0, 1.0, 1.0, "account").problems == []
    (problem,) = Measured("0099", 2.0, 1.0, 1.0, "account").problems
    assert "READS" in problem
