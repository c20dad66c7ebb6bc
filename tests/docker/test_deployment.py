"""Deployments that were made for another program, and change nothing but the image.

Each command runs with the environment, and in the order, that its containers have there, through
the entrypoint: without capabilities, and without a way to any; as another user than root, where
that one may run this Python. Their memory is measured (the proportional set size of all processes
of a container, again and again), not limited: that would take a cgroup of its own.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psycopg
import pytest
import requests
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.broker import Broker
from agentkit.database import dsn_of
from agentkit.databases import Databases
from agentkit.messages import configure_root
from agentkit.observer import Observer
from agentkit.processes import free_port
from agentkit.waiting import wait_until
from tests.docker.containers import MIB, Container

INIT_BYTES_MAX = 100 * MIB
BYTES_MAX = 1024 * MIB
# no manifest of the deployment changes what Kubernetes gives a pod to end
STOP_SECONDS_MAX = 30.0
QUEUE, CHORES_QUEUE = "db", "db-chores"

# What such a deployment sets, and this program has no use for.
UNKNOWN = {
    "SQLALCHEMY_ENGINE_OPTIONS": '{"pool_size": 0}',
    "SQLALCHEMY_ECHO": "no",
    "APP_USE_PGPLSQL_FUNCTIONS": "true",
    "APP_ASSOCIATED_LOGGERS": "[]",
    "MAX_CONNECTIONS": "many",
    "HTTP_CACHE_MAX_SIZE": "1g",
    "pg_username": "db_owner",
    "rmq_connection_string": "amqp://somewhere",
    "GUNICORN_SERVICE_HOST": "10.0.0.1",
    "WEB_SERVER_PORT": "tcp://10.0.0.1:80",
}
SHARD = {
    "PROTOCOL_BROKER_QUEUE": QUEUE,
    "CHORES_BROKER_QUEUE": CHORES_QUEUE,
    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "#",
    "PROTOCOL_BROKER_PROCESSES": "1",
    "PROTOCOL_BROKER_THREADS": "1",
    "PROTOCOL_BROKER_PREFETCH_COUNT": "10",
    "CHORES_BROKER_PREFETCH_COUNT": "10",
    "FLUSH_PERIOD": "1.5",
    "FETCH_API_URL": "http://apiproxy",
    "REMOVE_FROM_ARCHIVE_THRESHOLD_DATE": "2022-07-30",
    "DELETE_PARENT_SHARD_RECORDS": "false",
    "WEBSERVER_PROCESSES": "1",
    "WEBSERVER_THREADS": "3",
    "GUNICORN_TIMEOUT": "60",
}
LOG = {"APP_LOG_LEVEL": "warning", "APP_LOG_FORMAT": "json"}
NOTHING_TO_DO = {
    "PROTOCOL_BROKER_PROCESSES": "0",
    "CHORES_BROKER_PROCESSES": "0",
    "FLUSH_PROCESSES": "0",
}


class Cluster:
    """The servers, and the containers of one shard."""

    def __init__(self, folder: Path, database_url: str, broker_url: str) -> None:
        self.folder = folder
        self.broker_url = broker_url
        self.database = {"POSTGRES_URL": f"{database_url}?connect_timeout=10"}
        self.brokers = {"PROTOCOL_BROKER_URL": broker_url, "CHORES_BROKER_URL": broker_url}

    def start(self, *words: str, **settings: str) -> Container:
        """A container of the shard."""
        own = {**self.database, **self.brokers, **SHARD, **LOG, **UNKNOWN, **settings}
        return self.start_with(words, own)

    def start_with(self, words: tuple[str, ...], settings: dict[str, str]) -> Container:
        temporary = self.folder / str(len(list(self.folder.iterdir())))
        temporary.mkdir()
        temporary.chmod(0o777)
        return Container(" ".join(words), words, {**settings, "TMPDIR": str(temporary)})

    def run(self, *words: str, settings: dict[str, str], bytes_max: int = BYTES_MAX) -> None:
        """A container that has to end, and well."""
        with self.start_with(words, settings) as container:
            code = container.wait_exit(120)
            assert code == 0, container.lines
        container.logged()
        assert container.peak_bytes < bytes_max, (words, container.peak_bytes / MIB)


@pytest.fixture(scope="module")
def cluster(databases: Databases, broker_url: str) -> Iterator[Cluster]:
    """A database whose owner may do nothing else, and one broker for everything."""
    url = databases.create_empty()
    owned = make_url(databases.as_runner(url))
    assert owned.username
    assert owned.database
    with psycopg.connect(dsn_of(make_url(url)), autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                sql.Identifier(owned.database), sql.Identifier(owned.username)
            )
        )
    # pytest's own folders have long names (a socket is in it), and are not for other users
    with tempfile.TemporaryDirectory(prefix="swpt", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield Cluster(folder, owned.render_as_string(hide_password=False), broker_url)


def test_an_unmodified_deployment(cluster: Cluster, broker: Broker) -> None:
    only_database = {**cluster.database, **LOG, **UNKNOWN}
    configuring = {**only_database, **cluster.brokers, **SHARD, "SETUP_RABBITMQ_BINDINGS": "yes"}
    with cluster.start_with(("await_migrations",), only_database) as waiting:
        waiting.wait_line("waiting for migration")
        for _ in range(2):
            cluster.run("configure", settings=configuring, bytes_max=INIT_BYTES_MAX)
        assert waiting.wait_exit() == 0
    waiting.logged()
    assert waiting.peak_bytes < INIT_BYTES_MAX
    assert broker.exists(QUEUE)
    assert broker.exists(CHORES_QUEUE)

    ports = [free_port(), free_port()]
    with ExitStack() as stack, Observer(cluster.broker_url) as observer:
        at_work = [
            stack.enter_context(one)
            for one in (
                cluster.start("all", **NOTHING_TO_DO, WEBSERVER_PORT=str(ports[0])),
                cluster.start("consume_messages"),
                cluster.start("consume_messages", "--draining-mode"),
                cluster.start("flush_all"),
                cluster.start("consume_chore_messages"),
                cluster.start("webserver", WEBSERVER_PORT=str(ports[1])),
            )
        ]
        wait_until(lambda: broker.consumers_count(QUEUE) >= 1, what="a consumer")
        wait_until(lambda: broker.consumers_count(CHORES_QUEUE) == 1, what="a consumer of chores")
        for port in ports:
            wait_until(partial(is_healthy, port), what="the web server")
        broker.send(configure_root(5))
        observer.wait_message("AccountUpdate", debtor_id=5, creditor_id=0)
        wait_until(lambda: status_of(ports[1], "config") == 200, what="the account")
        assert status_of(ports[0], "reachable") == 204
        for container in at_work:
            status = container.status()
            assert status["NoNewPrivs"] == "1"
            assert status["CapEff"].strip("0") == ""
            assert container.process.poll() is None, container.lines
        ends = [container.end() for container in at_work]
    for container, (code, seconds) in zip(at_work, ends, strict=True):
        assert code == 0, container.lines
        assert seconds < STOP_SECONDS_MAX
        assert container.peak_bytes < BYTES_MAX, container.name
        assert not [x for x in container.logged() if x["levelname"] in ("ERROR", "CRITICAL")]


def is_healthy(port: int) -> bool:
    try:
        url = f"http://127.0.0.1:{port}/accounts/healthz"
        return requests.get(url, timeout=30).status_code == 200
    except requests.ConnectionError:
        return False


def status_of(port: int, what: str) -> int:
    return requests.get(f"http://127.0.0.1:{port}/accounts/5/0/{what}", timeout=30).status_code


def test_the_jobs_of_a_split(cluster: Cluster, broker: Broker) -> None:
    """In the order of its init containers, with the database only where they have it."""
    parent = {**cluster.brokers, **SHARD, **LOG, **UNKNOWN}
    setting_up = {**parent, **cluster.database, "SETUP_RABBITMQ_BINDINGS": "yes"}
    cluster.run("configure", settings=setting_up)
    cluster.run("verify_shard_content", settings={**parent, **cluster.database})
    for n in "01":
        child = {
            "PROTOCOL_BROKER_QUEUE": f"{QUEUE}-{n}",
            "CHORES_BROKER_QUEUE": f"{CHORES_QUEUE}-{n}",
            "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": f"{n}.#",
        }
        cluster.run("subscribe", settings={**parent, **child})
    cluster.run("unsubscribe", settings=parent)
    cluster.run("delete_queue", settings=parent)
    found = {name for name in (QUEUE, CHORES_QUEUE, f"{QUEUE}.XQ") if broker.exists(name)}
    assert found == {f"{QUEUE}.XQ"}
    assert broker.exists(f"{QUEUE}-0")
    assert broker.exists(f"{QUEUE}-1")
