"""How the commands start: wrong settings, no processes, wrong options."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from agentkit.authority import CHORES_QUEUE, QUEUE, Authority
from agentkit.messages import configure
from agentkit.processes import (
    ROOT,
    STOP_SECONDS_MAX,
    WEBSERVER_COMMAND,
    Service,
    free_port,
    program_command,
)
from agentkit.waiting import wait_until

WRONG = [
    ("PROTOCOL_BROKER_PREFETCH_COUNT", "many", "consume_messages"),
    ("FLUSH_PERIOD", "-1", "flush_messages"),
    ("PROTOCOL_BROKER_QUEUE_ROUTING_KEY", "0.2.#", "subscribe"),
    ("PROTOCOL_BROKER_QUEUE_ROUTING_KEY", "", "consume_messages"),
    ("PROTOCOL_BROKER_URL", "http://localhost", "consume_messages"),
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
        timeout=60,
        check=False,
    )
    assert result.returncode != 0
    assert any("APP_LOG_FORMAT" in line for line in result.stdout.splitlines())
    assert "Traceback" not in result.stdout


IDLE = "idle until stopped"


@contextmanager
def idling(
    authority: Authority, log: Path, command: str, settings: dict[str, str], *options: str
) -> Iterator[Service]:
    """A command that has said that it does nothing."""
    service = Service(command, program_command(command, *options), log)
    service.start({**authority.environment, **settings})
    try:
        wait_until(lambda: IDLE in service.log, what="it idles")
        assert service.is_alive()
        yield service
    finally:
        service.kill()


@pytest.mark.parametrize(
    ("variable", "command"),
    [
        ("PROTOCOL_BROKER_PROCESSES", "consume_messages"),
        ("CHORES_BROKER_PROCESSES", "consume_chore_messages"),
        ("FLUSH_PROCESSES", "flush_messages"),
    ],
)
def test_no_processes(
    idle_authority: Authority, tmp_path: Path, variable: str, command: str
) -> None:
    """What ended would be started again, and again."""
    with idling(idle_authority, tmp_path / "1", command, {variable: "0"}) as service:
        assert service.terminate()[0] == 0
    with idling(idle_authority, tmp_path / "2", command, {variable: "-1"}) as service:
        assert service.process is not None
        service.process.send_signal(signal.SIGHUP)
        assert service.process.wait(STOP_SECONDS_MAX) == 0


def test_no_processes_of_the_web_server(idle_authority: Authority, tmp_path: Path) -> None:
    service = Service("webserver", WEBSERVER_COMMAND, tmp_path / "log")
    service.start({**idle_authority.environment, "WEBSERVER_PROCESSES": "0"})
    try:
        wait_until(lambda: IDLE in service.log, what="it idles")
        assert not idle_authority.is_web_ready()
        assert service.terminate()[0] == 0
    finally:
        service.kill()


def test_no_processes_leave_the_queues_alone(idle_authority: Authority, tmp_path: Path) -> None:
    authority = idle_authority
    broker = authority.broker
    authority.send(configure(9, 2**32 + 1))
    broker.publish("", CHORES_QUEUE, b"{}")
    with ExitStack() as idle:
        for command in ("consume_messages", "consume_chore_messages", "flush_messages"):
            idle.enter_context(
                idling(authority, tmp_path / command, command, {}, "--processes", "0")
            )
    wait_until(lambda: broker.ready_count(QUEUE) == 1)
    wait_until(lambda: broker.ready_count(CHORES_QUEUE) == 1)
    for queue in (QUEUE, CHORES_QUEUE):
        broker.channel.queue_purge(queue)


@pytest.mark.parametrize(
    "arguments",
    [
        ("flush_messages", "NoSuchSignal"),
        ("flush_messages", "--wait", "nan"),
        ("consume_messages", "--prefetch-count", "70000"),
        ("scan_accounts", "--hours", "0"),
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
        ("flush_messages", "--wait", "0"),
        ("flush_messages", "RejectedConfigSignal", "AccountPurgeSignal", "-p", "1"),
        ("process_transfer_requests", "--threads", "2", "--wait", "60"),
        ("process_finalization_requests", "-t", "1", "-w", "60"),
        ("scan_accounts",),
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
