"""Malformed messages go to the dead-letter queue, and harm nobody else."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pika
import pytest

from agentkit.authority import DEAD_LETTER_QUEUE, Authority
from agentkit.currency import SECONDS_MAX, Currency
from agentkit.messages import configure, finalize, prepare
from agentkit.received import Received
from agentkit.waiting import wait_until
from swpt_accounts.broker.dead_letters import REASON_HEADER
from swpt_accounts.broker.publisher import Publication, Publisher
from swpt_accounts.observability.log.rate_limit import BURST_COUNT, LINES_PER_SECOND
from tests.e2e.malformed import all_malformed

LEFT_OUT = re.compile(r"\[lines_left_out\]: .*message_dead_lettered.*: (\d+) in ")


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    return {"PROTOCOL_BROKER_PREFETCH_COUNT": "100"}


@contextmanager
def consumer_stopped(authority: Authority) -> Iterator[None]:
    """What is sent meanwhile is delivered in full batches."""
    process = authority.services["consume_messages"].process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def dead_letters(authority: Authority, count: int) -> list[Received]:
    return authority.broker.read_stream(DEAD_LETTER_QUEUE, count)


def error_lines(authority: Authority) -> list[str]:
    lines = authority.log("consume_messages").splitlines()
    return [line for line in lines if "ERROR" in line and "[message_dead_lettered]" in line]


def begin_a_new_log(authority: Authority) -> int:
    """Let the consumer begin anew, so that no lines are left out. Returns how many dead letters
    it has told of so far.
    """
    authority.terminate("consume_messages")
    left_out = LEFT_OUT.findall(authority.log("consume_messages"))
    authority.start("consume_messages")
    return len(error_lines(authority)) + sum(map(int, left_out))


def test_malformed_messages_among_good_ones(currency: Currency) -> None:
    authority = currency.authority
    malformed = all_malformed()
    assert len(malformed) > 100
    creditor_ids = range(2**34, 2**34 + len(malformed))
    with consumer_stopped(authority):
        for bad, creditor_id in zip(malformed, creditor_ids, strict=True):
            authority.send_raw(bad.body, bad.routing_key, **bad.properties)
            authority.send(configure(currency.debtor_id, creditor_id))

    def are_all_answered(_: object) -> bool:
        updates = currency.observer.find("AccountUpdate", debtor_id=currency.debtor_id)
        return {m.data["creditor_id"] for m in updates} == set(creditor_ids)

    currency.observer.wait_for(are_all_answered, SECONDS_MAX, "the good ones are answered")
    dead = dead_letters(authority, len(malformed))
    assert [m.body for m in dead] == [bad.body for bad in malformed]
    lines = error_lines(authority)
    assert BURST_COUNT <= len(lines) < len(malformed)
    for message, line in zip(dead[:BURST_COUNT], lines[:BURST_COUNT], strict=True):
        assert line.endswith(message.properties.headers[REASON_HEADER])
        assert DEAD_LETTER_QUEUE in line
    for bad, message in zip(malformed, dead, strict=True):
        assert message.properties.headers[REASON_HEADER], bad.what
        assert message.properties.headers["x-rejected-routing-key"] == bad.routing_key
        assert message.properties.type == bad.properties.get("type"), bad.what
        content_type = bad.properties.get("content_type", "application/json")
        assert message.properties.content_type == content_type, bad.what
    assert authority.query("SELECT count(*) FROM account WHERE debtor_id = 3") == [(0,)]


def test_message_that_only_the_database_refuses(currency: Currency) -> None:
    authority = currency.authority
    currency.open_root()
    dead_before = begin_a_new_log(authority)
    before = len(error_lines(authority))
    sender, recipient = currency.open_account(1000), currency.open_account()
    authority.query(
        "ALTER TABLE account ADD CONSTRAINT refuse CHECK (config_flags NOT IN (666, 667))"
    )
    authority.query(
        "ALTER TABLE transfer_request ADD CONSTRAINT refuse CHECK (min_locked_amount <> 668)"
    )
    try:
        prepared = currency.prepare(sender, recipient, 1)
        with consumer_stopped(authority):
            for i in range(10):
                authority.send(configure(currency.debtor_id, 2**35 + i))
                if i in (0, 3, 9):
                    wrong = configure(currency.debtor_id, 2**35 + 100 + i, config_flags=666)
                    authority.send(wrong)
                if i == 5:
                    authority.send(prepare(currency.debtor_id, sender, recipient, 668))
                if i == 7:
                    authority.send(finalize(prepared, 1))
                authority.send(prepare(currency.debtor_id, sender, recipient, 2))
        for i in range(10):
            currency.wait("AccountUpdate", creditor_id=2**35 + i)
        currency.answer("FinalizedTransfer", prepared)
        dead = dead_letters(authority, dead_before + 4)[dead_before:]
    finally:
        authority.query("ALTER TABLE account DROP CONSTRAINT refuse")
        authority.query("ALTER TABLE transfer_request DROP CONSTRAINT refuse")
    assert len(dead) == 4
    refused = [m.data.get("config_flags") or m.data["min_locked_amount"] for m in dead]
    assert sorted(refused) == [666, 666, 666, 668]
    reasons = [m.properties.headers[REASON_HEADER] for m in dead]
    lines = error_lines(authority)[before:]
    assert len(lines) == 4, "a line for each, and no other"
    assert all("refuse" in line for line in lines)
    fields = {"debtor_id": currency.debtor_id, "creditor_id": sender, "locked_amount": 2}
    found = currency.observer.wait_for(
        lambda _: f if len(f := currency.observer.find("PreparedTransfer", **fields)) >= 10 else [],
        SECONDS_MAX,
        "the ten transfers around are prepared",
    )
    assert len(found) == 10
    assert all("refuse" in reason and "\n" not in reason for reason in reasons)


def test_what_may_look_malformed_but_is_not(currency: Currency) -> None:
    """Unknown properties are ignored, at any depth; an integer form is a float."""
    message = configure(currency.debtor_id, 2**36, negligible_amount=5)
    authority = currency.authority
    authority.send({**message, "unknown": {"a": [1, {"b": None}]}, "Ünknown": "✓"})
    update = currency.wait("AccountUpdate", creditor_id=2**36).data
    assert update["negligible_amount"] == 5.0
    later = {"ts": "2124-05-20T13:15:09.123456Z"}
    update = currency.configure(2**36, **later, negligible_amount=1.0)
    assert update["last_config_ts"].startswith("2124-05-20T13:15:09.123456")


STORM_COUNT = 5_000
STORM_SECONDS_MAX = 150.0


def bad_message(number: int) -> Publication:
    """A PrepareTransfer that has its ids, and not much more."""
    body = {
        "type": "PrepareTransfer",
        "debtor_id": 5,
        "creditor_id": 2**40,
        "coordinator_type": "direct",
        "coordinator_id": 2**40,
        "coordinator_request_id": number,
    }
    properties = pika.BasicProperties(
        content_type="application/json", type="PrepareTransfer", delivery_mode=2
    )
    return Publication("accounts_in", "0.1", properties, json.dumps(body).encode())


def letters_count(authority: Authority) -> int:
    found = authority.broker.channel.queue_declare(DEAD_LETTER_QUEUE, passive=True)
    return int(found.method.message_count)


def test_a_storm_of_bad_messages(currency: Currency) -> None:
    """All of them are safe, and the log stays short and says how many."""
    authority = currency.authority
    told_before = begin_a_new_log(authority)
    lines_before = len(error_lines(authority))
    letters_before = letters_count(authority)
    publisher = Publisher(authority.broker_url, "storm")
    try:
        assert publisher.publish(map(bad_message, range(STORM_COUNT))) == {}
    finally:
        publisher.close()
    wait_until(
        lambda: letters_count(authority) >= letters_before + STORM_COUNT,
        STORM_SECONDS_MAX,
        "all are put aside",
    )
    currency.open_root()
    assert begin_a_new_log(authority) - told_before == STORM_COUNT
    lines = error_lines(authority)[lines_before:]
    # whatever the speed is: no more than a burst, and what the time allows
    assert BURST_COUNT <= len(lines) <= BURST_COUNT + STORM_SECONDS_MAX * LINES_PER_SECOND
    assert len(lines) < STORM_COUNT
    assert all(DEAD_LETTER_QUEUE in line for line in lines)
