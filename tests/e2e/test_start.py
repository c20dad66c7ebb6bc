"""How the commands start: wrong settings, no processes, wrong options."""

import os
import re
import signal
import socket
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
    end_group,
    free_port,
    new_process,
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


@pytest.mark.parametrize(
    "command", [("flush_messages", "--quit-early"), ("create_chores_queue",), ("webserver",)]
)
def test_a_misspelt_variable_is_named_once(
    idle_authority: Authority, command: tuple[str, ...]
) -> None:
    settings = {"FLUSH_PROCESES": "2", "WEBSERVER_PROCESSES": "0"}
    if command == ("webserver",):
        service = Service("webserver", WEBSERVER_COMMAND, idle_authority.folder / "misspelt")
        service.start({**idle_authority.environment, **settings})
        wait_until(lambda: IDLE in service.log, what="it idles")
        service.kill()
        output = service.log
    else:
        output = idle_authority.run(*command, **settings).stdout
    (line,) = [line for line in output.splitlines() if "FLUSH_PROCESES" in line]
    assert "did you mean FLUSH_PROCESSES?" in line


IDLE = "idle until stopped"


def test_lines_of_processes_say_which(idle_authority: Authority, tmp_path: Path) -> None:
    command = program_command("flush_messages", "--processes", "2")
    service = Service("flush_messages", command, tmp_path / "log")
    service.start({**idle_authority.environment, "APP_LOG_LEVEL": "info"})
    started = re.compile(r"flush_messages started \(pid ([0-9]+), threads: 1\)")
    try:
        wait_until(lambda: len(started.findall(service.log)) == 2, what="both have started")
        first, second = started.findall(service.log)
        os.kill(int(first), signal.SIGKILL)
        assert service.process.wait(STOP_SECONDS_MAX) == 1
    finally:
        service.kill()
    assert f"flush_messages stopped (pid {second})" in service.log
    text = f"flush_messages: a worker process has exited unexpectedly (pid {first}: exit code -9)"
    assert text in service.log


@pytest.mark.parametrize(
    "command", ["consume_messages", "consume_chore_messages", "flush_messages"]
)
def test_a_worker_says_which_broker_is_away(
    idle_authority: Authority, tmp_path: Path, command: str
) -> None:
    address = f"127.0.0.1:{free_port()}"
    urls = dict.fromkeys(("PROTOCOL_BROKER_URL", "CHORES_BROKER_URL"), f"amqp://a:b@{address}")
    service = Service(command, program_command(command), tmp_path / "log")
    service.start({**idle_authority.environment, **urls})
    text = (
        f"{command} cannot use the broker: cannot connect to RabbitMQ at {address}:"
        " Connection refused. Retrying.\n"
    )
    try:
        wait_until(lambda: text in service.log, what="it says so")
    finally:
        service.kill()


@pytest.mark.parametrize("arguments", [("subscribe",), ("dead_letters", "list")], ids=" ".join)
def test_a_command_says_which_broker_is_away(
    idle_authority: Authority, arguments: tuple[str, ...]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    result = idle_authority.run(*arguments, PROTOCOL_BROKER_URL=f"amqp://a:b@{address}")
    text = f"swpt_accounts: cannot connect to RabbitMQ at {address}: Connection refused\n"
    assert (result.returncode, result.stdout) == (1, text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("consume_messages", "-u", "amqp://user:s3cret@{}"),
        ("subscribe", "--url=amqp://user:s3cret@{}"),
        ("verify_books", "--database-url", "postgresql://user@{}/x?password=s3cret"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_password_among_the_arguments_is_hidden(
    idle_authority: Authority, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        command = program_command(*(word.format(address) for word in arguments))
        process = new_process(command, idle_authority.environment, tmp_path / "log")
        try:
            log = tmp_path / "log"
            wait_until(lambda: "could be read by every user" in log.read_text(), what="it warns")
            assert b"s3cret" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
            assert process.poll() is None
        finally:
            end_group(process)
    assert "s3cret" not in log.read_text()


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
        ("flush_messages", "AccountUpdate"),
        ("flush_messages", "--wait", "-1"),
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
        ("flush_messages", "--wait", "0"),
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
