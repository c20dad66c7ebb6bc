"""What the exporter makes of what it sees."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from agentkit.processes import free_port
from agentkit.waiting import wait_until
from swpt_accounts.inspection.exporter import health
from swpt_accounts.inspection.exporter.collector import MetricsCollector
from swpt_accounts.inspection.exporter.health import (
    HealthPoller,
    Probe,
    find_command,
    has_web_server,
    worker_of_command,
)
from swpt_accounts.inspection.exporter.pollers import Answers
from swpt_accounts.inspection.exporter.server import ExporterServer
from swpt_accounts.observability.liveness import HealthProblem
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.workers.shutdown import ShutdownEvent

ENTRYPOINT = ("tini", "-g", "--", "/usr/src/app/docker/entrypoint.sh")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ((*ENTRYPOINT, "all"), "all"),
        (ENTRYPOINT, "all"),
        ((*ENTRYPOINT, "webserver"), "webserver"),
        ((*ENTRYPOINT, "consume_messages", "--draining-mode"), "consume_messages"),
        (("docker-init", "--", *ENTRYPOINT, "flush_all"), "flush_all"),
        (("/bin/sh", ENTRYPOINT[-1], "configure"), "configure"),
        (("python", "-m", "swpt_accounts.cli.supervisor", "--nodaemon"), "all"),
        (("python -m swpt_accounts.cli.supervisor",), "all"),
        (("sleep", "60"), ""),
    ],
)
def test_command_is_found(words: tuple[str, ...], command: str) -> None:
    assert find_command(list(words)) == command


@pytest.mark.parametrize(
    ("command", "worker"),
    [
        ("flush_all", "flush_messages"),
        ("flush_account_purges", "flush_messages"),
        ("scan_accounts", "scan_accounts"),
        ("serve_metrics", "serve_metrics"),
        ("all", None),
        ("configure", None),
        ("", None),
    ],
)
def test_which_process_must_be_there(command: str, worker: str | None) -> None:
    assert worker_of_command(command) == worker


@pytest.mark.parametrize(
    ("command", "count", "has_one"),
    [("all", 1, True), ("all", 0, False), ("webserver", 2, True), ("develop-run-flask", 0, True)],
)
def test_where_the_web_server_must_answer(command: str, count: int, has_one: bool) -> None:
    assert has_web_server(command, count) == has_one


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"STATE_DIR": str(tmp_path / "state"), "WEBSERVER_PORT": str(free_port())})


def subjects(settings: Settings, probe: Probe, command: str) -> list[str]:
    return [problem.subject for problem in health.check(settings, probe, lambda: command)]


def test_what_is_missing_is_said(settings: Settings) -> None:
    assert subjects(settings, Probe.LIVE, "flush_all") == ["flush_messages"]
    assert subjects(settings, Probe.LIVE, "webserver") == ["webserver"]
    assert subjects(settings, Probe.READY, "configure") == []
    # without an address of the database
    problems = health.check(settings, Probe.READY, lambda: "webserver")
    assert [problem.subject for problem in problems] == ["webserver", "webserver"]
    assert "set POSTGRES_URL" in problems[1].what


def test_there_are_never_too_many_problems(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [HealthProblem("a", "b", 0.0)] * 1000
    monkeypatch.setattr(health, "stuck_loops", lambda _processes: many)
    assert len(health.check(settings, Probe.LIVE, str)) == health.PROBLEMS_COUNT_MAX


class Health:
    """Stands for what looks after the health."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.found: dict[Probe, list[HealthProblem]] = {probe: [] for probe in Probe}

    def problems(self, probe: Probe) -> list[HealthProblem]:
        return self.found[probe]


@pytest.fixture
def health_of_container(settings: Settings) -> Health:
    return Health(settings)


@pytest.fixture
def url(settings: Settings, health_of_container: Health) -> Iterator[str]:
    """The address of an exporter in a container in which nothing has been recorded."""
    shutdown, port = ShutdownEvent(), free_port()
    away: Any = SimpleNamespace(answers=Answers(), queues=("some_queue",))
    found: Any = health_of_container
    server = ExporterServer(shutdown, port, MetricsCollector(settings, found, away, [away]), found)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    shutdown.request()
    thread.join(10)
    assert not thread.is_alive()


def get(url: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_pages(url: str, health_of_container: Health) -> None:
    assert get(f"{url}/live") == (200, "ok\n")
    health_of_container.found[Probe.READY] = [
        HealthProblem("a", "b", 0),
        HealthProblem("c", "d", 1.5e9),
    ]
    status, text = get(f"{url}/ready?why")
    assert status == 503
    assert text.splitlines() == [
        "a: b, since 1970-01-01T00:00:00+00:00",
        "c: d, since 2017-07-14T02:40:00+00:00",
    ]
    assert get(f"{url}/")[0] == 404
    status, text = get(f"{url}/metrics")
    assert status == 200
    lines = text.splitlines()
    assert 'swpt_accounts_dead_letters_total{reason="malformed"} 0.0' in lines
    assert "swpt_accounts_live 1.0" in lines
    assert "swpt_accounts_ready 0.0" in lines
    assert "swpt_accounts_database_up 0.0" in lines
    assert 'swpt_accounts_broker_up{queue="some_queue"} 0.0' in lines
    assert not [line for line in lines if line.startswith("swpt_accounts_queue_rows{")]


def test_a_damaged_file_does_not_hide_the_others(url: str, settings: Settings) -> None:
    folder = Path(settings.state_dir, "metrics")
    folder.mkdir(parents=True)
    (folder / "counter_5.db").write_bytes(b"\xff\xff\xff\x7f" + b"x" * 5000)
    assert get(f"{url}/metrics")[0] == 200


def test_a_problem_is_told_since_it_was_first_seen(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutdown, since = ShutdownEvent(), iter(range(100, 200))
    monkeypatch.setattr(
        health, "check_ready", lambda _settings: [HealthProblem("a", "b", next(since))]
    )
    monkeypatch.setattr(health, "check_live", lambda _settings: [])
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.01)
    asker = HealthPoller(settings, shutdown)
    assert [problem.what for problem in asker.problems(Probe.LIVE)] == [
        "no check has been made yet"
    ]
    thread = threading.Thread(target=asker.run, daemon=True)
    thread.start()
    wait_until(lambda: next(since) > 110, 10, "it has looked a few times")
    shutdown.request()
    thread.join(10)
    assert [problem.since for problem in asker.problems(Probe.READY)] == [100]
    assert asker.problems(Probe.LIVE) == []
    now = monotonic()
    monkeypatch.setattr(health, "monotonic", lambda: now + 100)
    (problem,) = asker.problems(Probe.LIVE)
    assert "no check for 100 s" in problem.what


@pytest.mark.parametrize("code", [401, 200, 500])
def test_a_console_is_alive_when_it_answers_strangers(code: int, tmp_path: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        port = str(server.server_port)
        settings = load_settings({"CONSOLE_PORT": port, "STATE_DIR": str(tmp_path)})
        problems = health.check(settings, Probe.LIVE, lambda: "console")
    assert [problem.subject for problem in problems] == (["console"] if code == 500 else [])


def test_a_console_that_is_away_is_not_alive(tmp_path: Path) -> None:
    settings = load_settings({"CONSOLE_PORT": "1", "STATE_DIR": str(tmp_path)})
    (problem,) = health.check(settings, Probe.LIVE, lambda: "console")
    assert "http://127.0.0.1:1/" in str(problem)
