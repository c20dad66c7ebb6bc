"""What the agents of a run see of the authority."""

from collections import deque
from types import SimpleNamespace
from typing import Any

import pika
import psycopg

from agentkit.keys import ACCOUNTS_IN, bits_key
from agentkit.messages import CONTENT_TYPE, Message, encode
from agentkit.observer import Heard
from agentkit.received import Received
from swpt_accounts.audit.books import find_book_errors
from swpt_accounts.core.realm import Realm
from swpt_accounts.db.connection import DatabaseConnection
from verification.simulation import broker as queues
from verification.simulation.broker import SimBroker
from verification.simulation.world import World

_POLL_SECONDS = 0.2


class SimObserver(Heard):
    """Receives what is sent to the agents."""

    def __init__(self, world: World, broker: SimBroker) -> None:
        super().__init__()
        self.queue = queues.AGENTS
        self._world, self._broker = world, broker

    def receive(self, seconds_max: float = _POLL_SECONDS) -> None:
        waiting: deque[queues.Message] = self._broker.queues[self.queue]
        self._world.kernel.wait(seconds_max, lambda: bool(waiting))
        while waiting:
            m = waiting.popleft()
            received = Received(m.exchange, m.routing_key, m.received_properties(), m.body, 0.0)
            self.messages.append(received)


class SimAuthority:
    """What a load needs of an authority."""

    def __init__(
        self, world: World, broker: SimBroker, connection: psycopg.Connection[Any]
    ) -> None:
        self.world = world
        self.broker = self
        self.connection = connection
        self._queues = broker
        self.observer = SimObserver(world, broker)

    def send(self, message: Message) -> None:
        key = bits_key(message["debtor_id"], message["creditor_id"])
        properties = pika.BasicProperties(type=message["type"], content_type=CONTENT_TYPE)
        body = encode(message)
        self.world.kernel.trace.note("agents", f"send {body.decode()}")
        self._queues.publish(queues.Message(ACCOUNTS_IN, key, properties, body))

    def query(self, statement: Any, *arguments: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement, arguments or None).fetchall()

    def ready_count(self, queue: str) -> int:
        return self._queues.count(queue)

    def log(self, _name: str) -> str:
        """The names of the dead-letter queues in which there is something."""
        return " ".join(n for n, q in self._queues.queues.items() if n.endswith(".XQ") and q)

    def run(self, *_command: str) -> Any:
        """`verify_books`."""
        errors = find_book_errors(DatabaseConnection(self.connection), Realm.parse("#"))
        return SimpleNamespace(returncode=int(bool(errors)), stdout="".join(map(str, errors)))
