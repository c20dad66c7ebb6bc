"""Shows the services that supervisord runs: ``status.py DIR [--wait SECONDS]``.

``DIR`` is the folder of supervisord's socket. With ``--wait``, waits until every service has
either started or failed, and the web server answers. Exit code 0 when all is well, else 1.
"""

import argparse
import os
import sys
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from supervisor.xmlrpc import SupervisorTransport

from swpt_accounts.inspection.exporter.health import check_web_server
from swpt_accounts.settings import load_settings

COLORS = {"RUNNING": "green", "STARTING": "green", "STOPPED": "dim"}
LABELS = {"STARTING": "started", "STOPPED": "off"}
STARTED = ("RUNNING", "STARTING")  # supervisord says for three seconds that one is starting


def read_services(folder: str) -> list[dict[str, Any]]:
    """Asks supervisord; an empty list when it does not answer."""

    try:
        password = Path(folder, "password").read_text()
    except OSError:
        return []
    transport = SupervisorTransport("swpt", password, f"unix://{folder}/supervisor.sock")
    try:
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport)
        services: Any = proxy.supervisor.getAllProcessInfo()
        return list(services)
    except (OSError, xmlrpc.client.Error):
        return []
    finally:
        transport.close()


def has_settled(services: list[dict[str, Any]]) -> bool:
    """Returns whether nothing is about to change any more."""

    if not services:
        return False
    web = next(s for s in services if s["name"] == "webserver")
    if web["statename"] in STARTED:
        return not check_web_server(load_settings(os.environ))
    return all(s["statename"] != "STARTING" for s in services)


def show(services: list[dict[str, Any]], url: str) -> None:
    """Prints a line for each service, and the addresses."""

    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(no_wrap=True)
    for s in services:
        state = s["statename"]
        color = COLORS.get(state, "red")
        label = LABELS.get(state, state.lower())
        table.add_row(s["name"], f"[{color}]{label}[/]", escape(s["description"] or s["spawnerr"]))
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
    console.print(table, "")
    problems = check_web_server(load_settings(os.environ))
    health = f"[red]{escape(problems[0].what)}[/]" if problems else "healthy"
    console.print(f"fetch API    {url}/accounts/   {health}")
    console.print(f"SMP broker   {os.environ['PROTOCOL_BROKER_URL']}")
    console.print(f"management   {os.environ['BROKER_MANAGEMENT_URL']}")
    console.print(f"database     {os.environ['POSTGRES_URL']}")


def main() -> int:
    """Runs the command."""

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS")
    args = parser.parse_args()
    url = f"http://127.0.0.1:{os.environ['WEBSERVER_PORT']}"
    end = time.monotonic() + args.wait
    services = read_services(args.folder)
    while not has_settled(services) and time.monotonic() < end:
        time.sleep(0.2)
        services = read_services(args.folder)
    show(services, url)
    states = {s["statename"] for s in services}
    return 0 if states & set(STARTED) and states <= {*STARTED, "STOPPED"} else 1


if __name__ == "__main__":
    raise SystemExit(main())
