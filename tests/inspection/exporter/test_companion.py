"""A worker with metrics shows them itself, and works whatever becomes of that."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from agentkit.authority import Authority
from agentkit.processes import STOP_SECONDS_MAX, Service, free_port, program_command
from agentkit.waiting import wait_until

FLUSHER, STAGE = "flush_messages", "process_balance_changes"


@contextmanager
def started(authority: Authority, port: int, folder: Path, *command: str) -> Iterator[Service]:
    """A worker with a `STATE_DIR` of its own, as it is in a container of its own."""
    service = Service(command[0], program_command("--with-metrics", *command), folder / "log")
    own = {"METRICS_PORT": str(port), "STATE_DIR": str(folder / "state")}
    service.start({**authority.environment, **own})
    try:
        yield service
    finally:
        service.kill()


def answer(port: int, path: str) -> str:
    """What is answered with success; "" for anything else."""
    try:
        response = requests.get(f"http://127.0.0.1:{port}{path}", timeout=20)
    except requests.ConnectionError:
        return ""
    return response.text if response.ok else ""


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.parametrize(
    ("command", "processes_count", "loops_count"),
    [((STAGE,), 1, 1), ((FLUSHER, "-p", "2"), 3, 2), ((FLUSHER, "-p", "0"), 1, 0)],
)
def test_worker_shows_its_metrics(
    idle_authority: Authority,
    tmp_path: Path,
    command: tuple[str, ...],
    processes_count: int,
    loops_count: int,
) -> None:
    port = free_port()
    with started(idle_authority, port, tmp_path, *command) as service:
        wait_until(lambda: answer(port, "/live"), 30, "it lives")
        wait_until(lambda: answer(port, "/ready"), 30, "it is ready")
        wait_until(
            lambda: "swpt_accounts_database_up 1.0" in answer(port, "/metrics"), 30, "it has asked"
        )
        lines = answer(port, "/metrics").splitlines()
        shown = f'swpt_accounts_loops{{loop="{service.name}"}} '
        counts = [float(line.removeprefix(shown)) for line in lines if line.startswith(shown)]
        assert sum(counts) == loops_count
        assert len(children(service.process.pid)) == processes_count - 1
        code, seconds = service.terminate()
        assert (code, seconds < STOP_SECONDS_MAX) == (0, True)
        assert answer(port, "/live") == ""


def asked_at(port: int) -> float:
    """When the database was asked last; 0 if it was not yet."""
    shown = "swpt_accounts_database_asked_timestamp_seconds "
    lines = answer(port, "/metrics").splitlines()
    return next((float(line.removeprefix(shown)) for line in lines if line.startswith(shown)), 0.0)


def test_companion_asks_the_servers_more_rarely(idle_authority: Authority, tmp_path: Path) -> None:
    """There are as many of them as services, and all ask the same."""
    exporter, companion = free_port(), free_port()
    alone = Service("x", program_command("serve_metrics"), tmp_path / "exporter.log")
    own = {"METRICS_PORT": str(exporter), "STATE_DIR": str(tmp_path / "exporter")}
    with started(idle_authority, companion, tmp_path, STAGE):
        first = wait_until(lambda: asked_at(companion), 30, "it has asked")
        alone.start({**idle_authority.environment, **own})
        try:
            before = wait_until(lambda: asked_at(exporter), 30, "the exporter has asked")
            wait_until(lambda: asked_at(exporter) > before, 30, "it asks again")
            again = asked_at(companion)
        finally:
            alone.kill()
        assert again == first or again - first > 25


def test_worker_works_where_the_port_is_taken(idle_authority: Authority, tmp_path: Path) -> None:
    with (
        closing(socket.create_server(("", 0))) as other,
        started(idle_authority, other.getsockname()[1], tmp_path, STAGE) as service,
    ):
        wait_until(lambda: idle_authority.connections_of(STAGE), 30, "it works")
        assert "METRICS_PORT" in service.log
        assert service.is_alive()


def test_what_comes_to_nothing_ends(idle_authority: Authority, tmp_path: Path) -> None:
    """It does not wait for those who show its metrics."""
    with started(idle_authority, free_port(), tmp_path, STAGE, "--quit-early") as service:
        assert service.process.wait(30) == 0
