"""Brings services of a compose file up, and waits as their `depends_on` says.

``compose_in_order.py --file FILE --project NAME --podman PATH --compose PATH SERVICE...``

For docker/verify: without systemd, podman runs no health checks by itself, and podman-compose would
wait for them for ever. So this starts one service after the other, runs their health checks, and
waits for the ends of one-off services. What somebody depends on, and was not named, is started
too. Exit code 1: a service is not well.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

SECONDS_MAX = 180


class Failure(Exception):
    """A service is not as it should be. The text says how."""


class Project:
    """The services of a compose file."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.name = arguments.project
        self.podman = [arguments.podman]
        self.compose = [
            *(arguments.compose, "--podman-path", arguments.podman),
            *("-p", self.name, "-f", arguments.file),
        ]
        self.services = yaml.safe_load(Path(arguments.file).read_text())["services"]

    def in_order(self, names: list[str]) -> Iterator[str]:
        """Yields these services, and what they need, each after what it needs."""
        done: set[str] = set()

        def visit(name: str) -> Iterator[str]:
            if name in done:
                return
            done.add(name)
            for needed in self.services[name].get("depends_on", {}):
                yield from visit(needed)
            yield name

        for name in names:
            yield from visit(name)

    def start(self, name: str) -> None:
        """Starts a service, and waits until it is well, or has ended well."""
        began = time.monotonic()
        run([*self.compose, "up", "-d", "--no-deps", "--no-build", name])
        container = f"{self.name}_{name}_1"
        conditions = {
            service.get("depends_on", {}).get(name, {}).get("condition")
            for service in self.services.values()
        }
        if "service_completed_successfully" in conditions:
            self.wait_end(container)
        elif not self.services[name].get("healthcheck", {"disable": True}).get("disable"):
            self.wait_health(container)
        sys.stdout.write(f"     {name}: {time.monotonic() - began:.1f} s\n")
        sys.stdout.flush()

    def wait_end(self, container: str) -> None:
        """Waits until a one-off service has ended."""
        status = run([*self.podman, "wait", container], SECONDS_MAX).strip()
        if status != "0":
            raise Failure(f"{container} has ended with {status}\n{self.logs(container)}")

    def wait_health(self, container: str) -> None:
        """Runs the health check until it says yes."""
        end = time.monotonic() + SECONDS_MAX
        check = [*self.podman, "healthcheck", "run", container]
        while subprocess.run(check, capture_output=True, check=False).returncode != 0:  # noqa: S603
            state = json.loads(run([*self.podman, "inspect", container]))[0]["State"]
            if state["Status"] != "running" or time.monotonic() > end:
                raise Failure(f"{container} is not well\n{state}\n{self.logs(container)}")
            time.sleep(0.5)

    def logs(self, container: str) -> str:
        """The last lines of a container."""
        return run([*self.podman, "logs", "--tail", "30", container])


def run(command: list[str], seconds_max: float = 120) -> str:
    """Runs a program. Returns its output."""
    result = subprocess.run(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds_max,
        check=False,
    )
    if result.returncode != 0:
        raise Failure(f"{' '.join(command)}: exit code {result.returncode}\n{result.stdout}")
    return result.stdout


def parse_arguments() -> dict[str, Any]:
    """Reads the command line."""
    parser = argparse.ArgumentParser()
    for name in ("file", "project", "podman", "compose"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("services", nargs="+")
    return vars(parser.parse_args())


def main() -> int:
    """Runs the command."""
    arguments = argparse.Namespace(**parse_arguments())
    project = Project(arguments)
    try:
        for name in project.in_order(arguments.services):
            project.start(name)
    except (Failure, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
