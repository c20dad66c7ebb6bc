"""How the commands start: wrong settings, no processes, wrong options."""

import subprocess
import sys

import pytest

from agentkit.authority import CHORES_QUEUE, QUEUE, Authority
from agentkit.messages import configure
from agentkit.processes import ROOT, free_port
from agentkit.waiting import wait_until

WRONG = [
    ("PROTOCOL_BROKER_PREFETCH_COUNT", "many", "consume_messages"),
    ("CHORES_BROKER_THREADS", "-1", "consume_chore_messages"),
    ("FLUSH_PERIOD", "-1", "flush_messages"),
    ("FLUSH_PROCESSES", "1.5", "flush_messages"),
    ("PROTOCOL_BROKER_QUEUE_ROUTING_KEY", "0.2.#", "subscribe"),
    ("PROTOCOL_BROKER_QUEUE_ROUTING_KEY", "", "consume_messages"),
    ("PROTOCOL_BROKER_URL", "http://localhost", "consume_messages"),
    ("APP_PREPARED_TRANSFER_MAX_DELAY_DAYS", "29", "process_transfer_requests"),
    ("REMOVE_FROM_ARCHIVE_THRESHOLD_DATE", "2999-01-01", "scan_registered_balance_changes"),
    ("APP_LOG_LEVEL", "loud", "scan_accounts"),
    ("DELETE_PARENT_SHARD_RECORDS", "maybe", "verify_shard_content"),
    ("WEBSERVER_PORT", "70000", "process_balance_changes"),
]


@pytest.mark.parametrize(("variable", "value", "command"), WRONG)
def test_wrong_setting(idle_authority: Authority, variable: str, value: str, command: str) -> None:
    result = idle_authority.run(command, **{variable: value})
    assert result.returncode not in (0, None)
    lines = result.stdout.splitlines()
    assert len(lines) == 1, result.stdout
    assert variable in lines[0]
    assert value in lines[0]


def test_no_database_is_set(idle_authority: Authority) -> None:
    result = idle_authority.run("flush_messages", SQLALCHEMY_DATABASE_URI="")
    assert result.returncode == 1
    (line,) = result.stdout.splitlines()
    assert "POSTGRES_URL" in line


def test_password_is_not_told(idle_authority: Authority) -> None:
    wrong = "postgresql+psycopg://user:secret@host:port/db"
    result = idle_authority.run("flush_messages", SQLALCHEMY_DATABASE_URI=wrong)
    assert result.returncode == 1
    assert "secret" not in result.stdout
    assert "SQLALCHEMY_DATABASE_URI" in result.stdout


def test_wrong_setting_of_the_web_server(idle_authority: Authority) -> None:
    result = subprocess.run(
        [
            *(sys.executable, "-m", "gunicorn", "--no-control-socket"),
            *("--bind", f"127.0.0.1:{free_port()}", "--log-level", "error", "wsgi:app"),
        ],
        cwd=ROOT,
        env={**idle_authority.environment, "APP_LOG_FORMAT": "xml"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.returncode != 0
    assert any("APP_LOG_FORMAT" in line for line in result.stdout.splitlines())
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize(
    ("variable", "command"),
    [
        ("PROTOCOL_BROKER_PROCESSES", "consume_messages"),
        ("CHORES_BROKER_PROCESSES", "consume_chore_messages"),
        ("FLUSH_PROCESSES", "flush_messages"),
    ],
)
def test_no_processes(idle_authority: Authority, variable: str, command: str) -> None:
    result = idle_authority.run(command, **{variable: "0"})
    assert result.returncode == 0
    result = idle_authority.run(command, "-p", "0")
    assert result.returncode == 0


def test_no_processes_leave_the_queues_alone(idle_authority: Authority) -> None:
    authority = idle_authority
    broker = authority.broker
    authority.send(configure(9, 2**32 + 1))
    broker.publish("", CHORES_QUEUE, b"{}")
    for command in ("consume_messages", "consume_chore_messages", "flush_messages"):
        assert authority.run(command, "--processes", "0").returncode == 0
    wait_until(lambda: broker.ready_count(QUEUE) == 1)
    wait_until(lambda: broker.ready_count(CHORES_QUEUE) == 1)
    for queue in (QUEUE, CHORES_QUEUE):
        broker.channel.queue_purge(queue)


@pytest.mark.parametrize(
    "arguments",
    [
        ("flush_messages", "NoSuchSignal"),
        ("flush_messages", "AccountUpdate"),
        ("flush_messages", "--wait", "0"),
        ("flush_messages", "--wait", "nan"),
        ("consume_messages", "--processes", "-1"),
        ("consume_messages", "--prefetch-count", "70000"),
        ("consume_chore_messages", "--draining-mode"),
        ("scan_accounts", "--hours", "0"),
        ("scan_accounts", "--hours", "49"),
        ("process_balance_changes", "--threads", "-1"),
        ("no_such_command",),
    ],
    ids=" ".join,
)
def test_wrong_options(idle_authority: Authority, arguments: tuple[str, ...]) -> None:
    result = idle_authority.run(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("flush_messages",),
        ("flush_messages", "RejectedConfigSignal", "AccountPurgeSignal", "-p", "1"),
        ("process_transfer_requests", "--threads", "2", "--wait", "60"),
        ("process_finalization_requests", "-t", "1", "-w", "60"),
        ("process_balance_changes",),
        ("scan_accounts",),
        ("scan_prepared_transfers",),
        ("scan_registered_balance_changes",),
    ],
    ids=" ".join,
)
def test_quit_early_where_there_is_nothing_to_do(
    idle_authority: Authority, arguments: tuple[str, ...]
) -> None:
    result = idle_authority.run(*arguments, "--quit-early")
    assert (result.returncode, result.stdout) == (0, "")


def test_only_the_named_types_are_flushed(idle_authority: Authority) -> None:
    authority = idle_authority
    insert = (
        "INSERT INTO {}_signal (debtor_id, creditor_id, creation_date, ts)"
        " VALUES (1, 4294967297, '2024-01-01', now())"
    )
    authority.query(insert.format("account_purge"))
    result = authority.run("flush_messages", "RejectedTransferSignal", "--quit-early")
    assert (result.returncode, result.stdout) == (0, "")
    assert authority.query("SELECT count(*) FROM account_purge_signal") == [(1,)]
    authority.broker.declare_queue("purges")
    authority.broker.channel.queue_bind("purges", "to_creditors", "#")
    result = authority.run("flush_messages", "AccountPurgeSignal", "--quit-early")
    assert (result.returncode, result.stdout) == (0, "")
    message = authority.broker.get("purges")
    assert message is not None
    assert message.data["creation_date"] == "2024-01-01"
    assert authority.query("SELECT count(*) FROM account_purge_signal") == [(0,)]
