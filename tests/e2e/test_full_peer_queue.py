"""A peer that sends and does not read: its queue is full, and nobody else notices."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from agentkit.authority import Authority
from agentkit.currency import Currency
from agentkit.management import Management
from agentkit.messages import prepare
from agentkit.processes import ROOT
from agentkit.waiting import wait_until
from tests.broker.test_permissions import declare_peer

DEFINITIONS = json.loads((ROOT / "docker" / "rabbitmq" / "definitions.json").read_text())
PEERS = next(p for p in DEFINITIONS["policies"] if p["name"] == "swpt_accounts-peers")
HOSTILE = "970fa1c0ef6659de38b0d7e8112a9190"
QUEUE = f"aa.{HOSTILE}"
# The bounds of the test are small, the rest is as it is shipped.
LIMITS = {**PEERS["definition"], "max-length": 300, "max-length-bytes": 100_000}
# Those of the hostile peer: `declare_peer` binds 00.00.01.#.
HOSTILE_ID = 0x0000_0100_0000_0001
REQUESTS_COUNT = 1000


@pytest.fixture
def _peer(authority: Authority, vhost: str, management: Management) -> Iterator[None]:
    body = {**PEERS, "definition": LIMITS}
    management.request("PUT", "policies", vhost, PEERS["name"], body=body)
    declare_peer(authority.broker_url, HOSTILE)
    assert authority.observer is not None
    # the observer reads everybody's messages: nothing of the hostile peer may be routed to it alone
    yield
    authority.broker.channel.queue_delete(QUEUE)
    management.request("DELETE", "policies", vhost, PEERS["name"])


def test_shipped_policy_is_the_same_everywhere() -> None:
    text = (ROOT / "deploy/kubernetes/components/stomp/policies.yaml").read_text()
    for name, value in PEERS["definition"].items():
        assert f"    {name}: {value}\n" in text
    assert f"pattern: '{PEERS['pattern']}'" in text
    assert PEERS["definition"]["overflow"] == "reject-publish", "they carry money"


def test_no_shipped_policy_removes_refused_money() -> None:
    folder = ROOT / "deploy" / "kubernetes"
    texts = [path.read_text() for path in folder.rglob("*.yaml")]
    patterns = [p for text in texts for p in re.findall(r"^  pattern: '(.+)'$", text, re.MULTILINE)]
    patterns += [policy["pattern"] for policy in DEFINITIONS["policies"]]
    assert len(patterns) >= 5
    for pattern in patterns:
        for queue in ("swpt_accounts", "swpt_accounts_0", "swpt_accounts_1"):
            assert not re.search(pattern, f"{queue}.money.XQ")


@pytest.mark.usefixtures("_peer")
def test_full_queue_of_a_peer_hurts_nobody_else(authority: Authority, currency: Currency) -> None:
    currency.open_root()
    payer, payee = currency.open_account(1000), currency.open_account()
    hostile = currency.open_account(REQUESTS_COUNT, HOSTILE_ID)
    requests = [prepare(currency.debtor_id, hostile, 0, 1) for _ in range(REQUESTS_COUNT)]
    for number, request in enumerate(requests):
        authority.send(request)
        if number % 100 == 0:
            currency.transfer(payer, payee, 1)
    put_aside = "SELECT count(*) FROM returned_message WHERE reason = 'rejected by a queue'"
    wait_until(lambda: authority.query(put_aside)[0][0] > 0)
    # full, and others go on
    for _ in range(10):
        currency.transfer(payer, payee, 1)
    assert currency.principal(payee) == 20

    wait_until(lambda: _count(authority, hostile) == REQUESTS_COUNT)
    assert authority.broker.ready_count(QUEUE) <= LIMITS["max-length"] + 1

    wait_until(lambda: _findings(authority).get("peer_queue_full", "").startswith(f"Queue {QUEUE}"))
    assert "peer_queue_unlimited" not in _findings(authority)
    # the peer reads again: all of it, and each message once
    taken: list[int] = []

    def drain() -> bool:
        authority.query("UPDATE returned_line SET next_attempt_at = now()")
        while (message := authority.broker.get(QUEUE)) is not None:
            if message.type == "PreparedTransfer":
                taken.append(message.data["coordinator_request_id"])
        return len(set(taken)) == REQUESTS_COUNT

    wait_until(drain, 60)
    wait_until(lambda: authority.query("SELECT count(*) FROM returned_message") == [(0,)])
    drain()
    assert sorted(taken) == sorted(request["coordinator_request_id"] for request in requests)


@pytest.mark.usefixtures("_peer")
def test_status_tells_that_the_policy_is_missing(
    authority: Authority, vhost: str, management: Management
) -> None:
    management.request("DELETE", "policies", vhost, PEERS["name"])
    wait_until(lambda: QUEUE in _findings(authority).get("peer_queue_unlimited", ""))
    # one that would drop money is none
    drops = {"max-length": 300, "overflow": "drop-head"}
    body = {**PEERS, "definition": drops}
    management.request("PUT", "policies", vhost, PEERS["name"], body=body)
    wait_until(lambda: management.queue(vhost, QUEUE).get("effective_policy_definition") == drops)
    wait_until(lambda: QUEUE in _findings(authority).get("peer_queue_unlimited", ""))
    answer = authority.run("status", "--json", PROTOCOL_BROKER_MANAGEMENT_URL="http://127.0.0.1:1")
    assert answer.returncode == 2
    assert "does not tell the queues of peers" in answer.stdout


def _findings(authority: Authority) -> dict[str, str]:
    """What `status` finds, by its code."""
    url = os.environ["TEST_BROKER_MANAGEMENT_URL"]
    answer = authority.run("status", "--json", PROTOCOL_BROKER_MANAGEMENT_URL=url)
    return {one["code"]: one["words"] for one in json.loads(answer.stdout)["findings"]}


def _count(authority: Authority, creditor_id: int) -> Any:
    where = "creditor_id = %s"
    return authority.query(f"SELECT count(*) FROM prepared_transfer WHERE {where}", creditor_id)[0][
        0
    ]
