"""What somebody can do who has the STOMP server's user of RabbitMQ: what SECURITY.md says.

What that user may not read, declare, bind or publish to is in tests/broker/test_permissions.py.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agentkit.authority import DEAD_LETTER_QUEUE, Authority
from agentkit.broker import Broker
from agentkit.currency import Currency
from agentkit.databases import Databases
from agentkit.keys import bits_key
from agentkit.management import Users
from agentkit.messages import Message, balance_change, encode, finalize, now_text, prepare
from agentkit.shards import Shard
from agentkit.waiting import wait_until
from verification.kit.servers import subscribe
from verification.splits.commands import shard_of
from verification.splits.traffic_checks import configure_account

ALONE = "no other shard has sent this PendingBalanceChange: there is only one"


@pytest.fixture
def stolen(authority: Authority, broker_users: Users) -> Iterator[Broker]:
    """A connection of the thief."""
    broker = Broker(broker_users.url_as("stomp_server", authority.broker_url))
    yield broker
    broker.close()


def send(broker: Broker, message: Message, **properties: object) -> None:
    key = bits_key(message["debtor_id"], message["creditor_id"])
    known = {"type": message["type"], "content_type": "application/json", **properties}
    broker.publish("accounts_in", key, encode(message), **known)


def test_it_pays_from_any_account_what_is_available(stolen: Broker, currency: Currency) -> None:
    currency.open_root()
    victim, thief = currency.open_account(100), currency.open_account()
    for amount, status in ((100, "OK"), (1, "INSUFFICIENT_AVAILABLE_AMOUNT")):
        request = prepare(currency.debtor_id, victim, thief, amount)
        send(stolen, request)
        if status == "OK":
            prepared = currency.answer("PreparedTransfer", request)
            send(stolen, finalize(prepared, amount))
            currency.answer("FinalizedTransfer", request)
        else:
            rejected = currency.answer("RejectedTransfer", request)
            assert rejected["status_code"] == status
    wait_until(lambda: currency.principal(thief) == 100)
    assert currency.principal(victim) == 0


def test_it_credits_no_account(stolen: Broker, authority: Authority, currency: Currency) -> None:
    currency.open_root()
    thief = currency.open_account(5)
    log_of = authority.services["consume_messages"]
    refused_count = log_of.log.count(ALONE)
    headers = {"x-copied-routing-key": "0.1", "x-copied-user-id": "swpt_accounts_worker"}
    ways: list[dict[str, object]] = [{}, {"user_id": stolen.user}, {"headers": headers}]
    ways.append({"headers": {**headers, "x-replayed-by": "operator"}})
    for number, properties in enumerate(ways):
        change = balance_change(
            currency.debtor_id, thief, 0, 10**6, change_id=number, committed_at=now_text()
        )
        send(stolen, change, **properties)
    wait_until(lambda: log_of.log.count(ALONE) == refused_count + len(ways))
    # what came later has been done
    currency.transfer(thief, 0, 1)
    assert currency.principal(thief) == 4
    listed = json.loads(authority.run("dead_letters", "list", "--json").stdout)["letters"]
    assert [one["kind"] for one in listed].count("not from a shard") >= len(ways)
    assert not authority.broker.exists(DEAD_LETTER_QUEUE.replace(".XQ", ".money.XQ"))


def test_it_takes_no_other_users_name(stolen: Broker, authority: Authority) -> None:
    change = balance_change(1, 2, 0, 5)
    with pytest.raises(Exception, match=r"PRECONDITION_FAILED.*user_id"):
        send(stolen, change, user_id=authority.broker.user)


def is_credited(shard: Shard) -> bool:
    return shard.query("SELECT principal FROM account WHERE debtor_id = 7") == [(5,)]


def test_where_workers_are_the_default_user_all_senders_are_taken(
    databases: Databases, fresh_broker_url: str, tmp_path: Path
) -> None:
    """The broker can answer for nobody then; SECURITY.md says so."""
    for shard in shard_of(databases, fresh_broker_url, tmp_path / "shard", "swpt_accounts", "#"):
        subscribe(shard)
        shard.start("consume_messages", "process_balance_changes")
        configure_account(shard, 7, 2**32)
        shard.send(balance_change(7, 2**32, 0, 5, committed_at=now_text()))
        wait_until(partial(is_credited, shard))
