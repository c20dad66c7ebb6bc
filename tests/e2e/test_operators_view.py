"""What operators see of a whole authority with a journal: its status, where transfers are, and what
accounts have seen.
"""

import csv
import io
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agentkit.authority import Authority
from agentkit.currency import Currency
from agentkit.database import dsn_of
from agentkit.keys import ACCOUNTS_IN
from agentkit.messages import Message, encode, finalize, prepare
from agentkit.observer import Observer
from agentkit.processes import ROOT, program_command, run
from agentkit.waiting import wait_until

NOBODY = "127.0.0.1:1"
JOURNAL = "SELECT count(*) FROM journal WHERE debtor_id = %s AND message_type = %s AND is_sent = %s"


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    return {"JOURNAL_DAYS": "3"}


def test_the_demo_leaves_a_healthy_shard_and_a_transfer_to_trace(
    authority: Authority, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "scripts.demo", "--transfers", "4", "--timeout", "40"]
    environment = {
        **authority.environment,
        "PROTOCOL_BROKER_URL": authority.broker_url,
        "SUPERVISOR_DIR": str(tmp_path),
    }

    shown = run(command, environment)

    assert shown.returncode == 0, shown.stdout
    trace = shlex.split(shown.stdout.splitlines()[-1])
    assert trace[:2] == ["./dev", "run"]
    assert "COMMITTED" in authority.run(*trace[2:]).stdout
    status = authority.run("status")
    assert status.returncode == 0, status.stdout


# -- the status ---------------------------------------------------------------------


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
        assert watching.wait(60) == 0
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()


def test_workers_that_are_down(currency: Currency) -> None:
    authority = currency.authority
    down = ("flush_messages", "consume_chore_messages")
    for name in down:
        authority.terminate(name)
    try:
        # For some seconds after the start of the others, these are expected to come.
        wait_until(lambda: "worker_missing" in codes(ask(authority)[1]), 60, "it is told")
        code, told = ask(authority)
        assert code == 1
        assert "queue_without_consumers" in codes(told)
        words = [f["words"] for f in told["findings"] if f["code"] == "worker_missing"]
        assert all(name in " ".join(words) for name in down)
    finally:
        authority.start(*down)


@pytest.mark.parametrize(
    ("settings", "servers"),
    [
        ({"SQLALCHEMY_DATABASE_URI": f"postgresql://x@{NOBODY}/x"}, ["the database"]),
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
    size = {"TERM": "xterm", "COLUMNS": "80", "LINES": "60"}
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
        assert watching.wait(60) == 0
    finally:
        watching.kill()
        watching.wait()
        os.close(ours)


# -- where transfers are ------------------------------------------------------------


def command(authority: Authority, *arguments: object, code: int = 0) -> str:
    """Run a command. Returns its output."""
    result = authority.run(*map(str, arguments))
    assert result.returncode == code, result.stdout
    return result.stdout


def trace(authority: Authority, *arguments: object) -> Any:
    return json.loads(command(authority, "trace", *arguments, "--json"))


def names(found: Any) -> list[str]:
    return [stage["name"] for stage in found["stages"]]


def of_request(request: Message) -> tuple[object, ...]:
    parts = ("coordinator_type", "coordinator_id", "coordinator_request_id")
    return ("coordinator", *(request[name] for name in parts))


def noted(currency: Currency, message_type: str, *, is_sent: bool) -> int:
    rows = currency.authority.query(JOURNAL, currency.debtor_id, message_type, is_sent)
    return int(rows[0][0])


def test_a_transfer_that_is_over(currency: Currency) -> None:
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    request = currency.ask(sender, recipient, 100)
    prepared = currency.answer("PreparedTransfer", request)
    authority = currency.authority
    found = trace(authority, *of_request(request))
    assert found["state"] == "prepared"
    (waits,) = found["waits_for"]
    assert "the coordinator (direct" in waits

    currency.finalize(prepared, 60)
    currency.transfers(recipient, 1)
    wait_until(lambda: noted(currency, "AccountTransfer", is_sent=True) == 3)
    expected = [
        "PrepareTransfer received",
        "PreparedTransfer sent",
        "FinalizeTransfer received",
        "FinalizedTransfer sent",
        "AccountTransfer sent",
        "AccountTransfer sent",
    ]
    key = (currency.debtor_id, sender, prepared["transfer_id"])
    for found in (trace(authority, *of_request(request)), trace(authority, "transfer", *key)):
        assert sorted(names(found)) == sorted(expected)
        assert names(found)[0] == expected[0]
        assert found["state"] == "committed"
        assert found["waits_for"] == found["unread"] == []
        moments = [stage["at"] for stage in found["stages"]]
        assert moments == sorted(moments)
    text = command(authority, "trace", *of_request(request))
    assert "COMMITTED" in text
    assert "60 committed" in text
    hexadecimal = [hex(n % 2**64) for n in key]
    assert (
        command(authority, "trace", "transfer", *hexadecimal).splitlines()[0].split("(at")[0]
        == command(authority, "trace", "transfer", *key).splitlines()[0].split("(at")[0]
    )

    account = trace(authority, "account", currency.debtor_id, recipient)
    assert account["account"]["principal"] == 60
    assert "AccountTransfer sent" in names(account)
    assert trace(authority, "account", currency.debtor_id, 77)["account"] is None


def test_each_message_is_noted_once(currency: Currency) -> None:
    """Whatever agents have sent and received is in the journal, with the same bodies."""
    authority = currency.authority
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    for amount in (1, 2, 3):
        currency.transfer(sender, recipient, amount)
    currency.transfers(recipient, 3)
    rejected = currency.ask(sender, recipient, 10**6, min_locked_amount=10**6)
    currency.answer("RejectedTransfer", rejected)
    assert trace(authority, *of_request(rejected))["state"] == "rejected"

    def noted_bodies(*, is_sent: bool) -> list[bytes]:
        rows = authority.query(
            "SELECT body FROM journal WHERE debtor_id = %s AND is_sent = %s",
            currency.debtor_id,
            is_sent,
        )
        return sorted(bytes(body) for (body,) in rows)

    def observed_bodies() -> list[bytes]:
        currency.observer.receive_all()
        ours = (r for r in currency.observer.messages if r.exchange != ACCOUNTS_IN)
        return sorted(r.body for r in ours if r.data["debtor_id"] == currency.debtor_id)

    # (a message is seen before its transaction is committed)
    wait_until(lambda: len(noted_bodies(is_sent=True)) >= len(observed_bodies()))
    assert noted_bodies(is_sent=True) == observed_bodies()
    assert noted_bodies(is_sent=False) == sorted(map(encode, currency.sent))


def test_statement(currency: Currency) -> None:
    authority = currency.authority
    currency.open_root()
    account = currency.open_account(1000)
    other = currency.open_account()
    currency.transfer(account, other, 300, transfer_note="=1+1")
    currency.transfer(0, account, 7)
    currency.transfers(account, 3)
    wait_until(lambda: noted(currency, "AccountTransfer", is_sent=True) == 4)
    key = (currency.debtor_id, account)
    found = json.loads(command(authority, "statement", *key, "--format", "json"))
    assert [line["amount"] for line in found["lines"]] == [1000, -300, 7]
    assert (found["opening_principal"], found["closing_principal"]) == (0, 707)
    assert found["problems"] == []

    rows = list(csv.DictReader(io.StringIO(csv_of(authority, *key))))
    assert [row["principal"] for row in rows] == ["0", "1000", "700", "707", "707"]
    assert rows[2]["note"] == "'=1+1"
    text = command(authority, "statement", *key)
    assert "opening principal" in text

    middle = found["lines"][1]["at"]
    later = json.loads(command(authority, "statement", *key, "--since", middle, "--format", "json"))
    assert [line["amount"] for line in later["lines"]] == [-300, 7]
    assert later["opening_principal"] == 1000
    earlier = json.loads(
        command(authority, "statement", *key, "--until", middle, "--format", "json")
    )
    assert [line["amount"] for line in earlier["lines"]] == [1000]
    assert earlier["closing_principal"] == 1000

    # somebody has taken money
    authority.query(
        "UPDATE account SET principal = principal - 5 WHERE debtor_id = %s AND creditor_id = %s",
        *key,
    )
    assert "5 is missing without an AccountTransfer" in command(
        authority, "statement", *key, code=1
    )
    authority.query(
        "UPDATE account SET principal = principal + 5 WHERE debtor_id = %s AND creditor_id = %s",
        *key,
    )


def csv_of(authority: Authority, *key: object) -> str:
    """The lines on standard output; the rest, about the journal, is on standard error."""
    text = command(authority, "statement", *key, "--format", "csv")
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith("moment,") or line.count(",") == 7)


def test_resend(currency: Currency) -> None:
    authority = currency.authority
    currency.open_root()
    account = currency.open_account(1000)
    (sent,) = currency.transfers(account, 1)
    wait_until(lambda: noted(currency, "AccountTransfer", is_sent=True) == 1)
    key = f"{currency.debtor_id}/{account}"
    options = ("--account", key, "--type", "AccountTransfer", "--since", "2024-01-01")
    since = len(currency.observer.messages)
    assert "(pass --send to send them): 1 message" in command(authority, "resend", *options)
    assert "Sent: 1 message" in command(authority, "resend", *options, "--send")
    again = currency.wait("AccountTransfer", since=since, creditor_id=account)
    (first,) = (
        r
        for r in currency.observer.messages[:since]
        if r.data == sent and r.properties.type == "AccountTransfer"
    )
    assert (again.body, again.exchange, again.routing_key) == (
        first.body,
        first.exchange,
        first.routing_key,
    )
    assert again.properties.headers == first.properties.headers
    # without an account, what was sent within a time
    moment = sent["ts"]
    shown = command(authority, "resend", "--since", moment, "--type", "AccountTransfer")
    assert re.search(r"send them\): [1-9][0-9]* messages?", shown)
    assert "--since" in command(authority, "resend", code=2)
    refused = command(authority, "resend", "--since", "2024-01-01", "--until", "2023-01-01", code=2)
    assert "must be before" in refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("transfer", "x", "1", "1"), "'x' is no id"),
        (("transfer", "1", "1", "18446744073709551616"), "more than 64 bits"),
        (("account", "1"), "Missing argument 'CREDITOR_ID'"),
        (("coordinator", "dïrect", "1", "1"), "is not a coordinator type"),
    ],
)
def test_bad_ids(idle_authority: Authority, arguments: tuple[str, ...], said: str) -> None:
    assert said in command(idle_authority, "trace", *arguments, code=2)


def test_the_greatest_ids(authority: Authority) -> None:
    for n in (-(2**63), 2**63 - 1):
        found = trace(authority, "transfer", n, n, n)
        assert found["subject"] == {"debtor_id": n, "creditor_id": n, "transfer_id": n}
        assert found["state"] == "unknown"
        assert trace(authority, "coordinator", "direct", n, n)["stages"] == []
        assert trace(authority, "account", n, n)["account"] is None


def test_stages_that_wait(authority: Authority) -> None:
    """Each service that is down is named by the transfer that waits for it."""
    observer = authority.observer
    assert isinstance(observer, Observer)
    currency = Currency(authority)
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()

    authority.terminate("process_transfer_requests")
    request = prepare(currency.debtor_id, sender, recipient, 10)
    authority.send(request)
    subject = of_request(request)
    wait_until(lambda: trace(authority, *subject)["state"] == "waits to be prepared")
    assert "process_transfer_requests" in trace(authority, *subject)["waits_for"][0]

    authority.terminate("flush_messages")
    authority.start("process_transfer_requests")
    wait_until(lambda: trace(authority, *subject)["state"] == "prepared")
    (waits,) = trace(authority, *subject)["waits_for"]
    assert "flush_messages" in waits

    authority.terminate("process_finalization_requests")
    authority.start("flush_messages")
    prepared = currency.answer("PreparedTransfer", request)
    authority.terminate("process_balance_changes")
    currency.send(finalize(prepared, 10))
    wait_until(lambda: trace(authority, *subject)["state"] == "waits to be finalized")
    assert "process_finalization_requests" in trace(authority, *subject)["waits_for"][0]

    authority.start("process_finalization_requests")
    wait_until(lambda: trace(authority, *subject)["state"] == "committed")
    (waits,) = trace(authority, *subject)["waits_for"]
    assert "process_balance_changes" in waits
    authority.start("process_balance_changes")
    wait_until(lambda: not trace(authority, *subject)["waits_for"])
