"""The database of each release, stopped in the middle of its work: this version goes on with it,
and the release itself afterwards, while others pay. `./dev release-schema` has kept them.

The release's own program is taken from its tag. Where the repository has none (of a version that is
not released yet, or in a shallow clone), the second test is skipped, and says so: the way back is
that of test_rolling_upgrade.py alone.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agentkit.authority import Authority
from agentkit.database import dsn_of
from agentkit.databases import Databases
from agentkit.messages import finalize, prepare
from agentkit.processes import ROOT, free_port
from tests.db.test_migrations import open_database
from tests.docker.agents import AMOUNT, CREDITORS, DEBTOR, Agents
from tests.docker.processes import Running
from tests.docker.test_rolling_upgrade import THIS, Payments, Release
from verification.kit.servers import subscribe

RELEASES = sorted((ROOT / "tests" / "db" / "releases").glob("*.json"))


def program_of(release: str, folder: Path) -> Release:
    """The program of a release, from its tag. Skips the test if there is none."""
    command = ["git", "-C", str(ROOT), "archive", f"v{release}"]
    archive = subprocess.run(command, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"no tag v{release} here: its program was not tried on the way back")
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return Release(folder)


def go_on(agents: Agents, left: dict[str, Any]) -> None:
    """Have everything done that was begun, whatever stage it had come to."""
    agents.paid = {int(creditor): amount for creditor, amount in left["principals"].items()}
    # Answers are found by the ids of requests: those of the release are not to be found again.
    last = max(one["coordinator_request_id"] for one in (*left["asked"], *left["prepared"]))
    while prepare(DEBTOR, *CREDITORS, AMOUNT)["coordinator_request_id"] < last:
        pass
    for prepared in left["prepared"]:
        agents.send(finalize(prepared, AMOUNT))
    for request in left["asked"]:
        agents.commit(request)
    for request in (*left["prepared"], *left["asked"], *left["finalized"]):
        agents.wait_committed(request)
    agents.wait_balances()


def there_and_back(
    agents: Agents, container: Running, before: Release, settings: dict[str, str]
) -> None:
    """The release itself takes over from a container of this version, and this version again."""
    with ExitStack() as stack:
        with Payments(agents) as payments:
            payments.go_on()
            for release in (before, THIS):
                assert release.run("configure", **settings) == (0, [])
                assert container.terminate(60)[0] == 0
                # (it is at work until the last payment is done)
                container = stack.enter_context(release.start("all", **settings))
                payments.go_on()
        agents.wait_balances()


class Successor:
    """This version, on the database that a release has left."""

    def __init__(self, url: str, broker_url: str, folder: Path) -> None:
        self.authority = Authority(url, broker_url, folder)
        self.settings = {
            "POSTGRES_URL": url,
            "PROTOCOL_BROKER_URL": broker_url,
            "CHORES_BROKER_URL": broker_url,
            "APP_LOG_LEVEL": "error",
            "WEBSERVER_PORT": str(free_port()),
        }

    def begin(self) -> Agents:
        """Take the database over."""
        assert THIS.check(**self.settings)[0] == 0
        assert THIS.run("configure", **self.settings) == (0, [])
        subscribe(self.authority)
        self.authority.observe()
        return Agents(self.authority)


@pytest.fixture(params=RELEASES, ids=lambda path: str(path.stem))
def release(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def successor(
    release: Path, databases: Databases, fresh_broker_url: str, tmp_path: Path
) -> Iterator[Successor]:
    url = databases.create_empty()
    with open_database(dsn_of(url)) as connection:
        connection.execute(release.with_suffix(".sql").read_bytes())
    made = Successor(url, fresh_broker_url, tmp_path)
    yield made
    made.authority.close()


def test_work_that_a_release_has_begun(release: Path, successor: Successor) -> None:
    agents = successor.begin()
    with THIS.start("all", **successor.settings):
        go_on(agents, json.loads(release.read_text()))
        agents.pay(21, 22)
        agents.wait_balances()
    assert successor.authority.run("verify_books").returncode == 0


def test_the_release_itself_comes_back(release: Path, successor: Successor, tmp_path: Path) -> None:
    before = program_of(release.stem, tmp_path / "before")
    agents = successor.begin()
    with THIS.start("all", **successor.settings) as container:
        go_on(agents, json.loads(release.read_text()))
        there_and_back(agents, container, before, successor.settings)
    assert successor.authority.run("verify_books").returncode == 0
