"""The way to the authority and back; whatever is wrong with it is said in the demo's own words."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelClosedByBroker,
    NackError,
    UnroutableError,
)

from agentkit.broker import Broker
from agentkit.keys import ACCOUNTS_IN, bits_key
from agentkit.messages import Message
from agentkit.observer import Binding, Observer
from agentkit.received import Received

_PARAMETERS = {"socket_timeout": 5, "stack_timeout": 5, "blocked_connection_timeout": 30}


class UnreachableError(Exception):
    """The authority cannot be reached. The text says what could not be done."""


class Link:
    """Sends messages to an authority, and collects what it says. To be used in a `with`.

    Everything raises `UnreachableError`.
    """

    def __init__(self, url: str, bindings: Iterable[Binding]) -> None:
        self._seen_count = 0
        with _told("no connection to the broker"):
            try:
                self._broker = Broker(url, **_PARAMETERS)
            except (ValueError, LookupError) as error:
                # The URL may contain a password: it is not shown.
                text = "the broker's URL is not like amqp://USER:PASSWORD@HOST:PORT/VHOST"
                raise UnreachableError(text) from error
        try:
            with _told("no queue of our own"):
                self._observer = Observer(url, bindings, is_exclusive=True, **_PARAMETERS)
        except UnreachableError:
            self._broker.close()
            raise

    def send(self, message: Message) -> float:
        """Sends a message to its account, and waits for the broker's confirm.

        Returns the moment when it was sent, by `time.monotonic`.
        """
        with _told("nothing can be sent"):
            try:
                return self._broker.send(message)
            except UnroutableError:
                key = bits_key(message["debtor_id"], message["creditor_id"])
                text = f"no queue takes messages from {ACCOUNTS_IN} with the key {key}"
                raise UnreachableError(text) from None
            except NackError:
                text = "the authority's queue takes no more messages"
                raise UnreachableError(text) from None

    def receive(self, wait_seconds: float) -> list[Received]:
        """Returns what has arrived; waits for something when there is nothing."""
        with _told("the connection broke"):
            self._observer.receive(0)
            if len(self._observer.messages) == self._seen_count:
                self._observer.receive(wait_seconds)
        arrived = self._observer.messages[self._seen_count :]
        self._seen_count += len(arrived)
        return arrived

    def close(self) -> None:
        """Disconnects; the broker then deletes the queue."""
        for end in (self._observer, self._broker):
            try:
                end.close()
            except (AMQPError, OSError):
                pass  # it is gone, and that was the aim

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Tells what could not be done, and why."""
    try:
        yield
    except (AMQPError, OSError) as error:
        raise UnreachableError(f"{what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, ChannelClosedByBroker):
        return str(error.reply_text)
    if isinstance(error, AMQPConnectionError) and error.args:
        return str(getattr(error.args[0], "exception", error.args[0]))
    return str(error) or type(error).__name__
