"""Keeps requests to shards that hang from holding up the others.

All questions go to one base URL, and from there to many shards, of which only one thing is known:
a shard has the accounts that begin with the same bits (`core/realm.py`). So accounts are put in
groups by their first bits. A group is of one shard, or of a few small ones.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from swpt_accounts.core.realm import ACCOUNT_BITS_LENGTH, account_bits

T = TypeVar("T")

# A question that is not answered so soon is slow: an answer takes milliseconds.
SLOW_SECONDS = 0.5
# Each group of a shard that hangs has to be detected: few groups are detected sooner, many
# distinguish more shards.
GROUP_BITS_LENGTH = 6
# How often an error of one kind is logged.
ERROR_SECONDS = 60.0
_GRACE_SHARE = 0.2
# How many questions to one suspected group are open at once.
PROBES_COUNT_MAX = 2


def group_of(debtor_id: int, creditor_id: int) -> int:
    """The group of an account: its first bits."""
    return account_bits(debtor_id, creditor_id) >> (ACCOUNT_BITS_LENGTH - GROUP_BITS_LENGTH)


class _Question:
    def __init__(self, group: int) -> None:
        self.group = group
        self.is_slow = False
        self.is_cut_off = False
        self.task: asyncio.Future[Any] | None = None
        self.timer: asyncio.TimerHandle | None = None

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()


class Bulkhead:
    """At most `count_max` questions are open at once, in two lanes.

    One that becomes slow changes to the slow lane, and its group is suspected, until it answers:
    what is asked of it begins in the slow lane. When another question waits for a place, the slow
    lane keeps no more than a quarter of them; the oldest questions are cut off. A suspected group
    for which the slow lane has no room is not asked. All belongs to one event loop at a time.
    """

    def __init__(self, count_max: int, *, slow_seconds: float = SLOW_SECONDS) -> None:
        self._count_max = count_max
        # with a single place, there is nothing to share: slow ones are cut off
        self._slow_count_max = max(count_max // 4, 1) if count_max > 1 else 0
        self._slow_seconds = slow_seconds
        self._fresh_count = 0
        # the oldest first
        self._slow: dict[_Question, None] = {}
        self._probes: Counter[int] = Counter()
        self._suspects: set[int] = set()
        # the groups of questions that wait, and the futures that say whether they have got a place
        self._waiting: deque[tuple[int, asyncio.Future[bool]]] = deque()

    @property
    def free_count(self) -> int:
        """How many questions, to groups that are not suspected, can be asked without waiting."""
        return max(self._fresh_count_max - self._fresh_count - len(self._waiting), 0)

    @property
    def _fresh_count_max(self) -> int:
        """One place at least is left for finding out whether suspects answer again."""
        slow_count = max(len(self._slow), 1 if self._suspects else 0)
        return self._count_max - min(slow_count, self._slow_count_max)

    def is_suspected(self, group: int) -> bool:
        return group in self._suspects

    async def ask(self, group: int, question: Callable[[], Awaitable[T | None]]) -> T | None:
        """Ask when there is a place. Returns None when it was not asked, or cut off."""
        asked = _Question(group)
        if group in self._suspects and self._slow_count_max > 0:
            if not self._has_room_for_probe(group):
                return None
            self._make_slow(asked)
        elif not await self._take_fresh_place(group):
            return None
        loop = asyncio.get_running_loop()
        asked.timer = loop.call_later(self._slow_seconds, self._on_late, asked)
        asked_at = loop.time()
        asked.task = task = asyncio.ensure_future(question())
        try:
            answer = await task
        except asyncio.CancelledError:
            if asked.is_cut_off:
                return None
            raise
        finally:
            asked.stop_timer()
            self._leave(asked)
        if answer is not None or loop.time() - asked_at < self._slow_seconds:
            self._suspects.discard(group)
        return answer

    def _has_room_for_probe(self, group: int) -> bool:
        return (
            len(self._slow) < self._slow_count_max
            and self._fresh_count + len(self._slow) < self._count_max
            and self._probes[group] < PROBES_COUNT_MAX
        )

    async def _take_fresh_place(self, group: int) -> bool:
        """Wait for a place. Returns false if the group has come under suspicion meanwhile."""
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((group, place))
        self._admit()
        try:
            return await place
        except asyncio.CancelledError:
            if (group, place) in self._waiting:
                self._waiting.remove((group, place))
            elif not place.cancelled() and place.result():
                # it was given in the same moment
                self._fresh_count -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        """Give places to questions that wait, at the expense of slow ones."""
        while self._waiting and self._fresh_count < self._fresh_count_max:
            if self._fresh_count + len(self._slow) >= self._count_max:
                self._cut_off_oldest()
            _, place = self._waiting.popleft()
            if not place.done():
                self._fresh_count += 1
                place.set_result(True)

    def _refuse(self, group: int) -> None:
        """Send those away who wait to ask a group that does not answer."""
        refused = [place for waiting, place in self._waiting if waiting == group]
        self._waiting = deque(one for one in self._waiting if one[0] != group)
        for place in refused:
            if not place.done():
                place.set_result(False)

    def _cut_off_oldest(self) -> None:
        oldest = next(iter(self._slow))
        oldest.is_cut_off = True
        self._remove_slow(oldest)
        if oldest.task is not None:
            oldest.task.cancel()

    def _make_slow(self, question: _Question) -> None:
        question.is_slow = True
        self._slow[question] = None
        self._probes[question.group] += 1

    def _remove_slow(self, question: _Question) -> None:
        del self._slow[question]
        self._probes[question.group] -= 1
        if not self._probes[question.group]:
            del self._probes[question.group]

    def _on_late(self, question: _Question) -> None:
        """The loop itself may have been held up: answers that have come are to be read first."""
        seconds = self._slow_seconds * _GRACE_SHARE
        question.timer = asyncio.get_running_loop().call_later(seconds, self._on_slow, question)

    def _on_slow(self, question: _Question) -> None:
        self._suspects.add(question.group)
        if self._slow_count_max > 0:
            self._refuse(question.group)
        if not question.is_slow:
            self._fresh_count -= 1
            self._make_slow(question)
            self._admit()

    def _leave(self, question: _Question) -> None:
        if not question.is_slow:
            self._fresh_count -= 1
        elif not question.is_cut_off:
            self._remove_slow(question)
        self._admit()
