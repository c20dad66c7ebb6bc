"""Questions of one moment to one shard travel together, where it understands that.

All questions have one address, and which shards there are is not known: only that a shard has the
accounts that begin with the same bits, mostly as many as here. A question about several accounts
goes to the shard of the first one, which answers for those that are its own. What is left is asked
again, of the shard of the first that is left. Whatever else comes back (a shard of an earlier
version answers about the first account only), all the others are asked about alone, and so are
their neighbours for some seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Final

from cachetools import TTLCache

from swpt_accounts.core.account_lists import ACCOUNTS_COUNT_MAX, Account
from swpt_accounts.core.realm import ACCOUNT_BITS_LENGTH, account_bits

ALONE_SECONDS: Final = 10.0
BATCH_SECONDS_MAX: Final = 2.0
"""Short: others than those of a shard that hangs may wait for it, too."""

_NEIGHBOURHOODS_COUNT_MAX: Final = 1024
_SETTLED: Final = {204: True, 404: False}

# Asks the shard of the first account. Returns the statuses of those about which it has said
# something; empty: it does not understand. The number is of the neighbourhood.
Ask = Callable[[int, Sequence[Account]], Awaitable[dict[Account, int]]]


class Neighbourhoods:
    """The accounts that begin with the same bits, and of which of them each is asked about alone.

    It outlives the event loops in which questions are asked.
    """

    def __init__(self, bits_length: int) -> None:
        self._shift = ACCOUNT_BITS_LENGTH - bits_length
        self._alone: TTLCache[int, None] = TTLCache(
            _NEIGHBOURHOODS_COUNT_MAX,
            ALONE_SECONDS,
            timer=lambda: monotonic(),  # looked up late: tests have a clock of their own
        )

    def number_of(self, account: Account) -> int:
        return account_bits(*account) >> self._shift

    def ask_alone(self, number: int) -> None:
        """Ask about each account there alone, from now on, for some seconds."""
        self._alone[number] = None

    def are_asked_alone(self, number: int) -> bool:
        return number in self._alone

    @property
    def batch_count_max(self) -> int:
        """How many accounts one question may be expected to be about."""
        self._alone.expire()
        return 1 if self._alone else ACCOUNTS_COUNT_MAX


class QuestionBatches:
    """Collects what is asked in one step of the event loop. To be used within that loop."""

    def __init__(self, neighbourhoods: Neighbourhoods, seconds_max: float, ask: Ask) -> None:
        self._neighbourhoods = neighbourhoods
        self._seconds_max = min(seconds_max, BATCH_SECONDS_MAX)
        self._ask = ask
        self._collected: dict[int, dict[Account, asyncio.Future[bool | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def is_reachable(self, account: Account) -> bool | None:
        """The answer; None if the account has to be asked about alone."""
        number = self._neighbourhoods.number_of(account)
        if self._neighbourhoods.are_asked_alone(number):
            return None
        loop = asyncio.get_running_loop()
        if not self._collected:
            loop.call_soon(self._send)
        futures = self._collected.setdefault(number, {})
        return await futures.setdefault(account, loop.create_future())

    def _send(self) -> None:
        """Ask about what has been collected."""
        collected, self._collected = self._collected, {}
        for number, futures in collected.items():
            accounts = list(futures)
            for start in range(0, len(accounts), ACCOUNTS_COUNT_MAX):
                batch = accounts[start : start + ACCOUNTS_COUNT_MAX]
                task = asyncio.create_task(self._settle(number, {a: futures[a] for a in batch}))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _settle(
        self, number: int, futures: dict[Account, asyncio.Future[bool | None]]
    ) -> None:
        try:
            async with asyncio.timeout(self._seconds_max):
                while len(futures) > 1 and await self._ask_shard(number, futures):
                    pass
        except TimeoutError:
            self._neighbourhoods.ask_alone(number)
        finally:
            for future in futures.values():
                _conclude(future, None)

    async def _ask_shard(
        self, number: int, futures: dict[Account, asyncio.Future[bool | None]]
    ) -> bool:
        """Ask one shard, and take out what it has settled. Returns whether to go on."""
        statuses = await self._ask(number, list(futures))
        settled = {a: status for a, status in statuses.items() if status in _SETTLED}
        for account, status in settled.items():
            _conclude(futures.pop(account), _SETTLED[status])
        if not settled:
            self._neighbourhoods.ask_alone(number)
        return bool(settled)

    async def close(self) -> None:
        """Wait for no more answers."""
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _conclude(future: asyncio.Future[bool | None], answer: bool | None) -> None:
    # whoever had asked may have been cancelled
    if not future.done():
        future.set_result(answer)
