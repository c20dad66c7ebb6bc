"""What somebody can do who has the STOMP server's user of RabbitMQ: what SECURITY.md says.

What that user may not read, declare, bind or publish to is in tests/broker/test_permissions.py.
"""

import json
from collections.abc import Iterator

import pytest

from agentkit.authority import DEAD_LETTER_QUEUE, Authority
from agentkit.broker import Broker
from agentkit.currency import Currency
from agentkit.keys import bits_key
from agentkit.management import Users
from agentkit.messages import Message, balance_change, encode, finalize, now_text, prepare
from agentkit.waiting import wait_until

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
