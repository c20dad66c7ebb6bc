"""Processes end in time, whatever hangs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from agentkit.authority import Authority
from agentkit.database import dsn_of
from agentkit.messages import prepare
from agentkit.processes import STOP_SECONDS_MAX, Service
from agentkit.waiting import wait_until
from swpt_accounts.core.realm import Realm
from verification.kit.servers import subscribe

KEY = "0.#"
# Runs a command, with a name server that never answers for one host.
COMMAND = """
import socket, sys, threading
from swpt_accounts.cli import swpt_accounts

resolve = socket.getaddrinfo

def hang(host, *args, **options):
    if host != "hanging.example":
        return resolve(host, *args, **options)
    print("the name server is asked", flush=True)
    threading.Event().wait()

socket.getaddrinfo = hang
swpt_accounts(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    return {
        "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": KEY,
        "FETCH_API_URL": "http://hanging.example",
        "APP_FETCH_API_TIMEOUT_SECONDS": "60",
        "APP_ACCOUNTS_SCAN_HOURS": "0.0001",
    }


@pytest.fixture(scope="module")
def half(idle_authority: Authority) -> Authority:
    """A shard that has to ask others, and gets no answer."""
    subscribe(idle_authority)
    realm = Realm.parse(KEY)
    debtor_id = next(n for n in range(1, 1000) if not realm.contains(n, 0))
    sender = next(n for n in range(1, 1000) if realm.contains(debtor_id, n))
    recipient = next(n for n in range(1, 1000) if not realm.contains(debtor_id, n))
    ts = datetime.now(UTC).isoformat()
    idle_authority.start("consume_messages")
    idle_authority.send(prepare(debtor_id, sender, recipient, 0, ts=ts))
    wait_until(lambda: idle_authority.query("SELECT 1 FROM unverified_transfer_request"))
    idle_authority.query(
        "INSERT INTO account (debtor_id, creditor_id, creation_date, last_change_ts,"
        " last_interest_capitalization_ts, last_transfer_id)"
        " VALUES (%s, %s, now(), now(), now(), 1)",
        debtor_id,
        sender,
    )
    return idle_authority


@pytest.mark.parametrize("name", ["process_transfer_requests", "scan_accounts"])
def test_process_does_not_wait_for_a_name_server(
    half: Authority, tmp_path: Path, name: str
) -> None:
    service = Service(name, [sys.executable, "-c", COMMAND, name], tmp_path / "log")
    service.start(half.environment)
    wait_until(lambda: "the name server is asked" in service.log, what=service.log)
    code, seconds = service.terminate()
    assert code == 0, service.log
    assert seconds < STOP_SECONDS_MAX


@contextmanager
def locked(authority: Authority, table: str) -> Iterator[None]:
    with psycopg.connect(dsn_of(authority.database_url)) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("process_transfer_requests", "unverified_transfer_request"),
        ("scan_accounts", "account"),
    ],
)
def test_process_does_not_wait_for_a_lock(half: Authority, name: str, table: str) -> None:
    half.start(name)
    with locked(half, table):
        wait_until(
            lambda: half.query(
                "SELECT 1 FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )
        _, seconds = half.terminate(name)
        assert seconds < STOP_SECONDS_MAX
