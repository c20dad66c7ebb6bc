"""Asks the fetch API about accounts of other shards."""

import logging

import aiohttp

from swpt_accounts.core.ids import account_id
from swpt_accounts.settings import Settings

logger = logging.getLogger(__name__)

CONFIG_BYTES_MAX = 10_000


class FetchClient:
    """Many requests at once, over kept-alive connections. To be used within one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._base_url = (settings.fetch_api_url or "").rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=settings.app_fetch_connections,
                ttl_dns_cache=int(settings.app_fetch_dns_cache_seconds),
            ),
            timeout=aiohttp.ClientTimeout(total=settings.app_fetch_api_timeout_seconds),
        )

    async def is_reachable(self, debtor_id: int, creditor_id: int) -> bool | None:
        """Whether the account accepts incoming transfers; None when there is no answer."""
        status, _ = await self._get(debtor_id, creditor_id, "reachable")
        return {204: True, 404: False}.get(status)

    async def get_config_data(self, debtor_id: int, creditor_id: int) -> str | None:
        """The account's config_data; None when there is no such account, or no answer."""
        status, text = await self._get(debtor_id, creditor_id, "config")
        return text if status == 200 else None

    async def _get(self, debtor_id: int, creditor_id: int, what: str) -> tuple[int, str]:
        """The status and the text of an answer; the status is 0 when there is none."""
        if not self._base_url:
            logger.error("FETCH_API_URL is not set: an account of another shard is not found.")
            return 0, ""
        url = f"{self._base_url}/accounts/{account_id(debtor_id)}/{account_id(creditor_id)}/{what}"
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                body = await response.content.read(CONFIG_BYTES_MAX)
                if response.status not in (200, 204, 404):
                    logger.warning("%s answers with status %d.", url, response.status)
                return response.status, body.decode("utf-8", "replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.warning("%s does not answer: %r", url, error)
            return 0, ""

    async def close(self) -> None:
        """Disconnect."""
        await self._session.close()
