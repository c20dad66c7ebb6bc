"""A shard is split under traffic, as docs/how-to/split-a-shard.md tells."""

import itertools
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from swpt_accounts.broker import topology
from tests.e2e.agents import Currency
from tests.e2e.wire import chain_problems, problems_of
from tests.support.authority import ROOT, flask_command
from tests.support.broker import Management, Observer, wait_until
from tests.support.database import Databases
from tests.support.shards import FetchProxy, Shard, start_all
from tests.support.traffic import AGENTS_EXCHANGES, Traffic

DOCUMENT = ROOT / "docs" / "how-to" / "split-a-shard.md"
ACCOUNTS_COUNT = 40
AMOUNT = 1000
PARENT_SERVICES = (
    "consume_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
)
CHILD_SERVICES = (
    *PARENT_SERVICES,
    "consume_chore_messages",
    "scan_accounts",
    "scan_prepared_transfers",
    "webserver",
)
SETTINGS = {
    "PROTOCOL_BROKER_PREFETCH_COUNT": "50",
    "APP_ACCOUNTS_SCAN_HOURS": "0.0001",
    "APP_PREPARED_TRANSFERS_SCAN_DAYS": "0.00001",
    "APP_LOG_LEVEL": "info",
}
Row = tuple[Any, ...]


# -- the procedure -------------------------------------------------------------


class Splitting:
    """The steps of the document."""

    def __init__(
        self,
        parent: Shard,
        children: list[Shard],
        databases: Databases,
        management: Management,
        vhost: str,
    ) -> None:
        self.parent = parent
        self.children = children
        self._databases = databases
        self._management = management
        self._vhost = vhost

    def _run_example(self, number: int) -> None:
        """Run an example of the document, just as it is."""
        blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
        environment = {**os.environ, "PROTOCOL_BROKER_URL": self.parent.broker_url}
        subprocess.run([sys.executable, "-c", blocks[number]], env=environment, check=True)

    def _policy(self, method: str) -> None:
        """What `rabbitmqctl set_policy` and `clear_policy` do."""
        text = DOCUMENT.read_text()
        (pattern,) = re.findall(r"set_policy .* split '(.*)'", text)
        (definition,) = re.findall(r'\'(\{"alternate-exchange": .*\})\'', text)
        body = {
            "pattern": pattern,
            "definition": __import__("json").loads(definition),
            "apply-to": "exchanges",
            "priority": 100,
        }
        self._management.request(method, "policies", self._vhost, "split", body=body)

    def switch(self) -> None:
        """From now on messages go to the queues of the children."""
        self._run_example(0)
        self._policy("PUT")
        self._succeed(self.parent.run("unsubscribe"))
        for child in self.children:
            command = ("subscribe", "-q", child.queue, "-k", child.realm)
            self._succeed(self.parent.run(*command))
        self._policy("DELETE")
        self._run_example(1)

    def drain(self) -> None:
        """Let the parent take in what is left in its queue."""
        consumer = subprocess.Popen(
            flask_command("consume_messages", "--draining-mode"),
            cwd=ROOT,
            env=self.parent.environment,
        )
        try:
            self._succeed(self.parent.run("delete_queue"))
        finally:
            consumer.terminate()
            assert consumer.wait(10) == 0

    def _succeed(self, result: subprocess.CompletedProcess[str]) -> None:
        assert result.returncode == 0, result.stdout

    def copy(self) -> None:
        """Copy the database of the parent."""
        source = make_url(self.parent.database_url).database
        wait_until(
            lambda: (
                self.parent.query(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                )
                == [(1,)]
            )
        )
        for child in self.children:
            target = make_url(child.database_url).database
            assert source is not None
            assert target is not None
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            admin(self._databases, statement.format(*map(sql.Identifier, (target, source))))

    def start_children(self) -> None:
        for child in self.children:
            child.environment["DELETE_PARENT_SHARD_RECORDS"] = "true"
            topology.create_chores_queue(child.broker_url, child.chores_queue)
        start_all(self.children, *CHILD_SERVICES)


def admin(databases: Databases, statement: sql.Composable) -> None:
    dsn = databases.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture
def splitting(
    databases: Databases,
    database_url: str,
    broker_url: str,
    management: Management,
    vhost: str,
    tmp_path: Path,
) -> Iterator[Splitting]:
    proxy = FetchProxy()
    settings = {**SETTINGS, "FETCH_API_URL": proxy.url}
    url = make_url(database_url)
    urls = [url.set(database=f"{url.database}_{bit}") for bit in "01"]
    made = [Shard("swpt_accounts", "#", database_url, broker_url, tmp_path / "parent", settings)]
    try:
        made[0].subscribe()
        for bit, child_url in zip("01", urls, strict=True):
            made.append(
                Shard(
                    f"swpt_accounts_{bit}",
                    f"{bit}.#",
                    child_url.render_as_string(hide_password=False),
                    broker_url,
                    tmp_path / bit,
                    settings,
                )
            )
        proxy.shards = made[1:]
        yield Splitting(made[0], made[1:], databases, management, vhost)
    finally:
        for shard in made:
            shard.close()
        proxy.close()
        for child_url in urls:
            assert child_url.database is not None
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            admin(databases, drop.format(sql.Identifier(child_url.database)))


# -- the traffic ------------------------------------------------------------------


def open_accounts(parent: Shard) -> tuple[Currency, list[int]]:
    currency = Currency(parent)
    currency.open_root()
    ids = itertools.count(2**40)
    return currency, [currency.open_account(AMOUNT, next(ids)) for _ in range(ACCOUNTS_COUNT)]


def pile_up(parent: Shard, children: list[Shard], table: str) -> None:
    """Wait until a table has rows of both children."""

    def is_for_both() -> bool:
        rows = parent.query(f"SELECT debtor_id, creditor_id FROM {table}")
        return all(any(child.contains(*row) for row in rows) for child in children)

    wait_until(is_for_both, 30.0, table)


def crash(parent: Shard, children: list[Shard]) -> None:
    """End the services one after the other, so that work of every kind is left undone."""
    parent.kill("process_balance_changes")
    pile_up(parent, children, "pending_balance_change")
    parent.kill("process_finalization_requests")
    pile_up(parent, children, "finalization_request")
    # Killed, it could have sent a message without having noted it.
    assert parent.terminate("flush_messages")[0] == 0
    pile_up(parent, children, "prepared_transfer_signal")
    parent.kill("process_transfer_requests")
    pile_up(parent, children, "transfer_request")
    parent.kill("consume_messages")
    pile_up(parent, children, "prepared_transfer")


def check_outcomes(traffic: Traffic) -> None:
    """Every transfer has ended, once."""
    for transfer in traffic.transfers.values():
        outcome = len(transfer.rejected), len(transfer.prepared), len(transfer.finalized)
        assert outcome in ((1, 0, 0), (0, 1, 1)), transfer
        assert [r["status_code"] for r in transfer.rejected] in (
            [],
            ["INSUFFICIENT_AVAILABLE_AMOUNT"],
        ), transfer
        for finalized in transfer.finalized:
            assert transfer.finalization is not None
            assert finalized["status_code"] == "OK"
            assert finalized["committed_amount"] == transfer.finalization["committed_amount"]


def expected_principals(traffic: Traffic, creditor_ids: list[int]) -> dict[int, int]:
    principals = {0: -AMOUNT * len(creditor_ids), **dict.fromkeys(creditor_ids, AMOUNT)}
    for transfer in traffic.transfers.values():
        principals[transfer.request["creditor_id"]] -= transfer.committed_amount
        principals[int(transfer.request["recipient"])] += transfer.committed_amount
    return principals


def principals_of(shards: list[Shard]) -> dict[int, int]:
    rows = [row for s in shards for row in s.query("SELECT creditor_id, principal FROM account")]
    assert len(dict(rows)) == len(rows), "an account is in both shards"
    return dict(rows)


def reported_principals(observer: Observer) -> dict[int, int]:
    """The principal of each account after the last of its AccountTransfers."""
    last: dict[int, dict[str, Any]] = {}
    for message in observer.find("AccountTransfer"):
        data = message.data
        before = last.setdefault(data["creditor_id"], data)
        if data["transfer_number"] > before["transfer_number"]:
            last[data["creditor_id"]] = data
    return {creditor_id: data["principal"] for creditor_id, data in last.items()}


def outbox_rows(shard: Shard) -> list[Row]:
    """Messages that tell of transfers, and have not been sent yet."""
    return shard.query(
        "SELECT 'PreparedTransfer', creditor_id, transfer_id FROM prepared_transfer_signal"
        " UNION ALL"
        " SELECT 'FinalizedTransfer', creditor_id, transfer_id FROM finalized_transfer_signal"
        " UNION ALL"
        " SELECT 'AccountTransfer', creditor_id, transfer_number FROM account_transfer_signal"
    )


def sent_counts(observer: Observer) -> Counter[Row]:
    return Counter(
        (m.type, m.data["creditor_id"], m.data.get("transfer_id", m.data.get("transfer_number")))
        for m in observer.messages
        if m.type in ("PreparedTransfer", "FinalizedTransfer", "AccountTransfer")
    )


def wait_until_only_own_accounts_are_left(children: list[Shard]) -> None:
    for child in children:
        for table in ("account", "prepared_transfer"):
            query = f"SELECT debtor_id, creditor_id FROM {table}"
            wait_until(lambda c=child, q=query: all(c.contains(*row) for row in c.query(q)))


# -- the test -----------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_split_under_traffic(splitting: Splitting) -> None:
    parent, children = splitting.parent, splitting.children
    observer = parent.observer = Observer(parent.broker_url, AGENTS_EXCHANGES)
    parent.start(*PARENT_SERVICES)
    currency, creditor_ids = open_accounts(parent)
    traffic = Traffic(
        observer,
        parent.broker_url,
        currency.debtor_id,
        creditor_ids,
        transfers_a_second=12.0,
        seed=os.getpid(),
    )
    traffic.start()
    wait_until(lambda: traffic.finished_count() >= 40, 30.0)

    crash(parent, children)
    splitting.switch()
    splitting.drain()
    parent.stop()
    unsent = outbox_rows(parent)
    splitting.copy()
    for child in children:
        result = child.run("verify_shard_content")
        assert result.returncode == 1
        assert f"does not belong to this shard ({child.realm})" in result.stdout
    unaware = children[0].run("flush_messages", "--quit-early")
    assert unaware.returncode == 1
    assert "set DELETE_PARENT_SHARD_RECORDS to true" in unaware.stdout

    finished_count = traffic.finished_count()
    splitting.start_children()
    wait_until(lambda: traffic.finished_count() >= finished_count + 100, 60.0)
    traffic.finish(60.0)
    observer.wait_for(
        lambda _: (
            reported_principals(observer)
            == {
                creditor_id: principal
                for creditor_id, principal in expected_principals(traffic, creditor_ids).items()
                if creditor_id != 0
            }
        ),
        what="all the money has arrived",
    )

    check_outcomes(traffic)
    assert len(traffic.transfers) >= 200
    wait_until_only_own_accounts_are_left(children)
    assert principals_of(children) == expected_principals(traffic, creditor_ids)
    assert sum(principals_of(children).values()) == 0
    assert not chain_problems(observer.messages)
    assert not [p for m in observer.messages for p in problems_of(m)]
    # What was in the outboxes has been sent by one of the children.
    assert unsent
    counts = sent_counts(observer)
    assert {row: counts[row] for row in unsent} == dict.fromkeys(unsent, 1)
    for child in children:
        assert child.query("SELECT 1 FROM registered_balance_change"), "nothing came from the other"
        assert child.query("SELECT sum(total_locked_amount) FROM account") == [(0,)]
        assert child.query("SELECT 1 FROM prepared_transfer") == []
        assert "goes to" not in child.log("consume_messages"), "a dead letter"
        assert child.run("verify_shard_content").returncode == 0
        # All is as it should be without the setting, too.
        without = {"DELETE_PARENT_SHARD_RECORDS": "false"}
        assert child.run("flush_messages", "--quit-early", **without).returncode == 0
