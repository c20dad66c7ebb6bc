"""What a process imports: the start, and the memory, of every worker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.processes import ROOT
from swpt_accounts.cli.group import MODULES
from swpt_accounts.cli.late_modules import PYTHON_MAX

WEB = ("flask", "werkzeug", "jinja2", "gunicorn")
SCHEMA = ("sqlalchemy", "alembic", "flask_migrate", "flask_sqlalchemy")
PEERS = ("aiohttp",)
BROKER = ("pika",)
SCREENS = ("rich",)
TRACES = ("opentelemetry", "google")
# What only those need that have several processes, write JSON, show metrics, ask other shards, or
# look up what is installed.
LATE = (
    *("multiprocessing", "prometheus_client", "pythonjsonlogger"),
    *(("asyncio.base_events", "email") if sys.version_info[:2] <= PYTHON_MAX else ()),
)
WITHOUT_BROKER = (
    *("process_transfer_requests", "process_finalization_requests", "process_balance_changes"),
    *("scan_accounts", "scan_prepared_transfers", "scan_registered_balance_changes"),
)

PROGRAM = """
import sys
from importlib import import_module
for name in sys.argv[1:]:
    import_module(name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imported(*names: str) -> set[str]:
    """The packages that a process has when it has imported modules."""
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names], capture_output=True, text=True, check=True
    )
    return set(found.stdout.split())


@pytest.mark.parametrize("module", sorted(set(MODULES.values())))
def test_command_imports_only_what_it_uses(module: str) -> None:
    found = imported("swpt_accounts.__main__", f"swpt_accounts.cli.{module}")
    assert {"swpt_accounts", "click", "msgspec"} <= found
    assert found & {*WEB, *SCHEMA, *PEERS, *SCREENS, *TRACES} == set()


AT_WORK = """
import sys
from swpt_accounts.cli import swpt_accounts
try:
    swpt_accounts(sys.argv[1:], prog_name="swpt_accounts")
finally:
    print("MODULES", *sys.modules)
"""


@pytest.mark.parametrize("command", [*WITHOUT_BROKER, "flush_messages"])
def test_worker_at_work_has_only_what_it_uses(
    command: str, database_url: str, broker_url: str, tmp_path: Path
) -> None:
    """It has done all that there is to do, which is nothing, over its connections."""
    environment = {
        **os.environ,
        "POSTGRES_URL": database_url,
        "PROTOCOL_BROKER_URL": broker_url,
        "CHORES_BROKER_URL": broker_url,
        "STATE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", AT_WORK, command, "--quit-early"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = set(done.stdout.rpartition("MODULES")[2].split())
    assert {"psycopg", "swpt_accounts.workers.runner"} <= found
    assert found & {*WEB, *SCHEMA, *PEERS, *SCREENS, *TRACES, *LATE} == set()
    assert ("pika" in found) == (command not in WITHOUT_BROKER)
    asks_others = command in ("process_transfer_requests", "scan_accounts")
    assert ("cachetools" in found) == asks_others


def test_supervisor_has_loaded_what_its_workers_need_and_no_more() -> None:
    found = imported("swpt_accounts.cli.supervisor", "swpt_accounts.cli.consumers")
    assert found & {*WEB, *SCHEMA, *PEERS, *TRACES} == set()


def test_web_server_needs_no_schema_and_no_broker() -> None:
    found = imported("swpt_accounts.web.application")
    assert found & {*WEB, *SCHEMA, *PEERS, *BROKER, *TRACES} == set()


def test_migrations_have_the_schema() -> None:
    assert set(SCHEMA) <= imported("swpt_accounts.db.engine")


def test_traces_are_made_where_it_is_said() -> None:
    """Else the list above would forbid nothing."""
    assert set(TRACES) <= imported(
        "swpt_accounts.observability.tracing.received_spans",
        "swpt_accounts.observability.tracing.sent_spans",
    )


@pytest.mark.parametrize("app", [(), ("--app", "swpt_accounts")])
def test_flask_becomes_the_command(app: tuple[str, ...]) -> None:
    """Usually before anything but Flask is loaded."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flask", *app, "swpt_accounts", "status", "-h"],
        env={**os.environ, "FLASK_APP": "swpt_accounts", "POSTGRES_URL": "postgresql+psycopg:///"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "Usage: swpt_accounts" in done.stderr
    assert app or "psycopg" not in done.stderr
