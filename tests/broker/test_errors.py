"""What an operator reads of errors of the broker: one line, and no Python in it."""

import errno
import os
from collections.abc import Callable

import psycopg
import pytest
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker

from swpt_accounts.broker.connections import connect_blocking, describe
from swpt_accounts.broker.publisher import Publisher


def refused() -> AMQPConnectionError:
    """What the library raises, with the cause inside."""
    return AMQPConnectionError(OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (refused(), "RabbitMQ: Connection refused"),
        (
            ChannelClosedByBroker(404, "no queue"),
            "RabbitMQ: no queue (404)",
        ),
        (AMQPConnectionError("blocked"), "RabbitMQ: blocked"),
        (psycopg.OperationalError("lost\nconnection"), "lost connection"),
        (ValueError("x"), "x"),
    ],
)
def test_one_line(error: Exception, line: str) -> None:
    assert describe(error) == line


@pytest.mark.parametrize("open_connection", [connect_blocking, Publisher])
@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("amqp://127.0.0.1:1", "127.0.0.1:1: Connection refused"),
        (
            "amqps://127.0.0.1:1/?ssl_options=%7B%27ca_certs%27%3A%20%27%2Fnothing.pem%27%7D",
            "127.0.0.1:1: cannot read a file of ssl_options: No such file or directory",
        ),
        ("amqp://guest:secret@nowhere.invalid", "nowhere.invalid:5672: Name or service not known"),
    ],
)
def test_there_is_no_connection(
    open_connection: Callable[[str, str], object], url: str, problem: str
) -> None:
    with pytest.raises(AMQPConnectionError) as raised:
        open_connection(url, "test")
    assert describe(raised.value) == f"cannot connect to RabbitMQ at {problem}"
