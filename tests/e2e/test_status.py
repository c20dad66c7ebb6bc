"""The status of a whole authority: what it shows, and what it says is wrong."""

import json
import os
import pty
import signal
import subprocess
from typing import Any

import psycopg
import pytest

from agentkit.authority import Authority
from agentkit.currency import Currency
from agentkit.database import dsn_of
from agentkit.processes import ROOT, program_command
from agentkit.waiting import wait_until

NOBODY = "127.0.0.1:1"


def ask(authority: Authority, *options: str, **settings: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what the JSON says."""
    result = authority.run("status", "--json", *options, **settings)
    return result.returncode, json.loads(result.stdout.splitlines()[-1])


def codes(told: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in told["findings"]}


def are_well(authority: Authority) -> bool:
    code, told = ask(authority)
    assert code == (1 if told["findings"] else 0)
    return code == 0


def rate_of(table: str, line: str) -> float:
    """How many rows come into a table, in a second."""
    tables = {told["name"]: told for told in json.loads(line)["database"]["tables"]}
    rates = tables[table]["rates"]
    return 0.0 if rates is None else float(rates["inserted"])


def test_all_is_well(currency: Currency) -> None:
    authority = currency.authority
    wait_until(lambda: are_well(authority))
    result = authority.run("status")
    assert result.returncode == 0
    assert "no problems" in result.stdout.splitlines()[0]
    assert "consume_messages" in result.stdout
    _, told = ask(authority)
    assert [queue["consumers_count"] for queue in told["queues"]] == [1, 1, 0]
    assert told["database"]["tables"][0]["rates"] is None


def test_rates_are_measured(currency: Currency) -> None:
    authority = currency.authority
    command = [*program_command("status"), "--json", "--watch", "--seconds", "0.5"]
    watching = subprocess.Popen(
        command, cwd=ROOT, env=authority.environment, stdout=subprocess.PIPE, text=True
    )
    assert watching.stdout is not None
    try:
        told = json.loads(watching.stdout.readline())
        assert told["database"]["tables"][0]["rates"] is None
        currency.open_root()
        sender, recipient = currency.open_account(1000), currency.open_account()
        for _ in range(3):
            currency.transfer(sender, recipient, 1)
        lines = iter(watching.stdout.readline, "")
        wait_until(lambda: rate_of("transfer_request", next(lines)) > 0)
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(20) == 0
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()


def test_a_worker_that_is_down(currency: Currency) -> None:
    authority = currency.authority
    authority.terminate("flush_messages")
    try:
        code, told = ask(authority)
        assert code == 1
        assert "worker_missing" in codes(told)
        (words,) = [f["words"] for f in told["findings"] if f["code"] == "worker_missing"]
        assert words.startswith("flush_messages ")
    finally:
        authority.start("flush_messages")


def test_a_queue_that_nobody_reads(currency: Currency) -> None:
    authority = currency.authority
    authority.terminate("consume_chore_messages")
    try:
        code, told = ask(authority)
        assert code == 1
        assert {"queue_without_consumers", "worker_missing"} <= codes(told)
    finally:
        authority.start("consume_chore_messages")


@pytest.mark.parametrize(
    ("settings", "servers"),
    [
        ({"SQLALCHEMY_DATABASE_URI": f"postgresql://x@{NOBODY}/x"}, ["the database"]),
        ({"PROTOCOL_BROKER_URL": f"amqp://{NOBODY}"}, ["the broker"]),
        ({"CHORES_BROKER_URL": f"amqp://{NOBODY}"}, ["the broker of chores"]),
        (
            {
                "SQLALCHEMY_DATABASE_URI": f"postgresql://x@{NOBODY}/x",
                "PROTOCOL_BROKER_URL": f"amqp://{NOBODY}",
                "CHORES_BROKER_URL": f"amqp://{NOBODY}",
            },
            ["the database", "the broker"],
        ),
    ],
)
def test_servers_that_are_away(
    currency: Currency, settings: dict[str, str], servers: list[str]
) -> None:
    authority = currency.authority
    code, told = ask(authority, **settings)
    assert code == 2
    assert [s["name"] for s in told["servers"] if s["problem"] is not None] == servers
    assert all("\n" not in (s["problem"] or "") for s in told["servers"])
    away = [f["words"] for f in told["findings"] if f["code"] == "server_away"]
    assert len(away) == len(servers)
    # and the rest is shown anyway
    assert (told["database"] is None) == ("the database" in servers)
    has_broker = "the broker" not in servers
    assert (told["queues"][0]["messages_count"] is not None) == has_broker
    result = authority.run("status", **settings)
    assert result.returncode == 2
    assert "Cannot connect to " in result.stdout
    assert "Traceback" not in result.stdout


def test_a_table_that_is_locked(currency: Currency) -> None:
    authority = currency.authority
    with psycopg.connect(dsn_of(authority.database_url)) as other:
        other.execute("LOCK TABLE returned_message IN ACCESS EXCLUSIVE MODE")
        # its own statements have a limit, too
        code, told = ask(authority)
        assert code == 2
        assert "the database" in [s["name"] for s in told["servers"] if s["problem"]]
    wait_until(lambda: are_well(authority))


def test_it_is_live_in_a_terminal(currency: Currency) -> None:
    """It takes the whole screen, and gives it back when it is interrupted."""
    ours, theirs = pty.openpty()
    size = {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    watching = subprocess.Popen(
        [*program_command("status"), "--watch"],
        cwd=ROOT,
        env={**currency.authority.environment, **size},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""

    def has_seen(text: bytes) -> bool:
        nonlocal seen
        try:
            seen += os.read(ours, 100_000)
        except OSError:
            # nobody has the other end any more
            return True
        return text in seen

    try:
        wait_until(lambda: has_seen(b"scan_registered_balance_changes"))
        assert b"\x1b[?1049h" in seen
        watching.send_signal(signal.SIGINT)
        wait_until(lambda: has_seen(b"\x1b[?1049l"))
        assert b"\x1b[?1049l" in seen
        assert watching.wait(20) == 0
    finally:
        watching.kill()
        watching.wait()
        os.close(ours)
