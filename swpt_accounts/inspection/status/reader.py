"""Asks all servers at once. One that gives no answer holds up nobody for long."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic
from typing import Final, Self

import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.connections import describe
from swpt_accounts.broker.peer_queues import PeerQueue, peer_queues
from swpt_accounts.broker.queue_lengths import queue_lengths
from swpt_accounts.broker.topology import dead_letter_queue, money_letter_queue
from swpt_accounts.core.formatting import plural
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.errors import one_line
from swpt_accounts.db.sessions import WorkerSessions
from swpt_accounts.inspection.status.database import (
    NAME,
    count_dealt_with,
    open_database,
    read_database,
)
from swpt_accounts.inspection.status.model import (
    BrokerQueue,
    DatabaseState,
    Server,
    ShardStatus,
    TableRates,
    WorkerState,
)
from swpt_accounts.observability.liveness import (
    PATIENCE_SECONDS,
    Condition,
    condition_of,
    living_processes,
)
from swpt_accounts.observability.worker_names import LOOPS
from swpt_accounts.settings import Settings, SettingsError

DATABASE: Final = "the database"
BROKER: Final = "the broker"
BROKER_OF_CHORES: Final = "the broker of chores"
MANAGEMENT: Final = "the management of the broker"
BROKER_SECONDS_MAX: Final = 3.0
_RATE_SECONDS_MIN: Final = 0.5


class StatusReader:
    """Reads the status again and again, over one connection to the database. The rates are those
    since the reading before.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: DatabaseConnection | None = None
        self._before: DatabaseState | None = None
        self._rates: dict[str, TableRates] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def read(self) -> ShardStatus:
        """Ask all servers. Raises nothing because of a server."""
        began_at = monotonic()
        settings = self._settings
        incoming, chores = settings.protocol_broker_queue, settings.chores_broker_queue
        letters, money = dead_letter_queue(incoming), money_letter_queue(incoming)
        is_one_broker = settings.protocol_broker_url == settings.chores_broker_url
        with ThreadPoolExecutor(max_workers=3) as pool:
            peers = pool.submit(_ask_management, settings)
            names = [incoming, letters, money, *([chores] if is_one_broker else [])]
            asked = [pool.submit(_ask_broker, settings.protocol_broker_url, BROKER, names)]
            if not is_one_broker:
                url = settings.chores_broker_url
                asked.append(pool.submit(_ask_broker, url, BROKER_OF_CHORES, [chores]))
            database, server = self._ask_database()
            answers = [answer.result() for answer in asked]
            peer_queues, management = peers.result()
        queues = {queue.name: queue for found, _ in answers for queue in found}
        if database is not None:
            database, server = self._add_dealt_with(database, queues[letters], queues[money])
        return ShardStatus(
            shard=str(settings.realm),
            seconds=monotonic() - began_at,
            servers=(server, *(broker for _, broker in answers), *management),
            incoming=queues[incoming],
            chores=queues[chores],
            dead_letters=queues[letters],
            database=database,
            workers=find_workers(settings, database),
            rates=self._measure(database),
            money_letters=queues[money],
            peer_queues=peer_queues,
        )

    def _ask_database(self) -> tuple[DatabaseState | None, Server]:
        failure = "Cannot connect to the database"
        try:
            if self._connection is None:
                self._connection = open_database(self._settings)
            failure = "The database rejected a query"
            return read_database(self._connection, self._settings), Server(DATABASE)
        except (psycopg.Error, SettingsError) as error:
            if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
                failure = "Cannot connect to the database"
            self._disconnect()
            return None, Server(DATABASE, f"{failure}: {one_line(error)}")

    def _add_dealt_with(
        self, database: DatabaseState, letters: BrokerQueue, money: BrokerQueue
    ) -> tuple[DatabaseState | None, Server]:
        try:
            assert self._connection is not None
            counts = [
                0
                if queue.first_offset is None
                else count_dealt_with(self._connection, queue.name, queue.first_offset)
                for queue in (letters, money)
            ]
        except psycopg.Error as error:
            self._disconnect()
            return None, Server(DATABASE, f"The database rejected a query: {one_line(error)}")
        count, money_count = counts
        changed = replace(database, dealt_with_count=count, money_dealt_with_count=money_count)
        return changed, Server(DATABASE)

    def _measure(self, now: DatabaseState | None) -> dict[str, TableRates]:
        """The rates since the reading before, if that was not just now."""
        before = self._before
        seconds = (now.taken_at - before.taken_at).total_seconds() if now and before else -1.0
        if before is None or now is None or seconds < 0:
            self._before, self._rates = now, {}
        elif seconds >= _RATE_SECONDS_MIN:
            self._before, self._rates = now, rates_between(before, now, seconds)
        return self._rates


def rates_between(
    before: DatabaseState, now: DatabaseState, seconds: float
) -> dict[str, TableRates]:
    """Rows per second. Statistics that were reset meanwhile give none."""
    return {
        table: TableRates((c.inserted - b.inserted) / seconds, (c.deleted - b.deleted) / seconds)
        for table, c in now.counts.items()
        if (b := before.counts.get(table)) is not None
        and c.inserted >= b.inserted
        and c.deleted >= b.deleted
    }


def _ask_management(settings: Settings) -> tuple[tuple[PeerQueue, ...], tuple[Server, ...]]:
    """The queues of peers, if the settings say who knows of them."""
    url = settings.protocol_broker_management_url
    if url is None:
        return (), ()
    try:
        found = peer_queues(url, settings.protocol_broker_url, BROKER_SECONDS_MAX)
        return tuple(found), (Server(MANAGEMENT),)
    except (AMQPError, OSError, ValueError, KeyError, TypeError) as error:
        problem = f"The management of the broker does not tell the queues of peers: {error}"
        return (), (Server(MANAGEMENT, problem),)


def _ask_broker(url: str, server: str, names: Sequence[str]) -> tuple[list[BrokerQueue], Server]:
    try:
        found = queue_lengths(url, NAME, names, BROKER_SECONDS_MAX)
        return [BrokerQueue(*length) for length in found], Server(server)
    except (AMQPError, OSError, ValueError) as error:
        text = describe(error)
        problem = f"{text[0].upper()}{text[1:]}"
        return [BrokerQueue(name, problem=problem) for name in names], Server(server, problem)


_ORDER: Final = tuple(Condition)


def find_workers(settings: Settings, database: DatabaseState | None) -> tuple[WorkerState, ...]:
    """The states of all workers, and of what else is frozen in this container."""
    return join_states(_by_heartbeats(settings), database)


def join_states(
    by_heartbeats: Iterable[WorkerState], database: DatabaseState | None
) -> tuple[WorkerState, ...]:
    """Of the states of a worker, the worst one."""
    found: dict[str, WorkerState] = {}
    for state in (*by_heartbeats, *_by_sessions(database)):
        known = found.get(state.name)
        if known is None or _ORDER.index(known.condition) < _ORDER.index(state.condition):
            found[state.name] = state
    absent = _absent(database)
    states = [found.pop(name, WorkerState(name, *absent)) for name in LOOPS]
    others = [state for state in found.values() if state.condition == Condition.FROZEN]
    return *states, *others


def _by_heartbeats(settings: Settings) -> Iterator[WorkerState]:
    now = monotonic()
    for process in living_processes(settings.state_dir):
        if process.shard == settings.shard_mark:
            for loop in process.loops:
                name = loop.name if loop.name in LOOPS else process.command
                yield WorkerState(name, *condition_of(loop, now))


def _by_sessions(database: DatabaseState | None) -> Iterator[WorkerState]:
    for worker in () if database is None else database.workers:
        if worker.name in LOOPS:
            yield WorkerState(worker.name, *_condition_of(worker))


def _condition_of(worker: WorkerSessions) -> tuple[Condition, str]:
    if count := worker.frozen_count:
        sessions = plural(count, "of its sessions is", "of its sessions are")
        return Condition.FROZEN, f"frozen: {sessions} unused"
    return (Condition.WAITING, worker.wait) if worker.wait else (Condition.WORKING, "")


def _absent(database: DatabaseState | None) -> tuple[Condition, str]:
    """The condition of a worker of which nothing is seen."""
    if database is None or database.is_replica:
        return Condition.UNKNOWN, ""
    if database.up_seconds < PATIENCE_SECONDS:
        return Condition.UNKNOWN, "not connected yet"
    return Condition.DOWN, "down: no heartbeat and no database session"
