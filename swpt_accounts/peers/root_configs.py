"""Learns from the fetch API what the debtors in other shards say in their RootConfigData."""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

import psycopg
from cachetools import TTLCache

from swpt_accounts.core.ids import ROOT_CREDITOR_ID
from swpt_accounts.core.root_config import InvalidRootConfig, RootConfig, parse_root_config
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import REMEMBER_ROOT_CONFIGS
from swpt_accounts.observability.events.background import ROOT_CONFIG_INVALID, ROOT_CONFIGS_REFUSED
from swpt_accounts.observability.log.throttle import LogThrottle
from swpt_accounts.observability.metrics.definitions import ROOT_CONFIGS_NOT_FETCHED
from swpt_accounts.observability.metrics.recorder import count
from swpt_accounts.peers.bulkhead import ERROR_SECONDS, Bulkhead
from swpt_accounts.settings import Settings

if TYPE_CHECKING:
    from swpt_accounts.peers.fetch_client import FetchClient

logger = logging.getLogger(__name__)

AGE_MAX = timedelta(hours=2)
# A debtor of whom nothing was learned is not asked about again for so long.
UNKNOWN_SECONDS = 2.0
CLOSE_SECONDS_MAX = 1.5

Answer = tuple[int, RootConfig | None]


class RootConfigPoller:
    """Asks about debtors, many at once, in a thread of its own. A question takes no longer than
    the time limit of the fetch API.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._unknown: TTLCache[int, bool] = TTLCache(
            settings.app_fetch_data_cache_size, UNKNOWN_SECONDS
        )
        self._asked: set[int] = set()
        self._unwritten: dict[int, RootConfig | None] = {}
        self._bulkhead = Bulkhead(settings.app_fetch_connections)
        self._throttle = LogThrottle(ERROR_SECONDS)
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._client: FetchClient | None = None

    def ask(self, debtor_ids: list[int]) -> set[int]:
        """Ask about debtors. Returns those whose answers are awaited.

        The others were asked about without success a moment ago, or are too many at once.
        """
        for debtor_id in debtor_ids:
            has_room = len(self._asked) < self._settings.app_fetch_data_cache_size
            if has_room and debtor_id not in self._asked and debtor_id not in self._unknown:
                self._asked.add(debtor_id)
                asyncio.run_coroutine_threadsafe(self._fetch(debtor_id), self._running_loop())
        return self._asked.intersection(debtor_ids)

    def is_asking(self, debtor_id: int) -> bool:
        return debtor_id in self._asked

    def is_asking_any(self, debtor_ids: set[int]) -> bool:
        return not self._asked.isdisjoint(debtor_ids)

    def collect(self, connection: DatabaseConnection) -> None:
        """Write the answers that have come to the database.

        What cannot be written now (`psycopg.Error`) is kept for the next call, and awaited until
        then; what the database refuses, is not learned.
        """
        self._take_answers()
        learned = {d: config for d, config in self._unwritten.items() if config is not None}
        is_learned = not learned or self._write(connection, learned)
        self._asked.difference_update(self._unwritten)
        for debtor_id in self._unwritten:
            if debtor_id not in learned or not is_learned:
                count(ROOT_CONFIGS_NOT_FETCHED, 1)
                self._unknown[debtor_id] = True
        self._unwritten.clear()

    def _take_answers(self) -> None:
        try:
            while True:
                debtor_id, config = self._answers.get_nowait()
                self._unwritten[debtor_id] = config
        except Empty:
            pass

    def _write(self, connection: DatabaseConnection, learned: dict[int, RootConfig]) -> bool:
        try:
            connection.call(
                REMEMBER_ROOT_CONFIGS,
                **REMEMBER_ROOT_CONFIGS.arrays(learned.values(), debtor_id=list(learned)),
                count_max=self._settings.app_fetch_data_cache_size,
            )
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            ROOT_CONFIGS_REFUSED.log(logger, count=len(learned), problem=str(error))
            return False
        return True

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = Thread(target=self._loop.run_forever, name="root configs", daemon=True)
            self._thread.start()
        return self._loop

    async def _fetch(self, debtor_id: int) -> None:
        config = None
        try:
            config = await self._ask_peer(debtor_id)
        finally:
            self._answers.put((debtor_id, config))

    async def _ask_peer(self, debtor_id: int) -> RootConfig | None:
        if self._client is None:
            # The HTTP client takes 10 MB, which most processes never need.
            from swpt_accounts.peers.fetch_client import FetchClient

            self._client = FetchClient(self._settings, self._bulkhead, self._throttle)
        config_data = await self._client.get_config_data(debtor_id, ROOT_CREDITOR_ID)
        if config_data is None:
            return None
        try:
            return parse_root_config(config_data)
        except InvalidRootConfig as error:
            ROOT_CONFIG_INVALID.log(logger, debtor_id=debtor_id, problem=str(error))
            return None

    def close(self) -> None:
        """Forget the questions, and disconnect. Takes a few seconds at most, whatever hangs."""
        if self._loop is not None and self._thread is not None:
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop).result(
                    CLOSE_SECONDS_MAX
                )
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CLOSE_SECONDS_MAX)
            if not self._thread.is_alive():
                self._loop.close()
            self._loop = self._thread = self._client = None
            self._bulkhead = Bulkhead(self._settings.app_fetch_connections)
        self._asked.clear()
        self._unwritten.clear()
        self._answers = SimpleQueue()

    async def _disconnect(self) -> None:
        questions = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for question in questions:
            question.cancel()
        await asyncio.gather(*questions, return_exceptions=True)
        if self._client is not None:
            await self._client.close()
