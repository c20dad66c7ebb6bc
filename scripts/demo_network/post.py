"""What passes between the agents and the authority, seen at both ends of the way."""

import threading
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from queue import Empty, Queue

from pika.exceptions import AMQPError

from agentkit.broker import Broker
from agentkit.keys import ROOT_CREDITOR_ID
from agentkit.messages import Message
from agentkit.observer import EVERYTHING, Binding, Observer
from agentkit.received import Received
from agentkit.stomp import declare_incoming, send_out
from agentkit.waiting import KitError
from scripts.demo_agents.steps import Step

_POLL_SECONDS = 0.1
_NUMBERS = ("coordinator_request_id", "transfer_id", "transfer_number", "seqnum", "config_seqnum")
_SUBNET_BITS = 40  # of a creditor's id, below those of the agent


@dataclass(frozen=True)
class Arrived(Received):
    """A message as the authority has sent it, and when it came to the agent."""

    left_at: float = 0.0


class Ear(threading.Thread):
    """Listens somewhere, at once. What it hears goes to `put`, and so does what ends it."""

    def __init__(
        self, url: str, bindings: Iterable[Binding], put: Callable[[Received | Exception], None]
    ) -> None:
        super().__init__(daemon=True)
        self._observer = Observer(url, bindings, is_exclusive=True)
        self._put = put
        self._is_over = threading.Event()
        self.start()

    def run(self) -> None:
        seen = 0
        try:
            while not self._is_over.is_set():
                self._observer.receive(_POLL_SECONDS)
                for message in self._observer.messages[seen:]:
                    self._put(message)
                    seen += 1
            self._observer.close()
        except (AMQPError, OSError) as error:
            self._put(error)

    def close(self) -> None:
        self._is_over.set()
        self.join()


class Speaker:
    """What is behind the STOMP programs of an agent. To be closed."""

    def __init__(self, url: str, subnets: tuple[str, str] | None) -> None:
        """A creditors agent has a subnet of its own, and one that the authority has given to it."""
        self.subnets = subnets
        self._broker = Broker(url)
        self._url = url
        self._ear: Ear | None = None

    def listen(self, put: Callable[[Received | Exception], None]) -> None:
        exchange = declare_incoming(self._broker, is_creditors=self.subnets is not None)
        self._ear = Ear(self._url, [(exchange, "#")], put)

    def send(self, message: Message) -> None:
        """The ids are those that the authority knows."""
        if self.subnets is not None:
            message = translated(message, self.subnets[1], self.subnets[0])
        send_out(self._broker, message, is_creditors=self.subnets is not None)

    def outside(self, message: Message) -> Message:
        """A message that has come, with the ids that the authority knows."""
        return message if self.subnets is None else translated(message, *self.subnets)

    def close(self) -> None:
        if self._ear is not None:
            self._ear.close()
        self._broker.close()


def translated(message: Message, subnet: str, other: str) -> Message:
    """The ids of creditors are of the other subnet now."""
    changed = dict(message)
    names = ["creditor_id"]
    if message.get("coordinator_type") in ("direct", "agent"):
        names.append("coordinator_id")
    for name in message.keys() & names:
        if (number := message[name]) >> _SUBNET_BITS == int(subnet, 16):
            changed[name] = number % (1 << _SUBNET_BITS) + (int(other, 16) << _SUBNET_BITS)
    return changed


def identity(message: Message) -> Hashable:
    """What a message has in common with itself elsewhere, and with no other one."""
    names = ("type", "debtor_id", "creditor_id", *_NUMBERS)
    return _moment(message.get("ts")), *(message.get(name) for name in names)


def _moment(value: object) -> object:
    """Moments are equal however they are written; all else is as it is."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


class Post:
    """Sends the messages of the agents, and hears those for them. To be closed after them."""

    def __init__(self, authority_url: str) -> None:
        self.messages: list[Received] = []
        self.faults: list[str] = []
        self._queue: Queue[tuple[Speaker | None, Received | Exception]] = Queue()
        self._seen: dict[Hashable, Received] = {}
        """At the authority, as it came or went."""
        self._unknown: list[tuple[Speaker, Received]] = []
        """What an agent has heard, and was not seen yet to have gone."""
        self._speakers: dict[str, Speaker] = {}
        self._ear = Ear(authority_url, EVERYTHING, lambda m: self._queue.put((None, m)))

    def join(self, name: str, speaker: Speaker) -> None:
        """From now on an agent speaks: "" for a debtor, else the subnet of its creditors."""
        speaker.listen(lambda message: self._queue.put((speaker, message)))
        self._speakers[name] = speaker

    def send(self, message: Message) -> float:
        """Send a message by its agent. Returns when that was, by `time.monotonic`."""
        creditor_id = message["creditor_id"]
        is_root = creditor_id == ROOT_CREDITOR_ID
        name = "" if is_root else f"{creditor_id >> _SUBNET_BITS:06x}"
        at = time.monotonic()
        self._speakers[name].send(message)
        return at

    def receive(self, seconds_max: float) -> None:
        """Listen for a moment, which ends when something has come."""
        try:
            self._take(*self._queue.get(timeout=max(seconds_max, 0.001)))
            while True:
                self._take(*self._queue.get_nowait())
        except Empty:
            pass
        self._unknown = [heard for heard in self._unknown if not self._is_known(*heard)]

    def _take(self, speaker: Speaker | None, message: Received | Exception) -> None:
        if isinstance(message, Exception):
            raise KitError(f"the connection to RabbitMQ has ended: {message!r}") from message
        if speaker is None:
            self._seen.setdefault(identity(message.data), message)
        else:
            self._unknown.append((speaker, message))

    def _is_known(self, speaker: Speaker, heard: Received) -> bool:
        data = speaker.outside(heard.data)
        if (gone := self._seen.get(identity(data))) is None:
            return False
        different = [
            f"{name} {value!r} and {data.get(name)!r}"
            for name, value in gone.data.items()
            if _moment(value) != _moment(data.get(name))
        ]
        if different:
            self.faults.append(f"{gone.type} has changed on its way: {', '.join(different)}")
        values = (gone.exchange, gone.routing_key, gone.properties, gone.body)
        self.messages.append(Arrived(*values, heard.received_at, left_at=gone.received_at))
        return True

    def has_left(self, message_type: str, **fields: object) -> bool:
        """Whether the authority has sent such a message."""
        self.receive(_POLL_SECONDS)
        return any(message.matches(message_type, fields) for message in self._seen.values())

    def note_hops(self, step: Step) -> None:
        """Tell how long each part of the way took."""
        for labels, answers in step.answers.items():
            for sent, answer in answers:
                came = self._seen.get(identity(sent.message))
                if came is None or not isinstance(answer, Arrived):
                    step.problems.append(f"{labels}: nobody has seen it at the authority")
                    continue
                # (who listens there may hear of it after the agent has got it)
                left_at = min(answer.left_at, answer.received_at)
                came_at = min(came.received_at, left_at)
                moments = (sent.at, came_at, left_at, answer.received_at)
                hops = tuple((b - a) * 1000.0 for a, b in pairwise(moments))
                step.hops_ms.setdefault(labels, []).append(hops)

    def close(self) -> None:
        self._ear.close()
