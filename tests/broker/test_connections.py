"""A broker that cannot be connected to is an `AMQPError`, which workers wait out."""

import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pika
import pytest
from pika.exceptions import AMQPConnectionError

from swpt_accounts.broker.connections import (
    connect_blocking,
    connection_parameters,
    open_blocking,
    user_of,
)
from swpt_accounts.broker.consumer import BatchConsumer
from swpt_accounts.broker.publisher import Publisher
from swpt_accounts.broker.queue_lengths import queue_lengths


@pytest.mark.parametrize(
    "connect",
    [
        lambda url: connect_blocking(url, "test"),
        lambda url: BatchConsumer(url, "queue", "test", prefetch_count=1),
        lambda url: Publisher(url, "test"),
    ],
    ids=["command", "consumer", "publisher"],
)
@pytest.mark.parametrize("text", [None, "", "-----BEGIN CERTIFICATE-----\nhalf"])
def test_unreadable_certificate_is_a_lost_connection(
    connect: Callable[[str], object], text: str | None, tmp_path: Path
) -> None:
    """Workers try again, for they wait out what is an `AMQPError`."""
    path = tmp_path / "worker.crt"
    if text is not None:
        path.write_text(text)
    options = quote(f"{{'ca_certs':'{path}','certfile':'{path}'}}")
    with pytest.raises(AMQPConnectionError, match="ssl_options"):
        connect(f"amqps://user:secret@127.0.0.1:1/?ssl_options={options}")


@pytest.mark.parametrize(
    ("address", "user"),
    [("127.0.0.1", "guest"), ("us%40er:p%40w@127.0.0.1:1/%2F", "us@er"), (":@[::1]", "")],
)
def test_user_of_a_url_is_the_one_that_the_library_takes(address: str, user: str) -> None:
    url = f"amqp://{address}"
    assert user_of(url) == user == pika.URLParameters(url).credentials.username


def test_a_broker_that_says_nothing_is_away() -> None:
    """Its machine may hang, while the system still takes connections for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"amqp://127.0.0.1:{server.getsockname()[1]}"
        parameters = connection_parameters(url, "test")
        parameters.stack_timeout = 0.1
        with pytest.raises(AMQPConnectionError, match="no answer in time"):
            open_blocking(parameters)
        with pytest.raises(AMQPConnectionError, match="no answer in time"):
            queue_lengths(url, "test", ["queue"], 0.1)
