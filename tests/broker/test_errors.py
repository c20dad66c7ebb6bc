"""What an operator reads of errors of the broker: one line, and no Python in it."""

import errno
import os

import psycopg
import pytest
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker

from swpt_accounts.broker.connections import connect_blocking
from swpt_accounts.broker.errors import describe


def refused() -> AMQPConnectionError:
    """What the library raises, with the cause inside."""
    return AMQPConnectionError(OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (refused(), "cannot connect to RabbitMQ: Connection refused"),
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


def test_a_file_that_is_missing() -> None:
    url = "amqps://127.0.0.1:1/?ssl_options=%7B%27ca_certs%27%3A%20%27%2Fnothing.pem%27%7D"
    with pytest.raises(AMQPConnectionError) as raised:
        connect_blocking(url, "test")
    line = describe(raised.value)
    assert line == "cannot connect to RabbitMQ: No such file or directory"


def test_a_connection_that_is_refused() -> None:
    with pytest.raises(AMQPConnectionError) as raised:
        connect_blocking("amqp://127.0.0.1:1", "test")
    assert describe(raised.value) == "cannot connect to RabbitMQ: Connection refused"
