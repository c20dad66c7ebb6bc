"""A database and a virtual host of one's own, and a worker that consumes messages."""

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import md5
from threading import Thread
from typing import Any

import pika
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.broker import connect as connect_broker
from agentkit.database import dsn_of, execute
from agentkit.waiting import NotInTimeError, wait_until
from swpt_accounts.broker import topology
from swpt_accounts.broker.dead_letters import REASON_HEADER
from swpt_accounts.broker.publisher import Publication, Publisher
from swpt_accounts.db.connection import connect
from swpt_accounts.inbox.worker import InboxWorker
from swpt_accounts.settings import load_settings
from swpt_accounts.workers.stopping import Stop
from tests.db.rows import CHANGING_TABLES
from tests.db.shard import Shard
from verification.kit.servers import own_addresses

QUEUE = "fuzz"
SECONDS_MAX = 120.0


class Lines(logging.Handler):
    """What the program says about faults. That a message is refused is none."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if "waits for" in text or record.exc_info:
            self.faults.append(text)


class Place:
    """The tables of a shard, its queue, and the dead letters."""

    def __init__(self, owner_url: str, runner_url: str, broker_url: str) -> None:
        self.runner_url = runner_url
        self.broker_url = broker_url
        self._settings = load_settings(
            {
                "SQLALCHEMY_DATABASE_URI": runner_url,
                "PROTOCOL_BROKER_URL": broker_url,
                "PROTOCOL_BROKER_QUEUE": QUEUE,
            }
        )
        owner = load_settings({"SQLALCHEMY_DATABASE_URI": owner_url})
        self.shard = Shard(connect(owner, "fuzz"), owner)
        self.letters: list[tuple[bytes, Any]] = []
        """The bodies of dead letters, and the reasons."""
        self._broker = connect_broker(broker_url)
        self._publisher = Publisher(broker_url, "fuzz")
        self._listen()
        self._lines = Lines()
        logging.getLogger("swpt_accounts").addHandler(self._lines)
        self._worker: tuple[Thread, Stop] | None = None

    def _listen(self) -> None:
        channel = self._broker.channel()
        channel.basic_qos(prefetch_count=1000)

        def on_letter(ch: Any, method: Any, properties: Any, body: bytes) -> None:
            self.letters.append((body, (properties.headers or {}).get(REASON_HEADER)))
            ch.basic_ack(method.delivery_tag)

        channel.basic_consume(f"{QUEUE}.XQ", on_letter, arguments={"x-stream-offset": "first"})

    def start_worker(self) -> None:
        """Let a worker consume the queue, in a thread."""
        stop = Stop()
        thread = Thread(target=InboxWorker(self._settings, stop).run, name="inbox", daemon=True)
        thread.start()
        self._worker = thread, stop

    def stop_worker(self) -> None:
        if self._worker is not None:
            thread, stop = self._worker
            self._worker = None
            stop.request()
            thread.join(SECONDS_MAX)

    def publish(self, messages: list[tuple[bytes, dict[str, Any]]]) -> None:
        """Put bodies with their AMQP properties into the queue, and wait until they are there."""
        refused = self._publisher.publish(
            Publication("", QUEUE, pika.BasicProperties(**properties), body)
            for body, properties in messages
        )
        assert not refused, refused

    def wait_for_letters(self, count: int) -> None:
        """Until there are so many dead letters. Raises `NotInTimeError`."""

        def are_there() -> bool:
            self._broker.process_data_events(time_limit=0.02)
            return len(self.letters) >= count

        self._wait(are_there, f"{count} dead letters")

    def wait_for_letter(self, body: bytes) -> None:
        """Until there is a dead letter with this body. Raises `NotInTimeError`."""

        def is_there() -> bool:
            self._broker.process_data_events(time_limit=0.02)
            return any(found == body for found, _ in self.letters)

        self._wait(is_there, "a dead letter")

    def wait_for_account(self, debtor_id: int, creditor_id: int) -> None:
        """Until there is an account. Raises `NotInTimeError`."""
        query = "SELECT FROM account WHERE debtor_id = %s AND creditor_id = %s"

        def is_there() -> bool:
            self._broker.process_data_events(time_limit=0.02)
            return bool(self.shard.connection.raw.execute(query, (debtor_id, creditor_id)).rowcount)

        self._wait(is_there, "the last message")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        try:
            wait_until(condition, SECONDS_MAX, what)
        except NotInTimeError as error:
            raise NotInTimeError(f"{error}\n{self._state()}") from None

    def _state(self) -> str:
        """Where everybody is, when something does not come."""
        assert self._worker is not None
        frame = sys._current_frames().get(self._worker[0].ident or 0)
        stack = "".join(traceback.format_stack(frame)[-6:])
        waiting = self._broker.channel().queue_declare(QUEUE, passive=True).method.message_count
        activity = self.shard.connection.raw.execute(
            "SELECT application_name, state, wait_event, now() - state_change, left(query, 200)"
            " FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchall()
        return (
            f"faults: {self.faults}, {waiting} messages wait, {len(self.letters)} dead letters"
            f"\n{stack}\n{activity}"
        )

    @property
    def faults(self) -> list[str]:
        """What the worker has waited for, and whether it has ended."""
        ended = self._worker is not None and not self._worker[0].is_alive()
        return [*self._lines.faults, *(["the worker has ended"] * ended)]

    def digest(self) -> dict[str, str]:
        """A digest of each table."""
        return {table: self._digest(table) for table in CHANGING_TABLES}

    def _digest(self, table: str) -> str:
        query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(table))
        rows = self.shard.connection.raw.execute(query).fetchall()
        return md5(repr(rows).encode(), usedforsecurity=False).hexdigest()

    def close(self) -> None:
        self.stop_worker()
        logging.getLogger("swpt_accounts").removeHandler(self._lines)
        self.shard.connection.close()
        self._publisher.close()
        self._broker.close()


@contextmanager
def made_place(now: datetime) -> Iterator[Place]:
    """A place on the servers of `./dev verify`, at that moment, which stays."""
    with own_addresses() as addresses:
        freeze = sql.SQL("ALTER DATABASE {} SET swpt_accounts.now = {}").format(
            sql.Identifier(make_url(addresses.database_url).database or ""), now.isoformat()
        )
        execute(dsn_of(addresses.database_url), freeze)
        topology.subscribe(addresses.broker_url, QUEUE, "#")
        place = Place(addresses.database_url, addresses.worker_url, addresses.broker_url)
        try:
            yield place
        finally:
            place.close()
