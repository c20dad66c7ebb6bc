"""What passes between the agents and the authority, and which of it was asked for."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Protocol

import pika
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelClosedByBroker,
    NackError,
    UnroutableError,
)

from agentkit.broker import Broker
from agentkit.checks import field_problems, problems_of
from agentkit.keys import ACCOUNTS_IN, TO_CREDITORS, TO_DEBTORS, hex_key
from agentkit.messages import Message
from agentkit.observer import Observer
from agentkit.received import Received
from scripts.demo_agents.answers import Key, describe, key_of
from scripts.demo_agents.steps import Sent, Step, Talk

# The debtors of one authority, and the creditors of one agent, have ids that begin alike.
# Agents bind their queues accordingly.
PREFIXES = ((TO_DEBTORS, "12.34.ab.cd.#"), (TO_CREDITORS, "00.00.01.#"))
LASTING_QUEUE = "demo_agents"
_LASTING_MESSAGES_MAX = 1000
_PARAMETERS = {"socket_timeout": 5, "stack_timeout": 5, "blocked_connection_timeout": 30}


class UnreachableError(Exception):
    """The authority cannot be reached. The text says what could not be done."""


class NoAnswerError(Exception):
    """Something that must come did not come in time."""


class _UselessAnswerError(Exception):
    """The answer lacks what a talk needs to go on."""


class Listener(Protocol):
    """Hears what comes for the agents."""

    messages: list[Received]

    def receive(self, seconds_max: float) -> None:
        """Listens for a moment, which ends when something has come."""


class Conversation:
    """Sends messages about the accounts of one debtor, and keeps what comes."""

    def __init__(
        self, send: Callable[[Message], float], observer: Listener, seconds_max: float
    ) -> None:
        """A message is sent, and `send` says when that was."""
        self._send = send
        self._observer = observer
        self._seen_count = 0
        self.seconds_max = seconds_max
        self.received: dict[Key, Received] = {}
        self.claimed: set[Key] = set()
        self.repeated = 0
        self.faults: list[str] = []

    def send(self, message: Message) -> Sent:
        """Sends a message of one of the agents."""
        return Sent(message, self._send(message))

    def run(self, step: Step, talks: Iterable[Talk]) -> None:
        """Lets the talks go on in turn, as answers come, to their ends.

        Raises `NoAnswerError` when an answer has not come in time.
        """
        waiting: deque[tuple[Talk, Key | None]] = deque((talk, None) for talk in talks)
        while waiting:
            talk, key = waiting.popleft()
            try:
                wanted = next(talk) if key is None else talk.send(self._claim(step, key))
            except (StopIteration, _UselessAnswerError):
                talk.close()
            else:
                waiting.append((talk, wanted))

    def _claim(self, step: Step, key: Key) -> Received:
        end = time.monotonic() + self.seconds_max
        self._collect(0.0)
        while key not in self.received:
            if (seconds := end - time.monotonic()) <= 0:
                text = f"expected {describe(key)}; it did not come in {self.seconds_max:g} s"
                raise NoAnswerError(text)
            self._collect(seconds)
        answer = self.received[key]
        if key not in self.claimed:
            self.claimed.add(key)
            step.problems += problems_of(answer)
        if field_problems(answer):
            raise _UselessAnswerError
        return answer

    def _collect(self, wait_seconds: float) -> None:
        self._observer.receive(wait_seconds)
        for answer in self._observer.messages[self._seen_count :]:
            self._seen_count += 1
            self._take(answer)

    def _take(self, answer: Received) -> None:
        try:
            key = key_of(answer.data)
        except (KeyError, TypeError, ValueError):
            self.faults += problems_of(answer)
            return
        if key not in self.received:
            self.received[key] = answer
        elif answer.type == self.received[key].type == "AccountUpdate":
            self.faults += problems_of(answer)  # the state changes, and updates come by themselves
        elif differences := _differences(self.received[key].data, answer.data):
            text = f"{describe(key)} came again, but with other values: {differences}"
            self.faults.append(text)
        else:
            self.repeated += 1

    def wait(self, condition: Callable[[], bool]) -> None:
        """Listens until something is true. Raises `NoAnswerError` if it is not in time."""
        end = time.monotonic() + self.seconds_max
        while not condition():
            if time.monotonic() >= end:
                raise NoAnswerError(f"what has to happen did not in {self.seconds_max:g} s")
            self._collect(0.0)

    def unasked(self) -> list[str]:
        """What came and belongs to nothing that was asked for."""
        problems = []
        for key in self.received.keys() - self.claimed:
            problems.append(f"unexpected: {describe(key)}: {self.received[key].data}")
            problems += problems_of(self.received[key])
        return problems


@contextmanager
def converse(
    url: str, debtor_id: int, creditor_ids: Iterable[int], seconds_max: float
) -> Iterator[Conversation]:
    """A conversation about the accounts of a debtor. Raises `UnreachableError`."""
    bindings = [(TO_DEBTORS, hex_key(debtor_id))]
    bindings += [(TO_CREDITORS, hex_key(creditor_id)) for creditor_id in creditor_ids]
    try:
        pika.URLParameters(url)
    except (ValueError, LookupError) as error:
        # The URL may contain a password: it is not shown.
        text = "the broker's URL is not like amqp://USER:PASSWORD@HOST:PORT/VHOST"
        raise UnreachableError(text) from error
    try:
        with (
            closing(Broker(url, **_PARAMETERS)) as broker,
            Observer(url, bindings, is_exclusive=True, **_PARAMETERS) as observer,
        ):
            _make_lasting_queue(broker)
            yield Conversation(broker.send, observer, seconds_max)
    except (AMQPError, OSError) as error:
        raise UnreachableError(_reason(error)) from error


def _make_lasting_queue(broker: Broker) -> None:
    """Takes what comes for the accounts when we are gone: nothing is to be returned for them."""
    broker.declare_queue(LASTING_QUEUE, **{"x-max-length": _LASTING_MESSAGES_MAX})
    for exchange, key in PREFIXES:
        broker.channel.queue_bind(LASTING_QUEUE, exchange, key, {"x-match": "all"})


def _reason(error: Exception) -> str:
    if isinstance(error, UnroutableError):
        key = error.messages[0].method.routing_key
        return f"no queue takes messages from {ACCOUNTS_IN} with the key {key}"
    if isinstance(error, NackError):
        return "the authority's queue takes no more messages"
    if isinstance(error, ChannelClosedByBroker):
        return str(error.reply_text)
    if isinstance(error, AMQPConnectionError) and error.args:
        return f"no connection: {getattr(error.args[0], 'exception', error.args[0])}"
    return str(error) or type(error).__name__


def _differences(first: Message, again: Message) -> str:
    names = sorted((first.keys() | again.keys()) - {"ts"})
    pairs = [(name, first.get(name), again.get(name)) for name in names]
    return ", ".join(f"{name} {a!r} and {b!r}" for name, a, b in pairs if a != b)
