"""Waiting for servers and for migrations, and setting everything up."""

import json
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy.engine import make_url

from agentkit.broker import Broker
from agentkit.databases import Databases, migrate
from agentkit.fault_proxy import FaultProxy
from agentkit.management import Management
from agentkit.processes import free_port
from swpt_accounts.broker.connections import server_version
from swpt_accounts.broker.delivery_limit import limit_advice
from swpt_accounts.db.installer import procedures_version
from tests.docker.processes import DOCKER, ENTRYPOINT, Running, image_environment


def execute(url: str, statement: str) -> list[tuple[str, ...]]:
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def waiting(*words: str, **settings: str) -> Running:
    script = str(DOCKER / "await_servers.py")
    return Running(["python", script, *words], image_environment(**settings))


@pytest.mark.parametrize("thing", ["database", "chores_broker"])
def test_waits_for_a_server_that_comes_up(thing: str, database_url: str, broker_url: str) -> None:
    port = free_port()
    urls = {"POSTGRES_URL": database_url, f"{thing.upper()}_URL": broker_url}
    moved = "POSTGRES_URL" if thing == "database" else f"{thing.upper()}_URL"
    parts = urlsplit(urls[moved])
    netloc = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
    settings = {**urls, moved: parts._replace(netloc=netloc).geturl()}
    with waiting(thing, **settings) as process:
        process.wait_line("waiting for the")
        with closing(FaultProxy(urls[moved], port=port)):
            assert process.wait_exit() == 0


def test_gives_up_and_says_why() -> None:
    url = f"postgresql://user:secret@127.0.0.1:{free_port()}/test"
    with waiting("--seconds", "0.5", "database", POSTGRES_URL=url) as process:
        assert process.wait_exit() == 1
    assert "the database cannot be reached after 0.5 s" in process.lines[-1]
    assert "refused" in process.lines[-1]
    assert not [line for line in process.lines if "secret" in line or "Traceback" in line]


def test_a_wrong_setting_is_not_waited_for() -> None:
    with waiting("database", POSTGRES_URL="mysql://x") as process:
        assert process.wait_exit() == 1
    (line,) = process.lines
    assert line.startswith("swpt_accounts: POSTGRES_URL is ")


def test_a_signal_ends_the_wait() -> None:
    url = f"postgresql://user:secret@127.0.0.1:{free_port()}/test"
    with waiting("--seconds", "600", "database", POSTGRES_URL=url) as process:
        process.wait_line("waiting for the")
        # far less than it would wait for the database
        code, _ = process.terminate(60)
    assert code == 143


def await_migrations(url: str) -> Running:
    return Running([str(ENTRYPOINT), "await_migrations"], image_environment(POSTGRES_URL=url))


def test_migrations_are_waited_for(databases: Databases) -> None:
    url = databases.create_empty()
    with await_migrations(url) as process:
        process.wait_line("waiting for migration")
        migrate(url, "upgrade")
        assert process.wait_exit() == 0


def test_migrations_that_are_there_are_not_waited_for(databases: Databases) -> None:
    with await_migrations(databases.create()) as process:
        assert process.wait_exit() == 0
    assert process.lines == []


def test_procedures_are_waited_for(databases: Databases) -> None:
    url = databases.create()
    execute(url, "UPDATE procedures_version SET version = 'another'")
    with await_migrations(url) as process:
        process.wait_line(f"and procedures {procedures_version()}; the last migration applied is")
        execute(url, f"UPDATE procedures_version SET version = '{procedures_version()}'")
        assert process.wait_exit() == 0


@pytest.fixture
def configure(databases: Databases, broker_url: str) -> Callable[[str], tuple[int, list[str]]]:
    """Runs `configure`, on the same new database each time."""
    url = databases.create_empty()

    def run(setup_bindings: str) -> tuple[int, list[str]]:
        environment = image_environment(
            POSTGRES_URL=url,
            PROTOCOL_BROKER_URL=broker_url,
            CHORES_BROKER_URL=broker_url,
            SETUP_RABBITMQ_BINDINGS=setup_bindings,
        )
        with Running([str(ENTRYPOINT), "configure"], environment) as process:
            return process.wait_exit(60), process.lines

    return run


_LOGGED = "swpt_accounts.broker.topology [delivery_limit]:"


def advice(broker: Broker, vhost: str, *queues: str) -> list[str]:
    """What is told of queues that RabbitMQ gives a limit of its own: since version 4."""
    version = server_version(broker.connection)
    told = [limit_advice(version, vhost, queue, None) for queue in queues]
    return [text for text in told if text]


def texts(lines: list[str]) -> list[str]:
    """What the lines of a log say of the delivery limit; others as they are."""
    return [line.partition(f" WARNING {_LOGGED} ")[2] or line for line in lines]


def test_configure_sets_everything_up_and_can_be_repeated(
    configure: Callable[[str], tuple[int, list[str]]],
    management: Management,
    broker: Broker,
    vhost: str,
) -> None:
    code, lines = configure("")
    assert (code, texts(lines)) == (0, advice(broker, vhost, "swpt_accounts_chores"))
    assert broker.exists("swpt_accounts_chores")
    assert not broker.exists("swpt_accounts")
    both = advice(broker, vhost, "swpt_accounts", "swpt_accounts_chores")
    for _ in range(2):
        code, lines = configure("yes")
        assert (code, sorted(texts(lines))) == (0, sorted(both))
        assert broker.exists("swpt_accounts")
        assert broker.exists("swpt_accounts.XQ")
    assert ("accounts_in", "swpt_accounts", "#", json.dumps({})) in management.bindings(vhost)
