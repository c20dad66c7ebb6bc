"""All services in one container: `entrypoint.sh all`, without the container."""

import importlib.util
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from agentkit.authority import SERVICES, Authority
from agentkit.messages import configure_root
from agentkit.observer import Observer
from agentkit.processes import ROOT, command_of, free_port
from agentkit.waiting import wait_until
from swpt_accounts.inspection.exporter.health import Probe, check
from swpt_accounts.settings import Settings, load_settings
from tests.docker.processes import DOCKER, ENTRYPOINT, Running, image_environment

# The supervisor waits for 6 seconds, and kills then.
STOP_SECONDS_MAX = 30.0
NAMES = {*SERVICES, "webserver", "serve_metrics"}


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def command_all() -> str:
    return "all"


class All:
    """The container's `all`, and what its supervisor says of the services."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.authority = authority
        self.folder = folder
        self.metrics_port = free_port()
        names = ("FETCH_API_URL", "PROTOCOL_BROKER_URL", "CHORES_BROKER_URL")
        settings = {name: authority.environment[name] for name in names}
        database_url = authority.environment["SQLALCHEMY_DATABASE_URI"]
        urls = map(urlsplit, (*settings.values(), database_url))
        self.passwords = {parts.password for parts in urls if parts.password}
        environment = image_environment(
            **settings,
            POSTGRES_URL=database_url,
            WEBSERVER_ADDRESS="127.0.0.1",
            WEBSERVER_PORT=str(authority.port),
            PROTOCOL_BROKER_PROCESSES="2",
            APP_LOG_FORMAT="json",
            APP_LOG_LEVEL="debug",
            TMPDIR=str(folder),
            STATE_DIR=str(folder / "state"),
            METRICS_PORT=str(self.metrics_port),
            FLUSH_PROCESES="2",
        )
        self.process_environment = environment
        self.process = Running([str(ENTRYPOINT)], environment)

    def services(self) -> dict[str, dict[str, Any]]:
        status = load(ROOT / "scripts" / "status.py")
        found = status.read_services(str(self.folder / "swpt_accounts"))
        return {service["name"]: service for service in found}

    def is_at_work(self) -> bool:
        services = self.services()
        if {s["statename"] for s in services.values()} != {"RUNNING"}:
            return False
        workers = [name for names in SERVICES.values() for name in names]
        if not self.authority.connections_of(*workers, "consume_messages"):
            return False
        try:
            url = f"{self.authority.web_url}/accounts/healthz"
            return requests.get(url, timeout=30).status_code == 200
        except requests.ConnectionError:
            return False


@pytest.fixture
def everything(idle_authority: Authority) -> Iterator[All]:
    """All services, at work. The folder has a short name: a socket is in it."""
    with tempfile.TemporaryDirectory(prefix="swpt", dir="/tmp") as folder:
        made = All(idle_authority, Path(folder))
        with made.process:
            wait_until(made.is_at_work, 90, "all services are at work")
            yield made


def test_all_services_run_and_stop_in_time(
    everything: All, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that dies is started again; the health check sees all of them."""
    assert set(everything.services()) == NAMES
    settings = settings_of_the_container(everything, monkeypatch)
    wait_until(lambda: not check(settings, Probe.READY, command_all), 60, "all is ready")
    assert check(settings, Probe.LIVE, command_all) == []
    before = everything.services()["flush_messages"]["pid"]
    os.kill(before, signal.SIGKILL)

    def is_back() -> bool:
        service = everything.services()["flush_messages"]
        return service["pid"] not in (0, before) and service["statename"] == "RUNNING"

    wait_until(is_back, 60, "flush_messages is back")
    told = json.loads(everything.process.wait_line("exited: flush_messages"))
    assert (told["name"], told["levelname"]) == ("supervisord", "WARNING")
    with Observer(everything.authority.broker_url) as observer:
        everything.authority.send(configure_root(77))
        observer.wait_message("AccountUpdate", debtor_id=77, creditor_id=0)

    code, seconds = everything.process.terminate(60)
    assert code == 0
    assert seconds < STOP_SECONDS_MAX
    everything.process.wait_exit()
    assert everything.services() == {}
    # Nobody is left behind, and every line is as the services wrote it.
    wait_until(lambda: not everything.process.members(), what="nobody is left")
    lines = [json.loads(line) for line in everything.process.lines]
    assert "gunicorn.error" in {line["name"] for line in lines}
    (told,) = [line for line in lines if line.get("event") == "setting_unknown"]
    assert "FLUSH_PROCESES is no setting, and is ignored; did you mean FLUSH_PROCESSES?" in str(
        told
    )
    assert not [line for line in lines if line["levelname"] not in ("DEBUG", "INFO", "WARNING")]
    found = {problem.subject: problem.what for problem in check(settings, Probe.LIVE, command_all)}
    assert found.keys() == {"supervisor", "webserver"}
    assert "does not answer" in found["supervisor"]
    assert f":{everything.authority.port}/accounts/healthz" in found["webserver"]


def settings_of_the_container(everything: All, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TMPDIR", str(everything.folder))
    # it may have been looked up before
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv("SUPERVISOR_DIR", raising=False)
    return load_settings(everything.process_environment)


def test_all_stops_when_the_terminal_is_gone(everything: All) -> None:
    """Passwords are neither in the logs nor in the titles of processes."""
    shown = [command_of(pid) for pid in everything.process.members()]
    assert len(shown) > len(NAMES)
    everything.process.process.send_signal(signal.SIGHUP)
    assert everything.process.wait_exit(STOP_SECONDS_MAX) == 0
    assert not everything.process.members()
    assert len(everything.passwords) == 2
    for password in everything.passwords:
        assert password not in " ".join([*shown, *everything.process.lines])


def test_a_wrong_setting_is_one_line_and_the_end() -> None:
    environment = image_environment(POSTGRES_URL="postgresql://x/y", FLUSH_PERIOD="soon")
    with Running([str(ENTRYPOINT), "all"], environment) as process:
        assert process.wait_exit() == 1
    (line,) = process.lines
    assert line.startswith("swpt_accounts: FLUSH_PERIOD is 'soon'")


def test_no_passwords_and_no_ports_in_the_configuration() -> None:
    text = (DOCKER / "supervisord.conf").read_text()
    assert "inet_http_server" not in text
    for line in text.splitlines():
        if line.startswith("password"):
            assert line == "password=%(ENV_SUPERVISOR_PASSWORD)s"
