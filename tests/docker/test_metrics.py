"""What a container shows of itself: under `all`, and with a single command."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from agentkit.authority import Authority
from agentkit.messages import configure_root
from agentkit.observer import Observer
from agentkit.processes import command_of, free_port
from agentkit.waiting import wait_until
from swpt_accounts.observability.metrics.definitions import METRICS, PREFIX
from tests.docker.processes import ENTRYPOINT, Running, image_environment

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Container:
    """A container's command, and what its port shows."""

    def __init__(
        self, authority: Authority, folder: Path, command: str, url: str = "", **settings: str
    ) -> None:
        self.port = free_port()
        self.authority = authority
        names = ("FETCH_API_URL", "PROTOCOL_BROKER_URL", "CHORES_BROKER_URL")
        self.environment = image_environment(
            **{name: authority.environment[name] for name in names},
            POSTGRES_URL=url or authority.environment["SQLALCHEMY_DATABASE_URI"],
            WEBSERVER_ADDRESS="127.0.0.1",
            WEBSERVER_PORT=str(authority.port),
            TMPDIR=str(folder),
            STATE_DIR=str(folder / "state"),
            METRICS_PORT=str(self.port),
            **settings,
        )
        self.process = Running([str(ENTRYPOINT), command], self.environment)

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def is_well(self, path: str = "/ready") -> bool:
        try:
            return self.get(path).status_code == 200
        except requests.ConnectionError:
            return False

    def values(self) -> Values:
        text = self.get("/metrics").text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        return self.values().get((PREFIX + name, frozenset(labels.items())), 0.0)

    def slot_files(self) -> list[Path]:
        return list(Path(self.environment["STATE_DIR"], "processes").iterdir())

    def pids_of(self, command: str) -> list[int]:
        """The processes that run a command of the program."""
        return [pid for pid in self.process.members() if command in command_of(pid)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short name: a socket is in it."""
    with tempfile.TemporaryDirectory(prefix="swpt", dir="/tmp") as path:
        yield Path(path)


@pytest.fixture
def everything(idle_authority: Authority, folder: Path) -> Iterator[Container]:
    made = Container(idle_authority, folder, "all", PROTOCOL_BROKER_PROCESSES="2")
    with made.process:
        wait_until(made.is_well, 90, "all services are ready")
        yield made


def received(container: Container) -> float:
    return container.value("messages_received_total", type="ConfigureAccount", outcome="done")


def test_all_services_are_on_one_page(everything: Container) -> None:
    with Observer(everything.authority.broker_url) as observer:
        everything.authority.send(configure_root(901))
        observer.wait_message("AccountUpdate", debtor_id=901, creditor_id=0)
        wait_until(lambda: received(everything) == 1, 60, "the message is counted")
        # what a killed process has counted stays, once
        for pid in everything.pids_of("consume_messages"):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: starts(everything) == 6, 90, "they are back")
        everything.authority.send(configure_root(902))
        observer.wait_message("AccountUpdate", debtor_id=902, creditor_id=0)
    wait_until(lambda: received(everything) == 2, 60, "the message is counted")
    wait_until(everything.is_well, 60, "all services are ready")
    assert everything.value("processes", command="consume_messages") == 3
    assert everything.value("loops", loop="consume_messages") == 2
    assert everything.value("messages_sent_total", type="AccountUpdate", outcome="confirmed") == 2
    # an empty table is scanned in no time, and a pass takes hours
    assert everything.value("scan_period_seconds", scan="scan_accounts") == 8 * 3600
    assert len(everything.slot_files()) < 30
    text = everything.get("/metrics").text
    described = {metric.full_name for metric in METRICS}
    shown = set(re.findall("^# TYPE (\\S+)", text, re.MULTILINE))
    assert shown <= described
    check_with_promtool(text)
    check_that_a_frozen_process_is_found(everything)


def check_that_a_frozen_process_is_found(everything: Container) -> None:
    (pid,) = wait_until(lambda: everything.pids_of("flush_messages"), 60, "it runs")
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: not everything.is_well("/live"), 60, "the frozen process is found")
    wait_until(lambda: "main of flush_messages" in everything.get("/live").text, 60, "it is named")
    told = everything.get("/live")
    assert told.status_code == 503
    assert f"(pid {pid}): frozen: no heartbeat" in told.text
    assert everything.value("loops_stuck", loop="main") == 1
    wait_until(lambda: everything.value("live") == 0, 60, "the metric says so")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: everything.is_well("/live"), 60, "it goes on")


def check_with_promtool(text: str) -> None:
    """Prometheus' own tool has nothing to say about the page."""
    promtool = shutil.which("promtool")
    if promtool is not None:
        done = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def starts(container: Container) -> float:
    return container.value("process_starts_total", command="consume_messages")


@pytest.fixture
def stage(idle_authority: Authority, folder: Path) -> Iterator[Container]:
    made = Container(idle_authority, folder, "process_balance_changes")
    with made.process:
        wait_until(made.is_well, 60, "the stage is ready")
        yield made


def test_a_single_command_has_its_page(stage: Container) -> None:
    values = stage.values()
    assert values[f"{PREFIX}live", frozenset()] == 1
    assert stage.value("loops", loop="process_balance_changes") == 1
    wait_until(lambda: stage.value("database_up") == 1, 60, "the database is asked")
    assert stage.get("/nothing").status_code == 404
    for question in ("live", "ready"):
        done = subprocess.run(
            [sys.executable, "-m", "swpt_accounts", "healthcheck", question],
            env=stage.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done
        assert done.stdout.startswith("ok"), done
    # the exporter ends with the command beside which it was started
    pid, *_ = stage.pids_of("process_balance_changes")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not stage.process.members(), 60, "nobody is left")


def test_a_server_that_is_away_makes_it_not_ready_but_live(
    idle_authority: Authority, folder: Path
) -> None:
    port = free_port()
    url = f"postgresql://u:secret@127.0.0.1:{port}/x"
    made = Container(idle_authority, folder, "process_balance_changes", url=url)
    with made.process:
        wait_until(lambda: made.is_well("/live"), 60, "it lives")
        wait_until(lambda: "waiting for the database: " in made.get("/ready").text, 60, "told")
        told = made.get("/ready")
        assert told.status_code == 503
        assert "waiting for the database: " in told.text
        assert ", since 20" in told.text
        assert "secret" not in told.text + made.get("/metrics").text
        assert made.value("database_up") == 0
        assert made.value("ready") == 0
        assert made.is_well("/live")
