"""Exchanges, queues and bindings, as the commands declare them."""

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker

from agentkit.broker import Broker
from agentkit.management import Management
from agentkit.processes import run
from swpt_accounts.broker import topology
from swpt_accounts.broker.connections import server_version
from swpt_accounts.broker.delivery_limit import version_numbers
from swpt_accounts.workers.shutdown import ShutdownEvent
from tests.support.commands import run_command, settings_for

EXCHANGE_TYPES = {
    "accounts_in": "topic",
    "to_creditors": "topic",
    "to_debtors": "topic",
    "to_coordinators": "headers",
}
QUEUE_ARGUMENTS = {
    "x-queue-type": "quorum",
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": "q.XQ",
}
COORDINATORS = {("direct", "to_creditors"), ("agent", "to_creditors"), ("issuing", "to_debtors")}

Snapshot = Callable[[], dict[str, Any]]


@pytest.fixture
def snapshot(management: Management, vhost: str) -> Snapshot:
    """Everything that is declared in the virtual host."""

    def take() -> dict[str, Any]:
        queues = management.request("GET", "queues", vhost)
        exchanges = management.request("GET", "exchanges", vhost)
        return {
            "queues": {q["name"]: (q["durable"], q["arguments"]) for q in queues},
            "exchanges": {
                e["name"]: (e["type"], e["durable"], e["auto_delete"], e["internal"])
                for e in exchanges
                if e["name"] and not e["name"].startswith("amq.")
            },
            "bindings": management.bindings(vhost),
        }

    return take


@pytest.fixture(autouse=True)
def _empty_vhost(management: Management, vhost: str) -> Iterator[None]:
    yield
    for kind in ("queues", "exchanges"):
        for one in management.request("GET", kind, vhost):
            if one["name"] and not one["name"].startswith("amq."):
                management.request("DELETE", kind, vhost, one["name"])


def coordinator_bindings() -> set[tuple[str, str, str, str]]:
    return {
        (
            "to_coordinators",
            destination,
            "",
            json.dumps({"coordinator-type": coordinator_type, "x-match": "all"}),
        )
        for coordinator_type, destination in COORDINATORS
    }


def test_subscribe_declares_everything(broker_url: str, snapshot: Snapshot) -> None:
    key = "0.1.#"
    environment = settings_for(broker_url, "q", PROTOCOL_BROKER_QUEUE_ROUTING_KEY=key)
    code, lines = run_command(environment, "subscribe")
    assert code == 0, lines
    assert snapshot() == {
        "queues": {
            "q": (True, QUEUE_ARGUMENTS),
            "q.XQ": (True, {"x-queue-type": "stream"}),
        },
        "exchanges": {n: (kind, True, False, False) for n, kind in EXCHANGE_TYPES.items()},
        "bindings": {("accounts_in", "q", key, "{}"), *coordinator_bindings()},
    }


def test_options_replace_settings(broker_url: str, snapshot: Snapshot) -> None:
    environment = settings_for("amqp://127.0.0.1:1", "wrong")
    options = ("-u", broker_url, "-q", "q", "-k", "1.#")
    assert run_command(environment, "subscribe", *options)[0] == 0
    before = snapshot()
    assert set(before["queues"]) == {"q", "q.XQ"}
    assert ("accounts_in", "q", "1.#", "{}") in before["bindings"]
    long_options = ("--url", broker_url, "--queue", "q", "--queue-routing-key", "1.#")
    code, lines = run_command(environment, "unsubscribe", *long_options, "-U", broker_url)
    assert code == 0, lines
    assert before["bindings"] - snapshot()["bindings"] == {("accounts_in", "q", "1.#", "{}")}


@pytest.mark.parametrize(
    "options",
    [
        ("-k", "0.2.#"),
        ("-k", "anything"),
        ("-q", "amq.reserved"),
        ("-u", "http://127.0.0.1"),
        ("-u", "nonsense"),
    ],
)
def test_senseless_options_change_nothing(
    broker_url: str, snapshot: Snapshot, options: tuple[str, str]
) -> None:
    code, lines = run_command(settings_for(broker_url, "q"), "subscribe", *options)
    assert code != 0
    assert not any("Traceback" in line for line in lines)
    assert snapshot() == {"queues": {}, "exchanges": {}, "bindings": set()}


def test_subscribing_again_changes_nothing(
    broker_url: str, broker: Broker, snapshot: Snapshot
) -> None:
    topology.subscribe(broker_url, "q", "#")
    before = snapshot()
    broker.publish("accounts_in", "1.0", b"body")
    topology.subscribe(broker_url, "q", "#")
    assert snapshot() == before
    message = broker.get("q")
    assert message is not None
    assert message.body == b"body"


def test_another_key_is_another_binding(broker_url: str, snapshot: Snapshot) -> None:
    topology.subscribe(broker_url, "q", "0.#")
    topology.subscribe(broker_url, "q", "1.#")
    bindings = {b for b in snapshot()["bindings"] if b[1] == "q"}
    assert bindings == {("accounts_in", "q", k, "{}") for k in ("0.#", "1.#")}


def test_coordinators_get_what_is_for_them(broker_url: str, broker: Broker) -> None:
    topology.subscribe(broker_url, "q", "#")
    for exchange in ("to_creditors", "to_debtors"):
        broker.declare_queue(exchange)
        broker.channel.queue_bind(exchange, exchange, "#")
    for coordinator_type in ("direct", "agent", "issuing"):
        headers = {"coordinator-type": coordinator_type, "debtor-id": 1}
        broker.publish("to_coordinators", "00.01", coordinator_type.encode(), headers=headers)
    received = {}
    for queue in ("to_creditors", "to_debtors"):
        messages = list(iter(partial(broker.get, queue), None))
        assert {m.routing_key for m in messages} == {"00.01"}
        received[queue] = {m.body for m in messages}
    assert received == {"to_creditors": {b"direct", b"agent"}, "to_debtors": {b"issuing"}}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({**QUEUE_ARGUMENTS, "x-queue-type": "classic"}, "x-queue-type"),
        ({**QUEUE_ARGUMENTS, "x-overflow": "drop-head"}, "x-overflow"),
        ({**QUEUE_ARGUMENTS, "x-dead-letter-routing-key": "q.other"}, "x-dead-letter-routing-key"),
        ({"x-queue-type": "quorum", "x-overflow": "reject-publish"}, "x-dead-letter-exchange"),
        ({"x-queue-type": "quorum", "x-delivery-limit": 7}, "x-dead-letter-exchange"),
        ({**QUEUE_ARGUMENTS, "x-max-length": 5}, "x-max-length"),
    ],
    ids=["classic", "overflow", "routing key", "no dead letters", "limit too", "max length"],
)
def test_queue_with_other_arguments(
    broker_url: str, broker: Broker, snapshot: Snapshot, arguments: dict[str, Any], named: str
) -> None:
    broker.declare_queue("q", **arguments)
    before = snapshot()
    with pytest.raises(topology.TopologyError, match=f"'q' .*{named}"):
        topology.subscribe(broker_url, "q", "#")
    assert snapshot() == before, "nothing is changed"


HARMLESS = {
    "of an older version": {"x-overflow": "reject-publish"},
    "of the reference": {"overflow": "reject-publish"},
    "without limit": {"x-delivery-limit": -1},
    "limit": {"x-delivery-limit": 50},
    "both": {"x-overflow": "reject-publish", "x-delivery-limit": 0},
}


@pytest.mark.parametrize("more", HARMLESS.values(), ids=HARMLESS)
def test_queue_with_harmless_arguments_is_taken_as_it_is(
    broker_url: str, broker: Broker, snapshot: Snapshot, more: dict[str, Any]
) -> None:
    broker.declare_queue("q", **QUEUE_ARGUMENTS, **more)
    broker.declare_queue("q_chores", **{"x-queue-type": "quorum"}, **more)
    for command in ("subscribe", "create_chores_queue"):
        code, lines = run_command(settings_for(broker_url, "q", APP_LOG_LEVEL="warning"), command)
        assert code == 0, lines
        limit = more.get("x-delivery-limit")
        told = [line for line in lines if "delivery-limit" in line]
        assert lines == told, "nothing else is told"
        version = server_version(broker.connection)
        is_limited = limit >= 0 if limit is not None else version_numbers(version) >= (4,)
        assert len(told) == is_limited, lines
    after = snapshot()
    assert after["queues"]["q"] == (True, {**QUEUE_ARGUMENTS, **more})
    assert ("accounts_in", "q", "#", "{}") in after["bindings"]


def test_the_reference_can_declare_our_queue(broker_url: str, broker: Broker) -> None:
    """It writes `overflow` where it means `x-overflow`; a queue is only refused for the latter."""
    topology.subscribe(broker_url, "q", "#")
    broker.declare_queue("q", **QUEUE_ARGUMENTS, overflow="reject-publish")
    topology.create_chores_queue(broker_url, "q_chores")
    broker.declare_queue("q_chores", **{"x-queue-type": "quorum"})


@pytest.mark.parametrize("arguments", [{}, {"x-queue-type": "classic"}, {"x-queue-type": "quorum"}])
def test_dead_letter_queue_of_another_type_is_taken_as_it_is(
    broker_url: str, broker: Broker, snapshot: Snapshot, arguments: dict[str, Any]
) -> None:
    """What is in it would be lost if it were declared anew."""
    broker.declare_queue("q.XQ", **arguments)
    broker.publish("", "q.XQ", b"letter")
    before = snapshot()["queues"]["q.XQ"]
    for _ in range(2):
        code, lines = run_command(settings_for(broker_url, "q"), "subscribe")
        assert code == 0, lines
    after = snapshot()
    assert after["queues"]["q.XQ"] == before
    assert ("accounts_in", "q", "#", "{}") in after["bindings"]
    topology.declare_dead_letter_queue(broker.connection, "q.XQ")
    message = broker.get("q.XQ")
    assert message is not None
    assert message.body == b"letter"


@pytest.mark.parametrize(
    ("arguments", "durable", "named"),
    [
        ({"x-message-ttl": 1000}, True, "x-message-ttl"),
        ({"x-queue-type": "classic", "x-expires": 100_000}, True, "x-expires"),
        ({"x-queue-type": "stream", "x-max-age": "1D"}, True, "x-max-age"),
        ({}, False, "durable"),
    ],
    ids=["ttl", "expires", "max age", "not durable"],
)
def test_dead_letter_queue_that_loses_letters(
    broker_url: str,
    broker: Broker,
    snapshot: Snapshot,
    arguments: dict[str, Any],
    durable: bool,
    named: str,
) -> None:
    """Whoever wants that sets a policy, which can be changed."""
    broker.channel.queue_declare("q.XQ", durable=durable, arguments=arguments)
    before = snapshot()
    with pytest.raises(topology.TopologyError, match=rf"'q\.XQ' .*{named}"):
        topology.subscribe(broker_url, "q", "#")
    assert snapshot() == before, "nothing is changed"


def test_exchange_of_another_type(broker_url: str, broker: Broker, snapshot: Snapshot) -> None:
    broker.channel.exchange_declare("to_coordinators", "topic", durable=True)
    before = snapshot()
    with pytest.raises(topology.TopologyError, match=r"'to_coordinators' .*type"):
        topology.subscribe(broker_url, "q", "#")
    assert snapshot() == before, "nothing is changed"


def test_the_command_tells_the_argument_in_one_line(broker_url: str, broker: Broker) -> None:
    broker.declare_queue("q", **{**QUEUE_ARGUMENTS, "x-overflow": "drop-head"})
    code, lines = run_command(settings_for(broker_url, "q"), "subscribe")
    assert code == 1
    assert len(lines) == 1
    assert "'q'" in lines[0]
    assert "x-overflow" in lines[0]


def test_unsubscribe_removes_the_binding_only(
    broker_url: str, broker: Broker, snapshot: Snapshot
) -> None:
    for key in ("0.#", "1.#"):
        topology.subscribe(broker_url, "q", key)
    broker.publish("accounts_in", "1.0", b"body")
    before = snapshot()
    topology.unsubscribe(broker_url, "q", "1.#")
    after = snapshot()
    assert before["bindings"] - after["bindings"] == {("accounts_in", "q", "1.#", "{}")}
    assert (after["queues"], after["exchanges"]) == (before["queues"], before["exchanges"])
    message = broker.get("q")
    assert message is not None
    topology.unsubscribe(broker_url, "q", "1.#")
    assert snapshot() == after, "doing it again is harmless"


def test_unsubscribe_where_there_is_nothing(broker_url: str, snapshot: Snapshot) -> None:
    """It succeeds, or tells why not; but it declares nothing."""
    try:
        topology.unsubscribe(broker_url, "q", "#")
    except AMQPError:
        pass
    assert snapshot() == {"queues": {}, "exchanges": {}, "bindings": set()}


CHORES = {"x-queue-type": "quorum"}


def test_unsubscribe_deletes_the_queue_of_chores(
    broker_url: str, broker: Broker, snapshot: Snapshot
) -> None:
    topology.subscribe(broker_url, "q", "#")
    broker.publish("accounts_in", "1.0", b"body")
    for name in ("q_chores", "other"):
        topology.create_chores_queue(broker_url, name)
        broker.publish("", name, b"chore")
    queues = {"q": (True, QUEUE_ARGUMENTS), "q.XQ": (True, {"x-queue-type": "stream"})}
    for _ in range(2):
        code, lines = run_command(settings_for(broker_url, "q"), "unsubscribe")
        assert code == 0, lines
        assert snapshot()["queues"] == {**queues, "other": (True, CHORES)}
    code, lines = run_command(settings_for(broker_url, "q"), "unsubscribe", "--chores-queue=other")
    assert code == 0, lines
    assert snapshot()["queues"] == queues
    message = broker.get("q")
    assert message is not None, "what is in the queue of incoming messages stays"
    assert snapshot()["bindings"] == coordinator_bindings()


def test_a_queue_of_chores_that_somebody_consumes_stays(
    broker_url: str, broker: Broker, snapshot: Snapshot
) -> None:
    topology.subscribe(broker_url, "q", "#")
    topology.create_chores_queue(broker_url, "q_chores")
    tag = broker.channel.basic_consume("q_chores", lambda *_: None)
    code, lines = run_command(settings_for(broker_url, "q"), "unsubscribe")
    assert code == 0, lines
    assert any("q_chores is not deleted: it has 1 consumers" in line for line in lines)
    assert "q_chores" in snapshot()["queues"]
    assert snapshot()["bindings"] == coordinator_bindings()
    broker.channel.basic_cancel(tag)
    assert run_command(settings_for(broker_url, "q"), "unsubscribe")[0] == 0
    assert "q_chores" not in snapshot()["queues"]


@pytest.mark.parametrize("name", ["q", "q.XQ"])
def test_the_queues_of_messages_are_not_deleted_as_if_they_were_of_chores(
    broker_url: str, snapshot: Snapshot, name: str
) -> None:
    topology.subscribe(broker_url, "q", "#")
    before = snapshot()["queues"]
    code, lines = run_command(settings_for(broker_url, "q"), "unsubscribe", "-Q", name)
    assert code == 0, lines
    assert any(f"{name} is not deleted: it is not a chores queue" in line for line in lines)
    assert snapshot()["queues"] == before


def test_the_binding_is_removed_when_the_broker_of_chores_is_away(
    broker_url: str, snapshot: Snapshot
) -> None:
    topology.subscribe(broker_url, "q", "#")
    environment = settings_for(broker_url, "q")
    code, lines = run_command(environment, "unsubscribe", "-U", "amqp://guest:guest@127.0.0.1:1")
    assert code == 1
    assert "removed the binding, but could not delete the queue of chores 'q_chores'" in lines[-1]
    assert snapshot()["bindings"] == coordinator_bindings()


def test_commands_on_brokers_need_no_database(broker_url: str, snapshot: Snapshot) -> None:
    environment = settings_for(broker_url, "q")
    del environment["SQLALCHEMY_DATABASE_URI"]
    for command in ("subscribe", "create_chores_queue", "unsubscribe", "delete_queue"):
        done = run([sys.executable, "-m", "swpt_accounts", command], environment)
        assert done.returncode == 0, done.stdout
    assert set(snapshot()["queues"]) == {"q.XQ"}


def test_create_chores_queue(broker_url: str, snapshot: Snapshot) -> None:
    environment = settings_for(broker_url, "q")
    for _ in range(2):
        code, lines = run_command(environment, "create_chores_queue")
        assert code == 0, lines
    assert snapshot()["queues"] == {"q_chores": (True, {"x-queue-type": "quorum"})}


def test_chores_queue_with_other_arguments(
    broker_url: str, broker: Broker, snapshot: Snapshot
) -> None:
    broker.declare_queue("q_chores")
    before = snapshot()
    code, lines = run_command(settings_for(broker_url, "q"), "create_chores_queue")
    assert code == 1
    assert len(lines) == 1
    assert "x-queue-type" in lines[0]
    assert snapshot() == before


@pytest.mark.parametrize(
    "command", ["subscribe", "unsubscribe", "create_chores_queue", "delete_queue"]
)
def test_no_broker(command: str) -> None:
    code, lines = run_command(settings_for("amqp://guest:guest@127.0.0.1:1", "q"), command)
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("swpt_accounts: ")


def down(queue: str, monkeypatch: pytest.MonkeyPatch, tries_count: int) -> list[str]:
    """Let a queue be down, in RabbitMQ's words, at so many tries. Returns these."""
    text = f"NOT_FOUND - home node 'n@h' of durable queue '{queue}' in vhost '/' is down or"
    declare = BlockingChannel.queue_declare
    tries: list[str] = []

    def declare_later(channel: BlockingChannel, name: str, **arguments: Any) -> Any:
        if name == queue and len(tries) < tries_count:
            tries.append(name)
            raise ChannelClosedByBroker(404, f"{text} inaccessible")
        return declare(channel, name, **arguments)

    monkeypatch.setattr(BlockingChannel, "queue_declare", declare_later)
    return tries


def test_a_queue_that_is_down_is_waited_for(
    broker_url: str,
    snapshot: Snapshot,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    topology.subscribe(broker_url, "q", "#")
    topology.create_chores_queue(broker_url, "q_chores")
    before = snapshot()
    for queue, declare in (
        ("q.XQ", partial(topology.subscribe, broker_url, "q", "#")),
        ("q_chores", partial(topology.create_chores_queue, broker_url, "q_chores")),
    ):
        caplog.clear()
        tries = down(queue, monkeypatch, 3)
        declare()
        assert len(tries) == 3
        [line] = [record.message for record in caplog.records if record.levelname == "WARNING"]
        assert line.startswith("waiting for a queue that is down: RabbitMQ: NOT_FOUND - home node")
    assert snapshot() == before


def test_a_queue_that_stays_down_is_not_waited_for_without_end(
    broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topology, "_UNREACHABLE_SECONDS_MAX", 0.2)
    down("q.XQ", monkeypatch, sys.maxsize)
    with pytest.raises(ChannelClosedByBroker, match="is down"):
        topology.subscribe(broker_url, "q", "#")


def test_a_queue_that_is_down_is_not_gone(
    broker_url: str, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    topology.subscribe(broker_url, "q", "#")
    down("q", monkeypatch, 1)
    with pytest.raises(ChannelClosedByBroker, match="is down"):
        topology.delete_queue(broker_url, "q", ShutdownEvent())
    assert "q" in snapshot()["queues"]
