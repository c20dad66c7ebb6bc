"""The database of each release, stopped in the middle of its work: this version goes on with it,
and the release itself afterwards, while others pay. `./dev release-schema` has kept them.

The release's own program is taken from its tag. Where the repository has none (of a version that is
not released yet, or in a shallow clone), the second test is skipped, and says so: the way back is
that of test_rolling_upgrade.py alone.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agentkit.authority import Authority
from agentkit.database import dsn_of
from agentkit.databases import Databases
from agentkit.fetch_api import FetchApi
from agentkit.keys import ACCOUNTS_IN
from agentkit.messages import finalize, prepare
from agentkit.processes import ROOT, free_port
from agentkit.waiting import wait_until
from tests.db.test_migrations import open_database
from tests.docker.agents import AMOUNT, CREDITORS, DEBTOR, Agents
from tests.docker.processes import Running
from tests.docker.test_rolling_upgrade import THIS, Payments, Release
from verification.kit.servers import subscribe

ABROAD = "abroad"
"""The queue of the other shard."""
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


def arrived_abroad(agents: Agents, left: dict[str, Any]) -> None:
    """The other shard has got each balance change once; and its own, again, changes nothing."""
    agents.send(left["received"])
    wanted = {int(creditor): amount for creditor, amount in left["abroad"].items()}
    found = Counter[int]()

    def is_there() -> bool:
        while message := agents.authority.broker.get(ABROAD):
            assert message.data["type"] == "PendingBalanceChange"
            found[message.data["creditor_id"]] += message.data["principal_delta"]
        return found == wanted

    wait_until(is_there, what=f"the balance changes {wanted}, not {found}")


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
    """This version, on the database that a release has left. The other shard answers."""

    def __init__(self, url: str, broker_url: str, folder: Path, shard: dict[str, str]) -> None:
        self.authority = Authority(url, broker_url, folder, shard)
        self.settings = {
            **shard,
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
        broker = self.authority.broker
        broker.declare_queue(ABROAD)
        broker.channel.queue_bind(ABROAD, ACCOUNTS_IN, "0.#")
        self.authority.observe()
        return Agents(self.authority)


@pytest.fixture(params=RELEASES, ids=lambda path: str(path.stem))
def release(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def successor(
    release: Path,
    databases: Databases,
    fresh_broker_url: str,
    fetch_api: FetchApi,
    tmp_path: Path,
) -> Iterator[Successor]:
    url = databases.create_empty()
    with open_database(dsn_of(url)) as connection:
        connection.execute(release.with_suffix(".sql").read_bytes())
    fetch_api.is_back.set()
    shard = {
        "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": json.loads(release.read_text())["realm"],
        "FETCH_API_URL": fetch_api.url,
    }
    made = Successor(url, fresh_broker_url, tmp_path, shard)
    yield made
    made.authority.close()


def test_work_that_a_release_has_begun(release: Path, successor: Successor) -> None:
    agents = successor.begin()
    with THIS.start("all", **successor.settings):
        left = json.loads(release.read_text())
        go_on(agents, left)
        arrived_abroad(agents, left)
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
