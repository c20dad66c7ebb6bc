"""What a process imports: the start, and the memory, of every worker."""

import subprocess
import sys

import pytest

from swpt_accounts.cli.group import MODULES

WEB = ("flask", "werkzeug", "jinja2", "gunicorn")
SCHEMA = ("sqlalchemy", "alembic", "flask_migrate", "flask_sqlalchemy")
PEERS = ("aiohttp",)
DOCUMENTS = ("marshmallow",)
BROKER = ("pika",)
SCREENS = ("rich",)
TRACES = ("opentelemetry", "google")
# Modules that parse no documents: RootConfigData and chores are those that are parsed.
WITHOUT_DOCUMENTS = (
    *("stages", "flush_messages", "scans", "books", "topology"),
    *("dead_letters", "returned_messages", "status", "servers", "trace", "resend", "upgrade"),
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
    assert found.isdisjoint(DOCUMENTS) == (module in WITHOUT_DOCUMENTS)


def test_supervisor_has_loaded_what_its_workers_need_and_no_more() -> None:
    found = imported("swpt_accounts.cli.supervisor", "swpt_accounts.cli.consumers")
    assert found & {*WEB, *SCHEMA, *PEERS, *TRACES} == set()


def test_web_server_needs_no_schema_and_no_broker() -> None:
    found = imported("swpt_accounts.web.application")
    assert "flask" in found
    assert found & {*SCHEMA, *PEERS, *BROKER, *DOCUMENTS, *TRACES} == set()


def test_migrations_have_the_schema() -> None:
    assert set(SCHEMA) <= imported("swpt_accounts.db.engine")


def test_traces_are_made_where_it_is_said() -> None:
    """Else the list above would forbid nothing."""
    assert set(TRACES) <= imported(
        "swpt_accounts.observability.tracing.received_spans",
        "swpt_accounts.observability.tracing.sent_spans",
    )
