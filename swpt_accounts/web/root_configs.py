"""Learns from the fetch API what the debtors in other shards say in their RootConfigData."""

import asyncio
import logging
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from cachetools import TTLCache

from swpt_accounts.core.ids import ROOT_CREDITOR_ID
from swpt_accounts.core.root_config import InvalidRootConfig, RootConfig, parse_root_config
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.settings import Settings

if TYPE_CHECKING:
    from swpt_accounts.web.client import FetchClient

logger = logging.getLogger(__name__)

AGE_MAX = timedelta(hours=2)
# A debtor of whom nothing was learned is not asked about again for so long.
UNKNOWN_SECONDS = 2.0
# When nothing is learned in so long a time, the fetch API is out of order. Then nothing is asked
# for some times as long, so that those who wait here have time for other work, too.
SLOW_SECONDS = 1.0
PAUSE_FACTOR = 3.0


class RootConfigFetcher:
    """Asks about debtors, many at once, and writes the answers to the database.

    All the questions of a call together take no longer than the time limit of one. Where
    nobody answers at all, nothing is asked for a while.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._unknown: TTLCache[int, bool] = TTLCache(
            settings.app_fetch_data_cache_size, UNKNOWN_SECONDS
        )
        self._ask_again_at = 0.0

    def learn(self, connection: DatabaseConnection, debtor_ids: list[int]) -> None:
        """Ask about these debtors. Of those that cannot be reached nothing is learned."""
        wanted = [d for d in debtor_ids if d not in self._unknown]
        wanted = wanted[: self._settings.app_fetch_connections]
        if not wanted or monotonic() < self._ask_again_at:
            return
        started_at = monotonic()
        answers = asyncio.run(self._ask(wanted))
        configs = [(d, c) for d, c in zip(wanted, answers, strict=True) if c is not None]
        seconds = monotonic() - started_at
        if not configs and seconds >= SLOW_SECONDS:
            self._ask_again_at = monotonic() + PAUSE_FACTOR * seconds
        self._unknown.update(dict.fromkeys(set(wanted) - {d for d, _ in configs}, True))
        if configs:
            connection.call(
                "remember_root_configs_v1",
                [debtor_id for debtor_id, _ in configs],
                [c.interest_rate for _, c in configs],
                [c.info_iri for _, c in configs],
                [c.info_content_type for _, c in configs],
                [c.info_sha256 for _, c in configs],
                self._settings.app_fetch_data_cache_size,
            )

    async def _ask(self, debtor_ids: list[int]) -> list[RootConfig | None]:
        # The HTTP client takes 10 MB, which most processes never need.
        from swpt_accounts.web.client import FetchClient

        client = FetchClient(self._settings)
        try:
            return await asyncio.gather(*(_fetch(client, d) for d in debtor_ids))
        finally:
            await client.close()


async def _fetch(client: "FetchClient", debtor_id: int) -> RootConfig | None:
    config_data = await client.get_config_data(debtor_id, ROOT_CREDITOR_ID)
    if config_data is None:
        return None
    try:
        return parse_root_config(config_data)
    except InvalidRootConfig as error:
        logger.error("The configuration of debtor %d makes no sense: %s", debtor_id, error)
        return None
