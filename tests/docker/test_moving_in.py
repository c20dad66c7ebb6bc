"""An operator of the reference changes the image: by the page, with compose and with Kubernetes."""

import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from agentkit.broker import Broker
from agentkit.database import dsn_of
from agentkit.databases import Databases
from agentkit.processes import ROOT, free_port
from agentkit.waiting import wait_until
from tests.docker.containers import MIB, Container
from tests.docker.test_deployment import INIT_BYTES_MAX, LOG, SHARD, UNKNOWN, Cluster
from tests.takeover.reference import ReferenceDatabases

PAGE = ROOT / "docs" / "how-to" / "move-in.md"
SERVICE = "accounts-server"

# A consumer of the reference: it takes in a balance change.
OLD_WRITES = """
    INSERT INTO registered_balance_change VALUES (1234567890, 7, %(id)s, now(), false);
    INSERT INTO pending_balance_change VALUES
        (1234567890, 7, %(id)s, 8, 'direct', '', '', now(), 1);
"""


def commands_of(part: str) -> Iterator[list[str]]:
    """The commands of a rehearsed part of the page, in order."""
    _, begun, rest = PAGE.read_text().partition(f"<!-- rehearsed: {part} -->")
    assert begun, f"the page has no part {part!r}"
    text, ended, _ = rest.partition("<!-- /rehearsed -->")
    assert ended
    for line in re.findall(r"^    (\S.*)$", text, re.MULTILINE):
        yield shlex.split(line)


class Compose:
    """Does what `docker compose` would do with the service."""

    def __init__(self, cluster: Cluster, stack: ExitStack) -> None:
        self.cluster = cluster
        self.stack = stack
        self.service: Container | None = None

    def run(self, words: list[str]) -> tuple[int, list[str]]:
        """Run a command of the page. Returns its exit code, and its lines."""
        assert words[:2] == ["docker", "compose"], words
        match words[2:]:
            case ["stop", service]:
                assert service == SERVICE
                return self._stop()
            case ["up", "-d", service]:
                assert service == SERVICE
                self.service = self._start(["all"], {"WEBSERVER_PORT": str(free_port())})
                return 0, []
            case ["run", "--rm", *rest]:
                variables = {}
                while rest[0] == "-e":
                    name, _, value = rest[1].partition("=")
                    variables[name] = value
                    rest = rest[2:]
                assert rest[0] == SERVICE
                return self._end(self._start(rest[1:], variables))
            case _:
                pytest.fail(f"the page has {words}")

    def is_right(self, words: list[str]) -> bool:
        """Whether a command of the page exits with 0."""
        return self.run(words)[0] == 0

    def _start(self, words: list[str], variables: dict[str, str]) -> Container:
        settings = {**self.cluster.database, **self.cluster.brokers, **SHARD, **variables}
        settings["APP_LOG_FORMAT"] = "text"
        return self.stack.enter_context(self.cluster.start_with(tuple(words), settings))

    def _end(self, container: Container) -> tuple[int, list[str]]:
        code = container.wait_exit(120)
        assert container.peak_bytes < INIT_BYTES_MAX, container.peak_bytes / MIB
        return code, container.lines

    def _stop(self) -> tuple[int, list[str]]:
        if self.service is None:  # the reference
            return 0, []
        code, _ = self.service.end()
        lines, self.service = self.service.lines, None
        return code, lines


@pytest.fixture
def reference(databases: Databases) -> Iterator[ReferenceDatabases]:
    """Makes databases as the reference leaves them."""
    with ReferenceDatabases(databases.url) as made:
        yield made


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="swpt", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_page_for_compose(
    reference: ReferenceDatabases, broker_url: str, broker: Broker, folder: Path
) -> None:
    place = reference.create("role")
    url = place.url
    with ExitStack() as stack:
        compose = Compose(Cluster(folder, url, broker_url), stack)
        for words in commands_of("compose"):
            code, lines = compose.run(words)
            match words[-1]:
                case "--check":
                    assert code == 1, lines
                    assert any("rows in transfer_request" in line for line in lines)
                case "--dry-run" | "move_in" | "configure":
                    assert code == 0, lines
                case "verify_books":
                    wait_until(
                        partial(compose.is_right, words),
                        what="the change that was sent twice to be sent again",
                    )
        assert compose.service is not None
        assert broker.exists(SHARD["PROTOCOL_BROKER_QUEUE"])

        for words in commands_of("back"):
            code, lines = compose.run(words)
            if code != 0:
                # rates that the reference had rounded are exact after a scan
                assert words[-1] == "move_out", lines
                assert any("--accept-loss proceeds" in line for line in lines), lines
                assert compose.run([*words, "--accept-loss"])[0] == 0
        assert place.query("SELECT version_num FROM alembic_version") == [("a5202da9c3ad",)]


def test_kubernetes_rolls_while_the_reference_works(
    reference: ReferenceDatabases, broker_url: str, folder: Path
) -> None:
    url = reference.create("public").url
    cluster = Cluster(folder, url, broker_url)
    only_database = {**cluster.database, **LOG, **UNKNOWN}
    configuring = {**only_database, **cluster.brokers, **SHARD, "SETUP_RABBITMQ_BINDINGS": "yes"}
    with (
        psycopg.connect(dsn_of(make_url(url)), autocommit=True) as old,
        cluster.start_with(("await_migrations",), only_database) as waiting,
    ):
        waiting.wait_line("the tables of the reference are in the schema 'public'")
        with cluster.start_with(("configure",), configuring) as refused:
            refused.wait_line("MOVE_IN_FROM_REFERENCE=yes")
            assert refused.wait_exit() == 1
        for number in range(8):  # psycopg prepares what it sends often
            for statement in OLD_WRITES.split(";")[:2]:
                old.execute(statement, {"id": -1 - number})
        for _ in range(2):
            moving = {**configuring, "MOVE_IN_FROM_REFERENCE": "yes"}
            with cluster.start_with(("configure",), moving) as container:
                assert container.wait_exit(120) == 0, container.lines
            assert container.peak_bytes < INIT_BYTES_MAX, container.peak_bytes / MIB
        assert waiting.wait_exit() == 0
        for statement in OLD_WRITES.split(";")[:2]:
            with pytest.raises(psycopg.errors.UndefinedTable):
                old.execute(statement, {"id": -99})
        row = old.execute("SELECT count(*) FROM swpt_accounts_books.pending_balance_change")
        assert row.fetchone() == (16,)
