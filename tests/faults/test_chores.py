"""Chores, while something is in the way of some of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from agentkit.authority import CHORES_QUEUE, Authority
from agentkit.database import dsn_of
from agentkit.messages import CONTENT_TYPE, configure
from agentkit.processes import STOP_SECONDS_MAX
from agentkit.waiting import wait_until

CONSUMER = "consume_chore_messages"
DEBTOR = 77
PREFETCH_COUNT = 20


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    return {"CHORES_BROKER_PREFETCH_COUNT": str(PREFETCH_COUNT), "APP_LOG_LEVEL": "info"}


@pytest.fixture
def accounts(idle_authority: Authority) -> Iterator[Authority]:
    """An authority with the accounts from 1 to 60, in which the chores are done."""
    made = idle_authority
    made.start("consume_messages", CONSUMER)
    ts = datetime.now(UTC).isoformat()
    for creditor_id in range(1, 61):
        made.send(configure(DEBTOR, creditor_id, ts=ts))
    wait_until(lambda: len(iris(made)) == 60)
    yield made
    made.stop()
    made.query("DELETE FROM account; DELETE FROM account_key; DELETE FROM account_update_signal")
    made.broker.channel.queue_purge(CHORES_QUEUE)


def iris(authority: Authority) -> dict[int, str]:
    """What the accounts say of their debtor."""
    return dict(authority.query("SELECT creditor_id, debtor_info_iri FROM account"))


def post(authority: Authority, creditor_id: int, iri: str, **fields: Any) -> None:
    """Post a chore that makes an account say this of its debtor."""
    chore = {
        "type": "UpdateDebtorInfo",
        "debtor_id": DEBTOR,
        "creditor_id": creditor_id,
        "debtor_info_iri": iri,
        "debtor_info_content_type": "",
        "debtor_info_sha256": "",
        "ts": datetime.now(UTC).isoformat(),
        **fields,
    }
    post_any(authority, json.dumps(chore).encode(), chore["type"])


def post_any(authority: Authority, body: bytes, chore_type: str) -> None:
    authority.broker.publish("", CHORES_QUEUE, body, type=chore_type, content_type=CONTENT_TYPE)


@contextmanager
def locked(authority: Authority, *creditor_ids: int) -> Iterator[None]:
    """Somebody else holds the locks of accounts."""
    with psycopg.connect(dsn_of(authority.database_url)) as connection:
        connection.execute(
            "SELECT FROM account WHERE creditor_id = ANY (%s) FOR UPDATE", [list(creditor_ids)]
        )
        yield


def says(authority: Authority, *creditor_ids: int, iri: str) -> bool:
    found = iris(authority)
    return all(found[creditor_id] == iri for creditor_id in creditor_ids)


def test_locked_account_delays_its_own_chores_alone(accounts: Authority) -> None:
    with locked(accounts, 1):
        post(accounts, 1, "first")
        post(accounts, 1, "second")
        for creditor_id in range(2, 61):
            post(accounts, creditor_id, "x")
        wait_until(lambda: says(accounts, *range(2, 61), iri="x"))
        # those that wait beside keep their places
        post(accounts, 1, "third")
        post(accounts, 2, "y")
        wait_until(lambda: says(accounts, 2, iri="y"))
        assert says(accounts, 1, iri="")
    wait_until(lambda: says(accounts, 1, iri="third"))
    updates = accounts.query(
        "SELECT debtor_info_iri FROM account_update_signal WHERE creditor_id = 1 ORDER BY id"
    )
    assert [iri for (iri,) in updates] == ["", "first", "second", "third"]
    wait_until(lambda: accounts.broker.ready_count(CHORES_QUEUE) == 0)
    log = accounts.log(CONSUMER)
    assert "failed" not in log
    assert "dropped" not in log


def test_many_locked_accounts_delay_nobody(accounts: Authority) -> None:
    """Half of what the broker delivers at once waits; what is more is left to the next scan."""
    with locked(accounts, *range(1, 31)):
        for creditor_id in range(1, 31):
            post(accounts, creditor_id, "x")
        for creditor_id in range(31, 61):
            post(accounts, creditor_id, "x")
        wait_until(lambda: says(accounts, *range(31, 61), iri="x"))
        wait_until(lambda: "dropped chores of locked accounts" in accounts.log(CONSUMER))
    wait_until(lambda: list(iris(accounts).values()).count("x") == 30 + PREFETCH_COUNT // 2)


def test_chores_that_wait_come_back_after_the_consumer(accounts: Authority) -> None:
    with locked(accounts, 1):
        post(accounts, 1, "x")
        post(accounts, 2, "x")
        wait_until(lambda: says(accounts, 2, iri="x"))
        code, seconds = accounts.terminate(CONSUMER)
        assert code == 0
        assert seconds < STOP_SECONDS_MAX
        wait_until(lambda: accounts.broker.ready_count(CHORES_QUEUE) == 1)
    accounts.start(CONSUMER)
    wait_until(lambda: says(accounts, 1, iri="x"))


def test_chore_that_the_database_refuses_is_dropped_alone(accounts: Authority) -> None:
    """As a later version may forbid what an earlier one has posted."""
    accounts.query(
        "ALTER TABLE account ADD CONSTRAINT decent CHECK (debtor_info_iri <> 'indecent')"
    )
    try:
        with locked(accounts, *range(1, 11)):
            # they come in one batch
            for creditor_id in range(1, 11):
                post(accounts, creditor_id, "indecent" if creditor_id == 5 else "x")
            post(accounts, 20, "x")
            wait_until(lambda: says(accounts, 20, iri="x"))
        wait_until(lambda: says(accounts, 1, 2, 3, 4, 6, 7, 8, 9, 10, iri="x"))
        wait_until(lambda: accounts.log(CONSUMER).count("dropped a chore that") == 1)
        assert says(accounts, 5, iri="")
    finally:
        accounts.query("ALTER TABLE account DROP CONSTRAINT decent")


def test_chores_of_other_versions(accounts: Authority) -> None:
    before = accounts.log(CONSUMER).count("a chore of an unknown type")
    for n in range(10):
        post_any(accounts, b'{"type": "Later", "n": %d}' % n, "Later")
    post(accounts, 1, "x", added_later={"any": ["thing"]})
    post(accounts, 2, "x")
    wait_until(lambda: says(accounts, 1, 2, iri="x"))
    log = accounts.log(CONSUMER)
    assert log.count("a chore of an unknown type") == before + 1
    assert "'Later' is unknown" in log
