"""A shard whose workers can be told to die, and are started again when they have."""

import signal
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pika
import psycopg
from pika.exceptions import AMQPError

from agentkit.authority import DEAD_LETTER_QUEUE, QUEUE, Authority
from agentkit.broker import connect
from agentkit.database import dsn_of
from agentkit.received import Received, receive
from agentkit.waiting import KitError
from swpt_accounts.broker.topology import declare_dead_letter_queue, money_letter_queue
from swpt_accounts.core.realm import Realm
from verification.crash_points.control import DEATH, STRAY, Crossing, Point
from verification.crash_points.workers import KILLED, Launcher, Worker

REALM: Final = "0.#"
BOOKS: Final = "verify_books --quiet"
DRAINING: Final = "consume_messages --draining-mode"

SERVICES: Final = (
    "consume_messages",
    "consume_chore_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
)
"""They run all the time."""

COMMANDS: Final = (
    "scan_accounts --quit-early",
    "scan_prepared_transfers --quit-early",
    "scan_registered_balance_changes --quit-early",
    "dead_letters replay --yes",
    "returned_messages list",
    "returned_messages retry",
    "returned_messages show",
    "returned_messages discard --yes",
    "subscribe",
    "unsubscribe",
    "delete_queue",
    "create_chores_queue",
    DRAINING,
    BOOKS,
)
"""They run when a scene calls them."""

SETTINGS: Final = {
    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": REALM,
    "PROTOCOL_BROKER_PREFETCH_COUNT": "20",
    "DELETE_PARENT_SHARD_RECORDS": "true",
    "REMOVE_FROM_ARCHIVE_THRESHOLD_DATE": "2020-01-01",
    "JOURNAL_DAYS": "3",
    "APP_LOG_LEVEL": "info",
    # even on a busy machine, no answer is late
    "APP_FETCH_API_TIMEOUT_SECONDS": "30",
    # a second pass of a scan begins at once
    "APP_ACCOUNTS_SCAN_HOURS": "0.000001",
    "APP_PREPARED_TRANSFERS_SCAN_DAYS": "0.0000001",
    "APP_REGISTERED_BALANCE_CHANGES_SCAN_DAYS": "0.0000001",
    "APP_ACCOUNTS_SCAN_BEAT_MILLISECS": "1",
    "APP_PREPARED_TRANSFERS_SCAN_BEAT_MILLISECS": "1",
    "APP_REGISTERED_BALANCE_CHANGES_SCAN_BEAT_MILLISECS": "1",
}
OTHER_CHORES_QUEUE: Final = "other_chores"
# These commands need more than a worker's rights; with settings of their own.
_OPERATING: Final[dict[str, dict[str, str]]] = {
    "dead_letters replay --yes": {},
    "subscribe": {},
    "unsubscribe": {"CHORES_BROKER_QUEUE": OTHER_CHORES_QUEUE},
    "delete_queue": {},
    "create_chores_queue": {"CHORES_BROKER_QUEUE": OTHER_CHORES_QUEUE},
}
# What else would take minutes to come.
_CONSTANTS: Final = {
    "swpt_accounts.inbox.deduplication:FORGET_AFTER_SECONDS": 0.0,
    "swpt_accounts.inbox.deduplication:FORGET_SECONDS": 0.0,
    "swpt_accounts.inbox.drain:EMPTY_SECONDS": 0.1,
    "swpt_accounts.inbox.worker:DRAINING_POLL_SECONDS": 0.1,
    "swpt_accounts.inbox.drain:PAUSE_SECONDS_MIN": 1,
    "swpt_accounts.inbox.drain:PAUSE_SECONDS_MAX": 1,
    # the request of a verifier that has died waits for two seconds
    "swpt_accounts.stages.recipient_verification:_LEASE_EXTRA": -28.0,
    "swpt_accounts.dead_letters.reader:_SILENCE_SECONDS": 0.2,
    "swpt_accounts.outbox.worker:RETURNED_SECONDS": 0.1,
}
# The signal may come before anybody listens.
_STOPPED: Final = (0, -signal.SIGTERM)
REFUSED_CHANGE_ID: Final = 666
"""The database refuses a balance change with this number."""


class Death(Exception):
    """A worker has ended that was not told to die."""


class Place:
    """Its workers are real, and so are its servers."""

    def __init__(self, authority: Authority, folder: Path, fetch_api_url: str) -> None:
        """Start the services."""
        self.authority = authority
        self.broker = authority.broker
        self.observer = authority.observe()
        self.realm = Realm.parse(REALM)
        self.folder = folder
        self.deaths: list[Crossing] = []
        """Where workers have died, as they were told, since the scene began."""
        self._next_points: list[tuple[Point, int]] = []
        self._database = psycopg.connect(dsn_of(authority.database_url), autocommit=True)
        self.query(
            "ALTER TABLE pending_balance_change ADD CONSTRAINT strange"
            f" CHECK (change_id <> {REFUSED_CHANGE_ID}) NOT VALID"
        )
        # a scene acts for other shards, for which the broker does not answer
        self.query("INSERT INTO older_senders VALUES ('upgrade', '9999-01-01')")
        self._letters: list[Received] = []
        self._stream = self._open_stream()
        environment = {**authority.environment, "FETCH_API_URL": fetch_api_url}
        urls = dict.fromkeys(("PROTOCOL_BROKER_URL", "CHORES_BROKER_URL"), authority.broker_url)
        others = {name: {**urls, **_OPERATING[name]} for name in _OPERATING}
        self.launcher = Launcher(folder)
        self.workers = {
            name: Worker(
                self.launcher,
                name,
                name.split(),
                {**environment, **others.get(name, {})},
                _CONSTANTS,
            )
            for name in (*SERVICES, *COMMANDS)
        }
        self._on: dict[str, None] = {}
        for name in SERVICES:
            self.switch_on(name)

    def query(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a statement. Returns its rows."""
        cursor = self._database.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def _open_stream(self) -> pika.BlockingConnection:
        connection = connect(self.authority.broker_url)
        channel = connection.channel()
        channel.basic_qos(prefetch_count=100)

        def on_letter(ch: Any, method: Any, properties: Any, body: bytes) -> None:
            self._letters.append(receive(method, properties, body))
            ch.basic_ack(method.delivery_tag)

        money = money_letter_queue(QUEUE)
        declare_dead_letter_queue(connection, money)
        for queue in (DEAD_LETTER_QUEUE, money):
            channel.basic_consume(queue, on_letter, arguments={"x-stream-offset": "first"})
        return connection

    def letters(self) -> list[Received]:
        """All dead letters that have come up to now."""
        self._stream.process_data_events(time_limit=0.01)
        return self._letters

    # -- crashes --------------------------------------------------------------------

    def record(self, name: str) -> None:
        """Let a worker note its steps from now on."""
        self.workers[name].control.record()

    def recorded(self, name: str) -> list[Crossing]:
        """The steps that a worker has noted."""
        lines = self.workers[name].control.lines
        return [Crossing.parse(line) for line in lines if not line.startswith((DEATH, STRAY))]

    def strays(self) -> set[str]:
        """What has gone to a server outside of the steps of the catalogue."""
        return {
            line.removeprefix(STRAY)
            for name, worker in self.workers.items()
            if name != BOOKS
            for line in worker.control.lines
            if line.startswith(STRAY)
        }

    def arm(self, name: str, points: Iterable[tuple[Point, int]]) -> None:
        """Let a worker die at a point, when it comes by for that time; then at the next one."""
        self.deaths = []
        (point, number), *self._next_points = points
        self.workers[name].control.arm(point, number)

    def disarm(self) -> None:
        """Let everybody live, and start the services again that have died."""
        self._next_points = []
        for worker in self.workers.values():
            worker.control.stand_down()
        self.tend()

    def tend(self) -> None:
        """Start the services again that have died. Raises `Death` if one has died by itself."""
        for name in self._on:
            worker = self.workers[name]
            if worker.code is not None or worker.control.is_dying:
                worker.wait()
                self._take_death(worker)
                worker.start()

    def _take_death(self, worker: Worker) -> None:
        death = worker.control.death
        if worker.code != KILLED or death is None:
            raise Death(f"{worker.name} has ended with {worker.code}: {worker.log[-3000:]}")
        self.deaths.append(death)
        worker.control.disarm()
        if self._next_points:
            point, number = self._next_points.pop(0)
            worker.control.arm(point, number)

    def run(self, name: str, *more: str, codes: tuple[int, ...] = (0,)) -> None:
        """Run a command to its end, as often as that takes. Raises `Death`."""
        worker = self.workers[name]
        worker.start(*more)
        while worker.wait() not in codes:
            self._take_death(worker)
            worker.start(*more)

    def switch_off(self, name: str) -> None:
        """Let a service stop; it stays so."""
        del self._on[name]
        worker = self.workers[name]
        while worker.stop() not in _STOPPED:
            # it may die while it stops
            self._take_death(worker)
            worker.start()

    def switch_on(self, name: str) -> None:
        """Let a service run again."""
        self.workers[name].start()
        self._on[name] = None

    def restart(self, name: str) -> None:
        self.switch_off(name)
        self.switch_on(name)

    def are_consumers_alone(self) -> bool:
        """Whether what dead consumers held is back in the queues, and others are at work."""
        return all(
            self.broker.consumers_count(queue) == 1
            for queue in (QUEUE, self.authority.chores_queue)
        )

    def close(self) -> None:
        """Stop everything. Raises `KitError` if that does not work."""
        for name in self._on:
            code = self.workers[name].stop()
            if code not in (*_STOPPED, KILLED):
                raise KitError(f"{name} has ended with {code}")
        self.launcher.close()
        for worker in self.workers.values():
            worker.control.close()
        with suppress(AMQPError):
            # a stream takes nothing back
            self._stream.close()
        self._database.close()
