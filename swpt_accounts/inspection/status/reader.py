"""Asks all servers at once. One that is away is told, and delays nobody for long."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final, Self

import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.queue_lengths import queue_lengths
from swpt_accounts.broker.topology import dead_letter_queue
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.errors import one_line
from swpt_accounts.inspection.status.database import NAME, open_database, read_database
from swpt_accounts.inspection.status.model import (
    BrokerQueue,
    DatabaseState,
    Overview,
    Rates,
    Server,
)
from swpt_accounts.settings import Settings, SettingsError

DATABASE: Final = "the database"
BROKER: Final = "the broker"
BROKER_OF_CHORES: Final = "the broker of chores"
BROKER_SECONDS_MAX: Final = 3.0
_RATE_SECONDS_MIN: Final = 0.5


class OverviewReader:
    """Asks again and again, over one connection to the database; the rates are those since the
    time before.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: DatabaseConnection | None = None
        self._before: DatabaseState | None = None
        self._rates: dict[str, Rates] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def read(self) -> Overview:
        """Ask everybody. Raises nothing because of a server."""
        began_at = monotonic()
        settings = self._settings
        incoming, chores = settings.protocol_broker_queue, settings.chores_broker_queue
        letters = dead_letter_queue(incoming)
        is_one_broker = settings.protocol_broker_url == settings.chores_broker_url
        with ThreadPoolExecutor(max_workers=2) as pool:
            names = [incoming, letters, *([chores] if is_one_broker else [])]
            asked = [pool.submit(_ask_broker, settings.protocol_broker_url, BROKER, names)]
            if not is_one_broker:
                url = settings.chores_broker_url
                asked.append(pool.submit(_ask_broker, url, BROKER_OF_CHORES, [chores]))
            database, server = self._ask_database()
            answers = [answer.result() for answer in asked]
        queues = {queue.name: queue for found, _ in answers for queue in found}
        return Overview(
            shard=str(settings.realm),
            is_sharded=settings.realm.length > 0,
            seconds=monotonic() - began_at,
            servers=(server, *(broker for _, broker in answers)),
            incoming=queues[incoming],
            chores=queues[chores],
            dead_letters=queues[letters],
            database=database,
            rates=self._measure(database),
        )

    def _ask_database(self) -> tuple[DatabaseState | None, Server]:
        try:
            if self._connection is None:
                self._connection = open_database(self._settings)
            return read_database(self._connection, self._settings), Server(DATABASE)
        except (psycopg.Error, SettingsError) as error:
            self._disconnect()
            return None, Server(DATABASE, one_line(error))

    def _measure(self, now: DatabaseState | None) -> dict[str, Rates]:
        """The rates since the time before, if that was not just now."""
        before = self._before
        if before is None or now is None:
            self._before, self._rates = now, {}
            return self._rates
        seconds = (now.taken_at - before.taken_at).total_seconds()
        if seconds >= _RATE_SECONDS_MIN:
            self._rates = rates_between(before, now, seconds)
            self._before = now
        elif seconds < 0:
            self._before, self._rates = now, {}
        return self._rates


def rates_between(before: DatabaseState, now: DatabaseState, seconds: float) -> dict[str, Rates]:
    """Rows in a second. Statistics that were reset meanwhile give none."""
    return {
        table: Rates((c.inserted - b.inserted) / seconds, (c.deleted - b.deleted) / seconds)
        for table, c in now.counts.items()
        if (b := before.counts.get(table)) is not None
        and c.inserted >= b.inserted
        and c.deleted >= b.deleted
    }


def _ask_broker(url: str, server: str, names: Sequence[str]) -> tuple[list[BrokerQueue], Server]:
    try:
        found = queue_lengths(url, NAME, names, BROKER_SECONDS_MAX)
        return [BrokerQueue(*length) for length in found], Server(server)
    except (AMQPError, OSError, ValueError) as error:
        problem = f"{server} does not answer"
        return [BrokerQueue(name, problem=problem) for name in names], Server(server, told(error))


def told(error: BaseException) -> str:
    """What an error of a broker says: some have only a name."""
    return one_line(error) if str(error) else type(error).__name__
