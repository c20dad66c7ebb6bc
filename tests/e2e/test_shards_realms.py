"""A database is one shard's: with the settings of another one nobody touches it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from agentkit.databases import Databases
from agentkit.messages import configure
from agentkit.processes import run
from agentkit.shards import Shard, start_all
from agentkit.waiting import wait_until
from tests.docker.processes import ENTRYPOINT, image_environment
from verification.kit.servers import subscribe
from verification.splits.traffic_checks import CHILD_SERVICES, SETTINGS

DEBTOR_ID = 2**42
ACCOUNTS_COUNT = 5
WORKERS = tuple(name for name in CHILD_SERVICES if name != "webserver")


@pytest.fixture
def shards(databases: Databases, fresh_broker_url: str, tmp_path: Path) -> Iterator[list[Shard]]:
    """The two children of a split, some time later, each with funded accounts."""
    made = []
    try:
        for bit in "01":
            name, url = f"shard_{bit}", databases.create()
            settings = {
                **SETTINGS,
                "SQLALCHEMY_DATABASE_URI": databases.as_runner(url),
                "DELETE_PARENT_SHARD_RECORDS": "true",
            }
            made.append(Shard(name, f"{bit}.#", url, fresh_broker_url, tmp_path / name, settings))
            subscribe(made[-1])
        yield made
    finally:
        for shard in made:
            shard.close()


def fund(shard: Shard) -> None:
    """Open some accounts, and put money on them."""
    ids = [next(shard.creditor_ids(DEBTOR_ID, 2**40 + n * 1000)) for n in range(ACCOUNTS_COUNT)]
    for creditor_id in ids:
        shard.send(configure(DEBTOR_ID, creditor_id))
    wait_until(lambda: len(accounts(shard)) == ACCOUNTS_COUNT)
    shard.query("UPDATE account SET principal = 1000")


def accounts(shard: Shard) -> list[tuple[object, ...]]:
    return shard.query("SELECT debtor_id, creditor_id, principal FROM account ORDER BY 1, 2")


def check_refused(shard: Shard, other: Shard, reason: str) -> None:
    """Nobody starts with the database of the other shard."""
    urls = {
        "SQLALCHEMY_DATABASE_URI": other.environment["SQLALCHEMY_DATABASE_URI"],
        "POSTGRES_URL": "",
    }
    before = accounts(other)
    for command in WORKERS:
        refused = shard.run(command, **urls)
        assert refused.returncode == 1, command
        (line,) = [x for x in refused.stdout.splitlines() if " INFO " not in x]
        assert line.startswith(f"swpt_accounts: the database is not for the shard {shard.realm}: ")
        assert reason in line
    settings = {**shard.environment, "POSTGRES_URL": other.database_url}
    settings.pop("SQLALCHEMY_DATABASE_URI")
    refused = run(["sh", str(ENTRYPOINT), "configure"], image_environment(**settings))
    assert refused.returncode == 1, refused.stdout
    assert reason in refused.stdout.splitlines()[-1]
    assert "Traceback" not in refused.stdout
    assert accounts(other) == before


@pytest.mark.timeout(300)
def test_exchanged_databases_are_refused(shards: list[Shard]) -> None:
    first, second = shards
    start_all(shards, *CHILD_SERVICES)
    for shard in shards:
        fund(shard)
        shard.stop()
    check_refused(first, second, "it is the database of the shard 1.#")
    check_refused(second, first, "it is the database of the shard 0.#")
    # a web server would say that there are no such accounts
    first.environment["SQLALCHEMY_DATABASE_URI"] = second.environment["SQLALCHEMY_DATABASE_URI"]
    first.start("webserver")
    own = next(first.creditor_ids(DEBTOR_ID))
    path = f"/accounts/{DEBTOR_ID}/{own}/reachable"
    assert requests.get(first.web_url + path, timeout=30).status_code == 503
    # the parent's settings are not those of a child
    assert second.run("flush_messages", PROTOCOL_BROKER_QUEUE_ROUTING_KEY="#").returncode == 1


@pytest.mark.timeout(300)
def test_database_that_does_not_know_its_realm_learns_it(shards: list[Shard]) -> None:
    """It is of a version before, or a backup of one."""
    first, second = shards
    second.start("consume_messages")
    fund(second)
    second.stop()
    second.query("DELETE FROM shard")
    check_refused(first, second, "it has the account (")
    without = {"DELETE_PARENT_SHARD_RECORDS": "false"}
    refused = second.run("flush_messages", PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.0.#", **without)
    assert "set DELETE_PARENT_SHARD_RECORDS to true" in refused.stdout
    assert second.query("SELECT realm FROM shard") == []
    assert second.run("flush_messages", "--quit-early", **without).returncode == 0
    assert second.query("SELECT realm FROM shard") == [("1.#",)]
