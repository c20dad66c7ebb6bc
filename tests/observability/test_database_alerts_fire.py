"""The alerts about the server of the database fire when their causes happen."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest

from agentkit.authority import Authority
from agentkit.database import dsn_of
from agentkit.databases import databases_on
from agentkit.own_server import own_server
from agentkit.processes import Service, free_port, program_command
from agentkit.waiting import wait_until
from tests.support.prometheus import NEEDED, Prometheus
from tests.support.replica import replica_of
from verification.kit.servers import subscribe

pytestmark = NEEDED

JOB = {"job": "swpt_accounts"}
FIRING = {
    "AccountsArchivingFails": JOB,
    "AccountsStandbyLost": JOB,
    "AccountsWalKept": JOB,
    "AccountsSlotLost": JOB,
}
# 48 MiB, of which a slot may keep 16.
SEGMENTS_COUNT = 3
SERVER = {"archive_mode": "on", "archive_command": "false", "max_slot_wal_keep_size": "16MB"}


@pytest.fixture
def database_url(own_servers: None) -> Iterator[str]:
    """A database on a server of its own, whose archive takes nothing."""
    with own_server(**SERVER) as server, databases_on(server.url) as databases:
        yield databases.create()


@pytest.fixture
def prometheus(database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Prometheus]:
    """It scrapes an exporter that asks this server."""
    port = free_port()
    settings = {"METRICS_PORT": str(port)}
    with ExitStack() as stack:
        made = Authority(database_url, broker_url, tmp_path, settings)
        authority = stack.enter_context(closing(made))
        subscribe(authority)
        exporter = Service("x", program_command("serve_metrics"), tmp_path / "exporter.log")
        exporter.start(authority.environment)
        stack.callback(exporter.kill)
        folder = tmp_path / "prometheus"
        folder.mkdir()
        yield stack.enter_context(closing(Prometheus(folder, {"swpt_accounts": [port]})))


def write_wal(session: psycopg.Connection) -> None:
    """Fill a segment of the WAL, and begin another one."""
    session.execute("SELECT pg_logical_emit_message(false, 'x', repeat('x', 2000000))")
    session.execute("SELECT pg_switch_wal()")


def test_the_database_is_in_trouble(prometheus: Prometheus, database_url: str) -> None:
    with psycopg.connect(dsn_of(database_url), autocommit=True) as session:
        with replica_of(database_url):
            has_one = "swpt_accounts_database_standbys == 1"
            wait_until(lambda: prometheus.query(has_one), 60, "the standby is seen")
        session.execute("SELECT pg_create_physical_replication_slot('somebody', true)")
        write_wal(session)
        first = {name: FIRING[name] for name in list(FIRING)[:3]}
        prometheus.await_alerts(first, lambda: None)
        for _ in range(SEGMENTS_COUNT):
            write_wal(session)
        session.execute("CHECKPOINT")
        prometheus.await_alerts(FIRING, lambda: None)
