"""Who has sent a message: what the broker has verified, and what copies keep of it."""

import pika
import pytest

from swpt_accounts.broker.redelivery_reset import (
    COPY_HEADER,
    REPLAYED_HEADER,
    copy_properties,
    take_origin,
)
from swpt_accounts.broker.senders import are_verified, is_shard


def test_copy_of_a_copy_says_who_sent_the_original() -> None:
    properties = pika.BasicProperties(user_id="worker_1", headers={})
    for exchange, user in (("accounts_in", "worker_0"), ("", "worker_0"), ("", "shards")):
        sender, is_replayed = take_origin(exchange, properties)
        assert (sender, is_replayed) == ("worker_1", False)
        properties = copy_properties(properties, "0.1", user, sender)


def test_headers_of_a_stranger_say_nothing_even_after_copies() -> None:
    headers = {COPY_HEADER: "0.1", "x-copied-user-id": "worker", REPLAYED_HEADER: "me"}
    properties = pika.BasicProperties(headers=headers)
    for exchange in ("accounts_in", "", ""):
        assert take_origin(exchange, properties) == (None, False)
        properties = copy_properties(properties, "0.1", "worker", None)


@pytest.mark.parametrize(
    ("own", "pattern", "user", "expected"),
    [
        ("worker", "", "worker", True),
        ("worker", "", "worker_2", True),
        ("worker_0", "", "worker_1", True),
        ("worker_0_2", "", "worker", True),
        ("worker", "", "worker_x", False),
        ("worker", "", "stomp_server", False),
        ("worker", "", None, False),
        ("a.b", "", "axb", False),
        ("east", "east|west", "west", True),
        ("east", "west", "east", True),
        ("east", "west", "east_1", False),
        ("east", "west", "northwest", False),
    ],
)
def test_users_of_shards(own: str, pattern: str, user: str | None, *, expected: bool) -> None:
    url = f"amqp://{own}:x@host"
    assert is_shard(user, url, pattern or None) is expected


@pytest.mark.parametrize(
    ("url", "pattern", "expected"),
    [
        ("amqp://worker:x@host", "", True),
        ("amqp://guest:guest@host", "", False),
        ("amqp://host", "", False),
        ("amqp://guest:guest@host", "guest", True),
    ],
)
def test_default_user_is_nobody(url: str, pattern: str, *, expected: bool) -> None:
    assert are_verified(url, pattern or None) is expected
