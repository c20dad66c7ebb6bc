"""How to connect to a broker, and how a shutdown interrupts a connection."""

import os
from contextlib import suppress
from select import POLLIN, poll
from threading import Thread
from urllib.parse import unquote, urlsplit

import pika
from pika.adapters.utils.connection_workflow import (
    AMQPConnectorException,
    AMQPConnectorStackTimeout,
)
from pika.exceptions import AMQPConnectionError, AMQPError, ChannelClosed, ConnectionClosed

from swpt_accounts.broker.headers import accept_any_headers
from swpt_accounts.db.errors import innermost, one_line
from swpt_accounts.workers.shutdown import ShutdownEvent

HEARTBEAT_SECONDS = 60


class BrokerUnreachable(AMQPConnectionError):  # type: ignore[misc]  # pika has no types
    """There is no connection. The text says to which server, and why."""

    def __init__(self, host: str | None, port: int | None, problem: object) -> None:
        text = one_line(problem) if isinstance(problem, BaseException) else problem
        super().__init__(f"cannot connect to RabbitMQ at {host}:{port}: {text}")


def user_of(url: str) -> str:
    """The user of a URL, as the broker sees it. Reads no certificates."""
    name = urlsplit(url).username
    return pika.ConnectionParameters.DEFAULT_USERNAME if name is None else unquote(name)


def connection_parameters(url: str, name: str) -> pika.URLParameters:
    """The parameters of a connection that the operator sees under this name.

    Raises `AMQPError` when a certificate of the URL cannot be read: it may be about to be renewed.
    """
    accept_any_headers()
    try:
        parameters = pika.URLParameters(url)
    except OSError as error:
        parts = urlsplit(url)
        file = f" {error.filename}" if error.filename else ""
        problem = f"cannot read a file of ssl_options{file}: {one_line(error)}"
        raise BrokerUnreachable(parts.hostname, parts.port, problem) from error
    parameters.heartbeat = HEARTBEAT_SECONDS
    parameters.socket_timeout = 5
    parameters.stack_timeout = 10
    parameters.blocked_connection_timeout = 60
    parameters.client_properties = {"connection_name": f"swpt_accounts {name}"}
    return parameters


def connect_blocking(
    url: str, name: str, heartbeat_seconds: int = HEARTBEAT_SECONDS
) -> pika.BlockingConnection:
    """Connect; `with` it, it is closed in the end.

    Raises `AMQPError`, also where the host is not found, refuses, or says nothing.
    """
    parameters = connection_parameters(url, name)
    parameters.heartbeat = heartbeat_seconds
    return open_blocking(parameters)


def open_blocking(
    parameters: pika.ConnectionParameters | pika.URLParameters,
) -> pika.BlockingConnection:
    """The same, with these parameters."""
    try:
        return pika.BlockingConnection(parameters)
    except AMQPConnectorException as error:
        # (which pika does not count among its errors of AMQP)
        is_late = isinstance(error, AMQPConnectorStackTimeout)
        problem = "no answer in time" if is_late else error
        raise BrokerUnreachable(parameters.host, parameters.port, problem) from error
    # (a `ValueError` when the connection is reset in the moment in which it is made)
    except (AMQPError, OSError, ValueError) as error:
        raise BrokerUnreachable(parameters.host, parameters.port, error) from error


def server_version(connection: pika.BlockingConnection) -> str:
    """The version that the broker says it has."""
    return str(connection._impl.server_properties.get("version", ""))


class ShutdownWatch:
    """A thread that ends the waits of a connection when a shutdown is requested.

    Otherwise the connection would have to wake up all the time to check.
    """

    def __init__(self, connection: pika.BlockingConnection, shutdown: ShutdownEvent) -> None:
        self._connection = connection
        self._shutdown = shutdown
        self._end_fd, self._write_fd = os.pipe()
        self._thread = Thread(target=self._run, name="shutdown watch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        waiting = poll()
        waiting.register(self._shutdown.fileno(), POLLIN)
        waiting.register(self._end_fd, POLLIN)
        waiting.poll()
        if self._shutdown.is_requested():
            with suppress(AMQPError):
                self._connection.add_callback_threadsafe(lambda: None)

    def end(self) -> None:
        os.write(self._write_fd, b"!")
        self._thread.join()
        os.close(self._end_fd)
        os.close(self._write_fd)


def describe(error: BaseException) -> str:
    """One line for an operator, which says which server it is about."""
    if not isinstance(error, AMQPError) or isinstance(error, BrokerUnreachable):
        return one_line(error)
    cause = innermost(error)
    if isinstance(cause, ChannelClosed | ConnectionClosed):
        return f"RabbitMQ: {cause.reply_text} ({cause.reply_code})"
    return f"RabbitMQ: {one_line(cause)}"
