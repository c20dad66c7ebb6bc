"""Asks the fetch API about accounts of other shards."""

import asyncio
import logging
import os
import re
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock, Thread
from time import monotonic
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from swpt_accounts.core.account_lists import (
    Account,
    account_list,
    account_path,
    parse_status_lines,
)
from swpt_accounts.db.errors import one_line
from swpt_accounts.observability.events.background import FETCH_API_URL_MISSING, PEER_SILENT
from swpt_accounts.observability.events.event import Event
from swpt_accounts.observability.log.throttle import LogThrottle
from swpt_accounts.observability.metrics.definitions import FETCH_QUESTIONS
from swpt_accounts.observability.metrics.recorder import observe
from swpt_accounts.peers.bulkhead import Bulkhead, group_of
from swpt_accounts.peers.question_batches import Neighbourhoods, QuestionBatches
from swpt_accounts.peers.reachability_cache import ReachabilityCache
from swpt_accounts.settings import Settings

# A process exits without waiting for these threads. It would wait for those of an executor, and a
# name server that does not answer can take half a minute.
_lookups: dict[tuple[str, int, int], Future[list[Any]]] = {}
_lock = Lock()


def _look_up(host: str, port: int, family: int) -> Future[list[Any]]:
    """The addresses, eventually. For each host there is one thread at most."""
    key = (host, port, family)
    with _lock:
        if key in _lookups:
            return _lookups[key]
        future = _lookups[key] = Future()
    # so that a caller that gives up does not cancel it for the others
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            flags = socket.AI_ADDRCONFIG
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
        except OSError as error:
            future.set_exception(error)
        else:
            future.set_result(found)
        finally:
            with _lock:
                del _lookups[key]

    Thread(target=run, name="resolver", daemon=True).start()
    return future


class DaemonResolver(AbstractResolver):
    """Resolves names as the operating system does."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises `OSError`."""
        infos = await asyncio.wrap_future(_look_up(host, port, family))
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=found_family,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found_family, _, proto, _, address in infos
        ]

    async def close(self) -> None:
        """There is nothing to close."""


logger = logging.getLogger(__name__)

CONFIG_BYTES_MAX = 10_000
_CHUNK_BYTES_MAX = 4096
_OF_SOCKET = "Connect call failed"
_ADDRESS = re.compile(_OF_SOCKET + r" \('([^']*)', ([0-9]+)[^)]*\)")

# The status, the body, and how long the answer may be used again.
Answer = tuple[int, str, str]


class FetchClient:
    """Many requests at once, over kept-alive connections. To be used within one event loop."""

    def __init__(
        self,
        settings: Settings,
        bulkhead: Bulkhead,
        throttle: LogThrottle,
        cache: ReachabilityCache | None = None,
        neighbourhoods: Neighbourhoods | None = None,
    ) -> None:
        """Without a `cache`, every question is asked; without `neighbourhoods`, each alone."""
        self._base_url = (settings.fetch_api_url or "").rstrip("/")
        self._bulkhead = bulkhead
        self._throttle = throttle
        self._cache = cache
        self._seconds_max = settings.app_fetch_api_timeout_seconds
        self._batches = (
            None
            if neighbourhoods is None
            else QuestionBatches(neighbourhoods, self._seconds_max, self._ask_about_many)
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=settings.app_fetch_connections,
                resolver=DaemonResolver(),
                ttl_dns_cache=int(settings.app_fetch_dns_cache_seconds),
            ),
        )

    async def is_reachable(self, debtor_id: int, creditor_id: int) -> bool | None:
        """Whether the account accepts incoming transfers; None when there is no answer."""
        recipient = (debtor_id, creditor_id)
        if self._cache is not None and recipient in self._cache:
            return True
        if self._batches is not None and self._base_url:
            is_reachable = await self._batches.is_reachable(recipient)
            if is_reachable is not None:
                return is_reachable
        answer = await self._get(*recipient, "reachable")
        if answer is None:
            return None
        status, _, cache_control = answer
        if self._cache is not None and status == 204:
            self._cache.add(recipient, cache_control)
        return {204: True, 404: False}.get(status)

    async def _ask_about_many(
        self, neighbourhood: int, accounts: Sequence[Account]
    ) -> dict[Account, int]:
        """Their statuses; empty where the shard of the first one does not understand.

        Nothing is reported of that: each account is asked about alone then.
        """
        first, *others = accounts
        url = (
            f"{self._base_url}/accounts/{account_path(first)}/reachable?also={account_list(others)}"
        )
        started_at = monotonic()
        # (the groups of single questions are natural numbers)
        answer = await self._bulkhead.ask(
            -1 - neighbourhood, lambda: self._fetch(url, _report_nothing)
        )
        if answer is None or answer[0] != 200:
            return {}
        statuses = parse_status_lines(answer[1], accounts) or {}
        seconds = monotonic() - started_at
        for status, count in Counter(statuses.values()).items():
            observe(FETCH_QUESTIONS, seconds, "reachable", _status_label(status), count=count)
        for account, status in statuses.items():
            if self._cache is not None and status == 204:
                self._cache.add(account, answer[2])
        return statuses

    def _url(self, account: Account, what: str) -> str:
        return f"{self._base_url}/accounts/{account_path(account)}/{what}"

    async def get_config_data(self, debtor_id: int, creditor_id: int) -> str | None:
        """The account's config_data; None when there is no such account, or no answer."""
        answer = await self._get(debtor_id, creditor_id, "config")
        return answer[1] if answer is not None and answer[0] == 200 else None

    async def _get(self, debtor_id: int, creditor_id: int, what: str) -> Answer | None:
        """An answer; None when there is none within the time limit, or the request was not sent."""
        if not self._base_url:
            problem = "FETCH_API_URL is not set: accounts of other shards are not found."
            self._report("not set", problem, FETCH_API_URL_MISSING)
            return None
        url = self._url((debtor_id, creditor_id), what)
        group = group_of(debtor_id, creditor_id)
        started_at = monotonic()
        answer: Answer | None = None
        try:
            async with asyncio.timeout(self._seconds_max):
                answer = await self._bulkhead.ask(group, lambda: self._fetch(url, self._report))
        except TimeoutError:
            self._report("time", f"{url} does not answer in time.")
        status = "none" if answer is None else _status_label(answer[0])
        observe(FETCH_QUESTIONS, monotonic() - started_at, what, status)
        return answer

    async def _fetch(self, url: str, report: Callable[[str, str], None]) -> Answer | None:
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                body = await _read(response)
        except (aiohttp.ClientError, OSError) as error:
            report(type(error).__name__, f"{url} does not answer: {_problem(error)}.")
            return None
        status, cache_control = response.status, response.headers.get("Cache-Control", "")
        if status not in (200, 204, 404):
            report(f"status {status}", f"{url} answers with status {status}.")
        if status != 200:
            return status, "", cache_control
        if body is None:
            problem = f"The answer of {url} is refused: it has over {CONFIG_BYTES_MAX} bytes."
            report("long", problem)
            return None
        try:
            return status, body.decode(), cache_control
        except UnicodeDecodeError as error:
            report("not UTF-8", f"The answer of {url} is refused: {error}.")
            return None

    def _report(self, kind: str, problem: str, event: Event = PEER_SILENT) -> None:
        """Log the first problem of each kind in a minute, and how many others there were."""
        if self._throttle.allows(kind):
            count = self._throttle.take_suppressed_count()
            untold = f" (and {count} problems before)" if count else ""
            event.log(logger, kind=kind, problem=problem, untold=untold)

    async def close(self) -> None:
        if self._batches is not None:
            await self._batches.close()
        await self._session.close()


def _report_nothing(_kind: str, _problem: str) -> None: ...


def _problem(error: Exception) -> str:
    """In one line. (asyncio's texts of sockets have tuples in them.)"""
    text = one_line(error)
    number = getattr(error, "errno", None)
    if number and text.startswith(_OF_SOCKET):
        return os.strerror(number)
    return _ADDRESS.sub(r"cannot connect to \1:\2", text)


def _status_label(status: int) -> str:
    """A status as a label of metrics: there are few, whatever the other side answers."""
    return str(status) if status in (200, 204, 404, 500, 503) else "other"


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The whole body; None if it is too long. Raises `ClientError` where its end is missing."""
    body = b""
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES_MAX):
        body += chunk
        if len(body) > CONFIG_BYTES_MAX:
            return None
    return body
