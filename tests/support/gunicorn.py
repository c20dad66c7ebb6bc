"""gunicorn with a worker of ours, and an application of a test."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from agentkit.processes import Service, free_port
from agentkit.waiting import wait_until


def is_answered(port: int, path: str = "/") -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


@contextmanager
def served(
    app: str, worker_class: str, connections_count: int, folder: Path, *options: str
) -> Iterator[tuple[int, Service]]:
    """The port, and the process; it has a single thread. It ends well, or the test fails."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "--threads", "1", "--no-control-socket"),
        *("--worker-class", worker_class, "--worker-connections", str(connections_count)),
        *("--graceful-timeout", "4", "--bind", f"127.0.0.1:{port}", *options, app),
    ]
    service = Service("gunicorn", command, folder / "log")
    service.start({})
    try:
        wait_until(lambda: is_answered(port), 30, f"it answers: {service.log}")
        yield port, service
        assert service.terminate()[0] == 0
    finally:
        service.kill()
