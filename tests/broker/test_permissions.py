"""What the users of a node may do in the broker: enough for their work, and nothing else."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pika
import pytest
import yaml
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from agentkit.broker import Broker
from agentkit.management import Management, Users, permissions_of
from agentkit.processes import ROOT
from swpt_accounts.broker import topology
from swpt_accounts.broker.dead_letters import ConfirmedPublisher, DeadLetterPublisher, Letter
from swpt_accounts.workers.shutdown import ShutdownEvent

QUEUE, CHORES = "swpt_accounts", "swpt_accounts_chores"
AGENT = "970fa1c0ef6659de38b0d7e8112a9190"
CONFIG, WORKER = "swpt_accounts_config", "swpt_accounts_worker"
OPERATOR = "swpt_accounts_operator"
MONITOR = "swpt_accounts_monitor"
STOMP_CONFIG, STOMP_SERVER, STOMP_CLIENT = "stomp_config", "stomp_server", "stomp_client_creditors"
STOMP_DRAINER = "stomp_drainer"
ADDRESSED = (
    *(CONFIG, WORKER, MONITOR, STOMP_CONFIG, STOMP_SERVER, STOMP_DRAINER),
    *(STOMP_CLIENT, "stomp_client_debtors"),
)
DEFINITIONS = json.loads((ROOT / "docker" / "rabbitmq" / "definitions.json").read_text())

Do = Callable[[BlockingChannel], Any]


@pytest.fixture(scope="module")
def node(broker_url: str, broker_users: Users) -> Callable[[str], str]:
    """A node whose exchanges and queues are declared. Gives the addresses for its users."""
    declaring = broker_users.url_as(CONFIG, broker_url)
    topology.subscribe(declaring, QUEUE, "#")
    topology.create_chores_queue(declaring, CHORES)
    declare_peer(broker_users.url_as(STOMP_CONFIG, broker_url), AGENT)
    return lambda user: broker_users.url_as(user, broker_url)


def declare_peer(url: str, peer: str) -> None:
    """Do what `configure-queue` does, with an exchange of another type, which needs no plugin."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.exchange_declare("to_creditors", "topic", durable=True)
    channel.exchange_declare(f"aa.x.{peer}", "fanout", durable=True)
    channel.exchange_bind(f"aa.x.{peer}", "to_creditors", "00.00.01.#")
    channel.queue_declare(f"aa.{peer}.XQ", durable=True)
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"aa.{peer}.XQ"}
    channel.queue_declare(f"aa.{peer}", durable=True, arguments=dead)
    channel.queue_bind(f"aa.{peer}", f"aa.x.{peer}")
    connection.close()


def attempt(url: str, do: Do) -> None:
    """Do something as a user. Raises what the broker says."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        do(channel)
    finally:
        if connection.is_open:
            connection.close()


def publish(exchange: str, key: str = "x") -> Do:
    return lambda channel: channel.basic_publish(exchange, key, b"{}")


def read(queue: str) -> Do:
    return lambda channel: channel.basic_get(queue, auto_ack=True)


def test_worker_with_older_rights_keeps_refused_money_with_the_rest(
    node: Callable[[str], str],
    management: Management,
    broker: Broker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = node(WORKER)
    parts = urlsplit(url)
    vhost, rights = parts.path.removeprefix("/"), permissions_of(WORKER)
    body, money = b"money", topology.money_letter_queue(QUEUE)
    for configure, kept_in in (
        (r"^swpt_accounts\.XQ$", f"{QUEUE}.XQ"),
        (rights["configure"], money),
    ):
        management.permit(vhost, parts.username or "", configure, rights["write"], rights["read"])
        connection = pika.BlockingConnection(pika.URLParameters(url))
        letters = DeadLetterPublisher(
            connection, ConfirmedPublisher(connection), None, url=url, name="test", queue=QUEUE
        )
        letters.publish(Letter(body, pika.BasicProperties(delivery_mode=2), is_money=True))
        connection.close()
        assert [letter.body for letter in broker.read_stream(kept_in, 1)] == [body]
    (line,) = (text for text in caplog.messages if "cannot declare" in text)
    assert line.startswith(f"cannot declare queue {money}: ACCESS_REFUSED")
    assert line.endswith(f"; a balance change is kept in queue {QUEUE}.XQ")


def test_who_declares_can_take_it_away_again(
    node: Callable[[str], str], broker_users: Users, broker_url: str
) -> None:
    url = node(CONFIG)
    topology.subscribe(url, QUEUE, "#")
    topology.unsubscribe(url, QUEUE, "#")
    assert topology.delete_queue(url, QUEUE, ShutdownEvent())
    topology.subscribe(url, QUEUE, "#")


@pytest.mark.parametrize(
    ("user", "do"),
    [
        (WORKER, publish("to_creditors")),
        (WORKER, publish("to_coordinators")),
        (WORKER, publish("accounts_in")),
        (WORKER, publish("", CHORES)),
        (WORKER, read(QUEUE)),
        (WORKER, read(CHORES)),
        (STOMP_SERVER, publish("accounts_in")),
        (STOMP_CLIENT, read(f"aa.{AGENT}")),
    ],
)
def test_what_a_user_can_do(node: Callable[[str], str], user: str, do: Do) -> None:
    attempt(node(user), do)


@pytest.mark.parametrize(
    ("user", "do"),
    [
        (WORKER, lambda c: c.queue_delete(QUEUE)),
        (WORKER, lambda c: c.queue_purge(f"aa.{AGENT}")),
        (WORKER, lambda c: c.queue_declare("mine")),
        (WORKER, lambda c: c.exchange_delete("to_creditors")),
        (WORKER, lambda c: c.exchange_declare("mine")),
        (WORKER, lambda c: c.queue_bind(QUEUE, "to_creditors", "#")),
        (WORKER, lambda c: c.queue_unbind(QUEUE, "accounts_in", "#")),
        (WORKER, read(f"aa.{AGENT}")),
        (CONFIG, publish("accounts_in")),
        (CONFIG, read(CHORES)),
        (CONFIG, lambda c: c.queue_delete(f"aa.{AGENT}")),
        (STOMP_CONFIG, lambda c: c.queue_delete(QUEUE)),
        (STOMP_CONFIG, publish("accounts_in")),
        (STOMP_CONFIG, read(QUEUE)),
        (OPERATOR, read(QUEUE)),
        (OPERATOR, publish("to_creditors")),
        (OPERATOR, lambda c: c.queue_delete(f"{QUEUE}.XQ")),
        (STOMP_SERVER, publish("to_creditors")),
        (STOMP_SERVER, publish("", QUEUE)),
        (STOMP_SERVER, read(QUEUE)),
        (STOMP_SERVER, lambda c: c.queue_declare("mine")),
        (MONITOR, read(QUEUE)),
        (MONITOR, publish("accounts_in")),
        (STOMP_CLIENT, read(f"aa.{AGENT}.XQ")),
        (STOMP_CLIENT, read(QUEUE)),
        (STOMP_CLIENT, publish("accounts_in")),
        ("stomp_client_debtors", read(f"aa.{AGENT}")),
    ],
)
def test_what_a_user_cannot_do(node: Callable[[str], str], user: str, do: Do) -> None:
    with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
        attempt(node(user), do)


def test_how_to_names_the_same_permissions() -> None:
    text = (ROOT / "docs" / "how-to" / "least-privilege.md").read_text().replace(r"\|", "\0")
    rows = re.findall(r"^\|([^|\n]*)\|([^|\n]*)\|([^|\n]*)\|([^|\n]*)\|$", text, re.MULTILINE)
    shown = {}
    for who, *patterns in rows:
        if patterns[0].strip().startswith("`^"):
            names = re.findall(r"`(\w+…?)`", who.partition(":")[0])
            shown[names[0]] = tuple(p.strip(" `").replace("\0", "|") for p in patterns)
    assert tuple(permissions_of(STOMP_CLIENT).values()) == shown.pop("stomp_client_…", None)
    named = (*ADDRESSED[:6], OPERATOR)
    assert shown == {user: tuple(permissions_of(user).values()) for user in named}


def test_definitions_are_those_of_the_whole_node() -> None:
    """Every address in docker-compose-all.yml has a user, and its password."""
    hashes = {user["name"]: user["password_hash"] for user in DEFINITIONS["users"]}
    assert {p["user"] for p in DEFINITIONS["permissions"]} == set(hashes)
    tags = {user["name"]: user["tags"] for user in DEFINITIONS["users"] if user["tags"]}
    assert tags == {"swpt_accounts": "administrator", MONITOR: "monitoring"}
    services = yaml.safe_load((ROOT / "docker-compose-all.yml").read_text())["services"]
    demo = services.pop("demo")  # alone, it may do anything
    assert "//swpt_accounts:" in demo["environment"]["PROTOCOL_BROKER_URL"]
    found = set()
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if name.endswith("_BROKER_URL") or name == "PROTOCOL_BROKER_MANAGEMENT_URL":
                parts = urlsplit(value)
                assert parts.username is not None
                assert parts.password is not None
                raw = base64.b64decode(hashes[parts.username])
                assert raw[4:] == hashlib.sha256(raw[:4] + parts.password.encode()).digest()
                found.add(parts.username)
    assert found == set(ADDRESSED)
