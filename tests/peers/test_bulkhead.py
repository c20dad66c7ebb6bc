"""Questions that hang leave the places to the others."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from swpt_accounts.core.realm import Realm
from swpt_accounts.peers.bulkhead import PROBES_COUNT_MAX, Bulkhead, group_of

SLOW_SECONDS = 0.2
SECONDS_MAX = 10.0
HUNG, WELL = 1, 2


class TimelessLoop(asyncio.SelectorEventLoop):
    """Its time passes while it has nothing to do, and at once: a busy machine changes nothing."""

    def __init__(self) -> None:
        loop = self
        self.now = 0.0

        class Selector(selectors.DefaultSelector):
            def select(self, timeout: float | None = None) -> Any:
                loop.now += timeout or 0.0
                return super().select(0)

        super().__init__(Selector())

    def time(self) -> float:
        return self.now


class Asking:
    """A shard that answers when it is told to, and another one that always does."""

    def __init__(self, count_max: int) -> None:
        self.lanes = Bulkhead(count_max, slow_seconds=SLOW_SECONDS)
        self.is_back = asyncio.Event()
        self.open_count = 0
        self.most_open = 0

    def hang(self, group: int = HUNG) -> "asyncio.Task[str | None]":
        async def question() -> str:
            await self.is_back.wait()
            return "late"

        return asyncio.create_task(self.lanes.ask(group, self._counted(question)))

    async def well(self, group: int = WELL) -> str | None:
        async def question() -> str:
            await asyncio.sleep(0)
            return "soon"

        return await self.lanes.ask(group, self._counted(question))

    def _counted(self, question: Callable[[], Awaitable[str]]) -> Callable[[], Awaitable[str]]:
        async def counted() -> str:
            self.open_count += 1
            self.most_open = max(self.most_open, self.open_count)
            try:
                return await question()
            finally:
                self.open_count -= 1

        return counted

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while not condition():
                await asyncio.sleep(0.001)


def run(test: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(2 * SECONDS_MAX):
            await test

    with asyncio.Runner(loop_factory=TimelessLoop) as runner:
        runner.run(limited())


def test_groups_are_parts_of_realms() -> None:
    """Accounts of different shards are never in one group, unless there are very many shards."""
    for key in ("0.#", "1.0.1.#", "1.1.1.1.0.0.#"):
        realm = Realm.parse(key)
        inside = {group_of(1, n) for n in range(2000) if realm.contains(1, n)}
        outside = {group_of(1, n) for n in range(2000) if not realm.contains(1, n)}
        assert inside
        assert inside.isdisjoint(outside)


def test_no_more_are_open_than_there_are_places() -> None:
    async def test() -> None:
        asking = Asking(4)
        assert asking.lanes.free_count == 4
        answers = await asyncio.gather(*[asking.well(n) for n in range(50)])
        assert answers == ["soon"] * 50
        assert asking.most_open == 4
        assert asking.lanes.free_count == 4

    run(test())


@pytest.mark.parametrize("count_max", [2, 4, 100])
def test_hundreds_that_hang_delay_nobody(count_max: int) -> None:
    async def test() -> None:
        asking = Asking(count_max)
        hung = [asking.hang() for _ in range(500)]
        # those who wait for a place get it when the first ones are slow
        assert await asking.well() == "soon"
        await asking.until(lambda: asking.lanes.is_suspected(HUNG))
        # and from now on at once: the hung ones have a quarter of the places at most
        hung += [asking.hang() for _ in range(500)]
        for _ in range(20):
            answers = asyncio.gather(*[asking.well() for _ in range(count_max)])
            done, _ = await asyncio.wait([answers], timeout=SECONDS_MAX)
            assert done == {answers}
            assert answers.result() == ["soon"] * count_max
        assert asking.open_count <= max(count_max // 4, 1)
        assert asking.most_open <= count_max
        asking.is_back.set()
        assert set(await asyncio.gather(*hung)) == {None, "late"}
        assert not asking.lanes.is_suspected(HUNG)
        assert asking.lanes.free_count == count_max

    run(test())


def test_slow_ones_go_on_while_nobody_needs_their_places() -> None:
    async def test() -> None:
        asking = Asking(8)
        hung = [asking.hang() for _ in range(8)]
        await asking.until(lambda: asking.lanes.free_count == 6)
        assert asking.open_count == 8
        asking.is_back.set()
        assert await asyncio.gather(*hung) == ["late"] * 8

    run(test())


def test_suspected_group_is_asked_a_little() -> None:
    async def test() -> None:
        asking = Asking(100)
        first = asking.hang()
        await asking.until(lambda: asking.lanes.is_suspected(HUNG))
        more = [asking.hang() for _ in range(10)]
        await asyncio.wait(more, timeout=SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
        await asking.until(lambda: asking.open_count == PROBES_COUNT_MAX)
        assert sum(not task.done() for task in more) == PROBES_COUNT_MAX - 1
        # who else is suspected is not in its way
        other = asking.hang(3)
        await asking.until(lambda: asking.lanes.is_suspected(3))
        asking.is_back.set()
        answers = await asyncio.gather(first, other, *more)
        assert answers == ["late"] * 3 + [None] * 9
        assert PROBES_COUNT_MAX == 2
        # it has answered: now it is asked as before
        asking.is_back.clear()
        again = [asking.hang() for _ in range(10)]
        await asyncio.sleep(0)
        asking.is_back.set()
        assert await asyncio.gather(*again) == ["late"] * 10

    run(test())


def test_group_that_fails_at_once_is_not_suspected_any_more() -> None:
    async def fail() -> str | None:
        return None

    async def test() -> None:
        asking = Asking(100)
        hung = asking.hang()
        await asking.until(lambda: asking.lanes.is_suspected(HUNG))
        (answer,) = await asyncio.gather(asking.lanes.ask(HUNG, fail))
        assert answer is None
        assert not asking.lanes.is_suspected(HUNG)
        hung.cancel()
        assert await asyncio.gather(hung, return_exceptions=True)
        assert asking.lanes.free_count == 100

    run(test())


def test_single_place_is_taken_away_from_what_hangs() -> None:
    async def test() -> None:
        asking = Asking(1)
        hung = asking.hang()
        await asyncio.sleep(0)
        for _ in range(3):
            assert await asking.well() == "soon"
        assert await hung is None
        assert asking.most_open == 1

    run(test())


def test_who_gives_up_leaves_nothing_behind() -> None:
    async def test() -> None:
        asking = Asking(2)
        asked = [asking.hang(n) for n in range(6)]
        await asyncio.sleep(0)
        # those who have a place, those who wait for one, and one who has just got one
        asked[0].cancel()
        asked[5].cancel()
        await asyncio.sleep(0)
        asked[2].cancel()
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert all(task.cancelled() for task in asked)
        assert asking.open_count == 0
        assert asking.lanes.free_count == 2
        assert await asking.well() == "soon"

    run(test())


def test_loop_that_is_held_up_suspects_nobody() -> None:
    async def test() -> None:
        asking = Asking(4)
        asked = [asking.hang() for _ in range(5)]
        await asking.until(lambda: asking.open_count == 4)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TimelessLoop)
        loop.now += 3 * SLOW_SECONDS
        # as if the answer had come meanwhile
        loop.call_soon(asking.is_back.set)
        assert await asyncio.gather(*asked) == ["late"] * 5
        assert not asking.lanes.is_suspected(HUNG)

    run(test())
