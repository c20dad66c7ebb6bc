"""PostgreSQL and RabbitMQ stop and start, and nobody sends a message.

All who say whether the shard is well agree: `status`, in the container and elsewhere, `/live` and
`/ready`, `healthcheck`, the console, and the alerts.
"""

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import requests

from agentkit.authority import SERVICES, WEBSERVER, Authority
from agentkit.databases import databases_on
from agentkit.fault_proxy import FaultProxy
from agentkit.own_server import OwnServer, own_server
from agentkit.processes import Service, free_port, program_command, run
from agentkit.waiting import wait_until
from swpt_accounts.observability.worker_names import LOOPS
from tests.console.web import TOKEN
from tests.support.prometheus import PROMETHEUS, Prometheus
from verification.kit.servers import subscribe

ON_BROKER = {"consume_messages", "consume_chore_messages", "flush_messages"}
BESIDE = ("serve_metrics", "console")
BACK_SECONDS_MAX = 60.0


class Surveyed:
    """An authority, its servers, and all who watch it."""

    def __init__(self, authority: Authority, server: OwnServer, broker: FaultProxy) -> None:
        self.authority = authority
        self.server = server
        self.broker = broker
        self.prometheus: Prometheus | None = None

    def status(self, **settings: str) -> tuple[int, dict[str, Any]]:
        """The exit code, and what the JSON says."""
        result = self.authority.run("status", "--json", **settings)
        return result.returncode, json.loads(result.stdout.splitlines()[-1])

    def status_elsewhere(self) -> tuple[int, dict[str, Any]]:
        """The same, of somebody who does not see the heartbeats."""
        return self.status(STATE_DIR=str(self.authority.folder / "elsewhere"))

    def probe(self, name: str) -> tuple[int, str]:
        """What the exporter says of the container."""
        port = self.authority.environment["METRICS_PORT"]
        answer = requests.get(f"http://127.0.0.1:{port}/{name}", timeout=30)
        return answer.status_code, answer.text

    def fetch_api(self) -> str:
        """What `./dev status` says of it."""
        urls = {
            "POSTGRES_URL": self.authority.database_url,
            "BROKER_MANAGEMENT_URL": "",
        }
        command = [sys.executable, "-m", "scripts.status", str(self.authority.folder)]
        shown = run(command, {**self.authority.environment, **urls}).stdout
        (line,) = [line for line in shown.splitlines() if line.startswith("fetch API")]
        return line

    def page(self, path: str) -> str:
        """The words of a page of the console."""
        url = f"http://127.0.0.1:{self.authority.environment['CONSOLE_PORT']}{path}"
        answer = requests.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
        return " ".join(re.sub("<[^>]*>", " ", answer.text).split())

    def alerts(self) -> set[str]:
        """The alerts that are pending, or fire."""
        found = [] if self.prometheus is None else self.prometheus.query("ALERTS")
        return {labels["alertname"] for labels, _ in found}

    def complaints(self) -> list[object]:
        """What they say is wrong, in any of the ways: those that start no process come first."""
        said: list[object] = [*self.alerts()]
        said += [text for status, text in map(self.probe, ("live", "ready")) if status != 200]
        said += [text for text in [self.page("/")] if "No problems" not in text]
        for path in ("/scans", "/shard"):
            said += re.findall("waiting|unknown|down|frozen", self.page(path).partition(" Set")[2])
        return said or self._complaints_of_commands()

    def _complaints_of_commands(self) -> list[object]:
        said: list[object] = []
        for code, told in (self.status(), self.status_elsewhere()):
            said += [told["findings"] or code] if code or told["findings"] else []
        check = self.authority.run("healthcheck", "ready")
        return [*said, *([check.stdout] if check.returncode else [])]

    def await_peace(self) -> None:
        """Wait until nobody complains."""
        said: list[object] = []

        def is_quiet() -> bool:
            said[:] = self.complaints()
            return not said

        wait_until(is_quiet, BACK_SECONDS_MAX, said)


@pytest.fixture(scope="module")
def surveyed(
    own_servers: None, broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Surveyed]:
    """An authority at work, on a PostgreSQL server of its own."""
    with ExitStack() as stack:
        server = stack.enter_context(own_server())
        url = stack.enter_context(databases_on(server.url)).create()
        broker = stack.enter_context(closing(FaultProxy(broker_url)))
        folder = tmp_path_factory.mktemp("surveyed")
        settings = {
            "PROTOCOL_BROKER_URL": broker.url,
            "CHORES_BROKER_URL": broker.url,
            "METRICS_PORT": str(free_port()),
            "CONSOLE_PORT": str(free_port()),
            "CONSOLE_ADDRESS": "127.0.0.1",
            "CONSOLE_TOKEN": TOKEN,
        }
        authority = stack.enter_context(closing(Authority(url, broker_url, folder, settings)))
        subscribe(authority)
        for name in BESIDE:
            service = Service(name, program_command(name), folder / f"{name}.log")
            service.start({k: v for k, v in authority.environment.items() if k != "POSTGRES_URL"})
            stack.callback(service.kill)
        authority.start(*SERVICES, WEBSERVER)
        made = Surveyed(authority, server, broker)
        if PROMETHEUS is not None:
            port = int(authority.environment["METRICS_PORT"])
            (folder / "prometheus").mkdir()
            made.prometheus = Prometheus(folder / "prometheus", {"swpt_accounts": [port]}, 5)
            stack.callback(made.prometheus.close)
        yield made


@pytest.fixture
def well(surveyed: Surveyed) -> Iterator[Surveyed]:
    """All is well before, and the servers are up after it."""
    surveyed.await_peace()
    yield surveyed
    surveyed.broker.start()
    if not surveyed.server.is_up:
        surveyed.server.start()


def words(told: dict[str, Any]) -> dict[str, str]:
    """What `status` says of each worker."""
    return {worker["name"]: worker["condition"] for worker in told["workers"]}


def waiting_in(text: str) -> set[str]:
    """The loops that wait, in what a probe says."""
    return set(re.findall(r"^(\w+): waiting for the (?:database|broker)", text, re.MULTILINE))


@pytest.mark.timeout(400)
def test_both_servers_stop_and_start(well: Surveyed) -> None:
    well.server.stop()
    well.broker.stop()

    def all_wait() -> bool:
        return set(LOOPS) <= waiting_in(well.probe("ready")[1])

    wait_until(all_wait, 45, "all wait for a server")
    code, told = well.status()
    assert code == 2
    assert {finding["code"] for finding in told["findings"]} == {"server_away", "worker_waiting"}
    assert words(told) == dict.fromkeys(LOOPS, "waiting")
    _, told = well.status_elsewhere()
    assert words(told) == dict.fromkeys(LOOPS, "unknown")
    assert well.probe("ready")[0] == 503
    assert well.probe("live")[0] == 200
    check = well.authority.run("healthcheck", "ready")
    assert check.returncode == 1
    assert set(LOOPS) <= waiting_in(check.stdout.replace("; ", "\n"))
    assert "waiting for the database" in well.fetch_api()
    if well.prometheus is not None:
        away = {"AccountsNotReady", "AccountsDatabaseAway", "AccountsBrokerAway"}
        wait_until(lambda: away <= well.alerts(), 45, "the alerts say the same")
    well.server.start()
    well.broker.start()
    well.await_peace()
    assert well.fetch_api().endswith("healthy")


def test_no_worker_seems_to_be_down_while_postgresql_restarts(well: Surveyed) -> None:
    """Of somebody who sees their sessions alone, and asks all the time."""
    well.server.stop()
    well.server.start()
    seen: list[dict[str, Any]] = []

    def is_well() -> bool:
        code, told = well.status_elsewhere()
        seen.extend(told["findings"])
        return code == 0 and set(words(told).values()) == {"working"}

    wait_until(is_well, BACK_SECONDS_MAX, "all are at work again")
    assert "worker_missing" not in {finding["code"] for finding in seen}, seen


def test_who_waits_for_the_broker_is_not_down(well: Surveyed) -> None:
    well.broker.stop()
    expected = {name: "waiting" if name in ON_BROKER else "working" for name in LOOPS}

    def is_said(found: tuple[int, dict[str, Any]]) -> bool:
        assert "worker_missing" not in {finding["code"] for finding in found[1]["findings"]}
        return words(found[1]) == expected

    wait_until(lambda: is_said(well.status()), 45, "in the container")
    wait_until(lambda: is_said(well.status_elsewhere()), 45, "elsewhere")
    wait_until(lambda: waiting_in(well.probe("ready")[1]) == ON_BROKER, 45, "by the probe")
    wait_until(lambda: "3 workers are waiting for the broker" in well.page("/"), 45, "the console")
    well.broker.start()
    well.await_peace()


def test_three_words_for_three_things(well: Surveyed) -> None:
    """One is frozen, one is down, and the others work or wait."""
    scan = well.authority.services["scan_prepared_transfers"]
    assert scan.process is not None
    os.kill(scan.process.pid, signal.SIGSTOP)
    try:
        well.authority.terminate("scan_accounts")
        wait_until(lambda: well.probe("live")[0] == 503, 60, "it is frozen")
        code, told = well.status()
        found = words(told)
        assert code == 1
        assert (found["scan_prepared_transfers"], found["scan_accounts"]) == ("frozen", "down")
        text = " ".join(finding["words"] for finding in told["findings"])
        assert "scan_prepared_transfers is frozen: no heartbeat for " in text
        assert "scan_accounts is down" in text
        assert " of scan_prepared_transfers (pid " in well.probe("live")[1]
        wait_until(lambda: "scan_prepared_transfers frozen" in well.page("/scans"), 45, "a page")
        assert "scan_accounts down" in well.page("/scans")
    finally:
        os.kill(scan.process.pid, signal.SIGCONT)
        well.authority.start("scan_accounts")
    well.await_peace()


def test_where_nothing_runs_nothing_is_well(well: Surveyed, tmp_path: Path) -> None:
    folder = str(tmp_path / "nobody")
    for probe in ("live", "ready"):
        check = well.authority.run("healthcheck", probe, STATE_DIR=folder)
        assert check.returncode == 1, check.stdout
        assert folder in check.stdout
