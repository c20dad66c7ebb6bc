"""Tells docker whether the container is well: exit code 0, or 1 and one line that says why not.

Every command but `all` and the web servers is one process that ends when something is wrong with
it: while there is a container to ask, it is well.
"""

import os
import sys
import urllib.error
import urllib.request
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

TIMEOUT_SECONDS = 4
SUPERVISOR_DIR = Path(os.environ.get("TMPDIR", "/tmp"), "swpt_accounts")  # noqa: S108
WELL = ("RUNNING", "STARTING", "STOPPED")


def find_command(words: list[str]) -> str:
    """The command that the entrypoint was given, in the command line of process 1."""
    for i, word in enumerate(words):
        if word.endswith("entrypoint.sh"):
            return next(iter(words[i + 1 :]), "all")
    return "all" if any("swpt_accounts.supervisor" in word for word in words) else ""


def check_web() -> Iterator[str]:
    """Yields what is wrong with the web server."""
    port = os.environ.get("WEBSERVER_PORT") or "8080"
    url = f"http://127.0.0.1:{port}/accounts/healthz"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(url, timeout=TIMEOUT_SECONDS).close()
    except (urllib.error.URLError, OSError) as error:
        yield f"{url}: {error}"


def check_services() -> Iterator[str]:
    """Yields the services that are not up."""
    transport = SupervisorTransport("", "", f"unix://{SUPERVISOR_DIR}/supervisor.sock")
    try:
        transport.username, transport.password = "swpt", (SUPERVISOR_DIR / "password").read_text()
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport)
        services: Any = proxy.supervisor.getAllProcessInfo()
    except (OSError, xmlrpc.client.Error) as error:
        yield f"the supervisor does not answer: {error}"
        return
    finally:
        transport.close()
    for service in services:
        if service["statename"] not in WELL:
            yield f"{service['name']} is {service['statename']}"


def main() -> int:
    """Runs the check."""
    words = Path("/proc/1/cmdline").read_text().split("\0")
    command = find_command([word for word in words if word])
    problems: list[str] = []
    if command == "all":
        problems.extend(check_services())
    has_web = os.environ.get("WEBSERVER_PROCESSES") != "0"
    if command in ("webserver", "develop-run-flask") or (command == "all" and has_web):
        problems.extend(check_web())
    sys.stdout.write("; ".join(problems) or "well")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
