"""A database that is backed up and restored elsewhere, as docs/operations.md tells."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from agentkit.authority import Authority
from agentkit.databases import Databases
from agentkit.messages import Message, balance_change, now_text
from tests.docker.agents import CREDITORS, DEBTOR, Agents

GIFT = 77
STRANGER = 99


def run(program: str, url: str, *words: str) -> None:
    """Runs a program of PostgreSQL on a database."""
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([program, *words, f"--dbname={dsn}"], check=True)


@pytest.fixture(scope="module")
def restored(
    authority: Authority, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Authority]:
    """An authority, not started, for the restored database; it is empty yet."""
    folder = tmp_path_factory.mktemp("restored")
    made = Authority(databases.create_empty(), authority.broker_url, folder)
    yield made
    made.close()


def from_another_shard() -> Message:
    """A gift from an account that lives there."""
    return balance_change(
        DEBTOR, CREDITORS[0], STRANGER, GIFT, change_id=123456789, committed_at=now_text()
    )


def test_nothing_is_applied_twice(
    authority: Authority, restored: Authority, tmp_path: Path
) -> None:
    agents = Agents(authority)
    agents.open_accounts()
    agents.pay(0, CREDITORS[0])
    authority.query("INSERT INTO older_senders VALUES ('move', '9999-01-01')")
    agents.send(from_another_shard())
    agents.paid[CREDITORS[0]] += GIFT
    agents.wait_balances()

    # Everything stops in the midst of work, with messages and rows in every queue.
    begun = [agents.begin(0, CREDITORS[i % 2]) for i in range(20)]
    for request in begun[:10]:
        agents.commit(request)
    authority.stop()
    run("pg_dump", authority.database_url, "--format=custom", f"--file={tmp_path}/dump")
    run("pg_restore", restored.database_url, "--exit-on-error", f"{tmp_path}/dump")

    # As if RabbitMQ had been restored too, messages that were handled long ago come again.
    # (A PrepareTransfer would be prepared once more, for its coordinator to dismiss.)
    again = [message for message in agents.sent if message["type"] != "PrepareTransfer"]
    agents.authority = restored
    for message in again:
        restored.send(message)
    restored.start()
    for request in begun[10:]:
        agents.commit(request)
    for request in begun:
        agents.wait_committed(request)
    for message in again:
        restored.send(message)
    agents.pay(CREDITORS[0], CREDITORS[1])
    agents.wait_balances()
