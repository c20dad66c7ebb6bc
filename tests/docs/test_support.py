"""docs/support.md promises nothing that no test keeps, and releases keep what they promise."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from agentkit.database import dsn_of
from agentkit.databases import Databases
from agentkit.processes import ROOT
from scripts.interface import interface
from swpt_accounts.broker.connections import connect_blocking, server_version
from swpt_accounts.inspection.upgrade.report import POSTGRESQL, RABBITMQ, UpgradeReport, add_server

PAGE = (ROOT / "docs" / "support.md").read_text("utf-8")
ROWS = [row.strip("| ").split(" | ") for row in PAGE.splitlines() if row.startswith("| ")]
RELEASES = sorted(Path(__file__).with_name("interface").glob("*.json"))
WORKFLOWS = ROOT / ".github" / "workflows"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NOT_KEPT = re.compile(r"not tested|no test can|not by a test|not compared")


def test_each_statement_names_the_test_that_keeps_it_or_says_that_there_is_none() -> None:
    statements = [row for row in ROWS if row[-1] not in ("kept by", "---")]
    assert len(statements) > 30
    assert [
        row for row in statements if not TEST.search(row[-1]) and not NOT_KEPT.search(row[-1])
    ] == []


def test_the_tests_that_are_named_exist() -> None:
    named = set(TEST.findall(PAGE))
    assert len(named) > 15
    for path, name in named:
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), re.M), (path, name)


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: str(path.stem))
def test_what_was_released_is_still_there(release: Path) -> None:
    """What is new is added to no list until the next release: `./dev release-schema`."""
    promised: dict[str, list[str]] = json.loads(release.read_text())
    now = interface()
    assert all(promised.values())
    assert {kind: sorted({*names} - {*now[kind]}) for kind, names in promised.items()} == {
        kind: [] for kind in promised
    }


def _matrix(workflow: str, job: str) -> list[dict[str, str]]:
    jobs = yaml.safe_load((WORKFLOWS / f"{workflow}.yml").read_text())["jobs"]
    found: list[dict[str, str]] = jobs[job]["strategy"]["matrix"]["include"]
    return found


def test_workflows_run_what_the_page_says() -> None:
    first_cells = [row[0] for row in ROWS]
    expected = [
        f"Ubuntu 24.04, Python {one['python']}, PostgreSQL {one['postgres']}"
        for one in _matrix("tests", "tests")
    ] + [
        f"Debian {one['debian']}: PostgreSQL {one['postgres']}, RabbitMQ {one['rabbitmq']},"
        f" Python {one['python']}"
        for one in _matrix("verify", "debian")
    ]
    assert [one for one in expected if one not in first_cells] == []
    compose: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose-all.yml").read_text())
    images = {service["image"] for service in compose["services"].values() if "image" in service}
    (row,) = [row for row in first_cells if row.startswith("`postgres:")]
    assert set(re.findall("`(.+?)`", row)) <= images


def test_servers_of_this_run_are_supported(databases: Databases, broker_url: str) -> None:
    report = UpgradeReport()
    with psycopg.connect(dsn_of(databases.url)) as connection:
        add_server(report, connection.info.parameter_status("server_version") or "", *POSTGRESQL)
    broker = connect_blocking(broker_url, "test")
    add_server(report, server_version(broker), *RABBITMQ)
    broker.close()
    assert (report.problems, report.notes) == ([], [])
    assert (3, 11) <= sys.version_info[:2] <= (3, 14)
    supported = "Supported: PostgreSQL {} to {}, RabbitMQ {} to {}, Python 3.11 to 3.14"
    numbers = (".".join(map(str, n)) for _, *range_ in (POSTGRESQL, RABBITMQ) for n in range_)
    assert supported.format(*numbers) in " ".join(PAGE.split())
