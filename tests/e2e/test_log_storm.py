"""A storm of bad messages: all of them are safe, and the log stays short and says how many."""

import json
from typing import Any

import pika
import pytest

from agentkit.authority import DEAD_LETTER_QUEUE, Authority
from agentkit.currency import Currency
from agentkit.waiting import wait_until
from swpt_accounts.broker.publisher import Publication, Publisher
from swpt_accounts.observability.log.rate_limit import BURST_COUNT, LINES_PER_SECOND

STORM_COUNT = 20_000
SECONDS_MAX = 150.0


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    return {"APP_LOG_FORMAT": "json", "APP_LOG_LEVEL": "info"}


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


def lines(authority: Authority, event: str) -> list[dict[str, Any]]:
    told = map(json.loads, authority.log("consume_messages").splitlines())
    return [line for line in told if line["event"] == event]


def letters_count(authority: Authority) -> int:
    found = authority.broker.channel.queue_declare(DEAD_LETTER_QUEUE, passive=True)
    return int(found.method.message_count)


def test_a_storm_of_bad_messages(currency: Currency) -> None:
    authority = currency.authority
    publisher = Publisher(authority.broker_url, "storm")
    try:
        assert publisher.publish(map(bad_message, range(STORM_COUNT))) == {}
    finally:
        publisher.close()
    wait_until(lambda: letters_count(authority) >= STORM_COUNT, SECONDS_MAX, "all are put aside")
    currency.open_root()
    code, _ = authority.terminate("consume_messages")
    assert code == 0
    written = lines(authority, "message_dead_lettered")
    left_out = lines(authority, "lines_left_out")
    assert len(written) + sum(line["count"] for line in left_out) == STORM_COUNT
    assert {line["of_event"] for line in left_out} == {"message_dead_lettered"}
    assert {line["levelname"] for line in left_out} == {"ERROR"}
    # whatever the speed is: no more than a burst, and what the time allows
    assert BURST_COUNT <= len(written) <= BURST_COUNT + SECONDS_MAX * LINES_PER_SECOND
    for number, line in enumerate(written[:BURST_COUNT]):
        assert (line["debtor_id"], line["creditor_id"]) == (5, 2**40)
        assert (line["coordinator_type"], line["coordinator_id"]) == ("direct", 2**40)
        assert line["coordinator_request_id"] == number
        assert line["message_type"] == "PrepareTransfer"
        assert line["queue"] == DEAD_LETTER_QUEUE
    # the beginning and the end are told
    assert lines(authority, "workers_start")
    assert len(lines(authority, "workers_stop")) == 1
