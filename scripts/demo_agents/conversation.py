"""Brings together talks and answers: who waits for what, and what nobody has asked for."""

import time
from collections import deque
from collections.abc import Callable, Iterable

from agentkit.checks import field_problems, problems_of
from agentkit.keys import hex_key
from agentkit.messages import Message
from agentkit.received import Received
from scripts.demo_agents.answers import Key, describe, key_of
from scripts.demo_agents.link import Link
from scripts.demo_agents.steps import Step, Talk


class NoAnswerError(Exception):
    """Something that must come did not come in time."""


class Conversation:
    """Runs talks over a link, about the accounts of one debtor.

    `is_ours` says whether a message with this debtor id is for us. The rest (left over from
    another demo, say) is dropped unseen.
    """

    def __init__(self, link: Link, debtor_id: int, timeout_seconds: float) -> None:
        self._link = link
        self._debtor_id = debtor_id
        self._ours = {hex_key(debtor_id)}
        self._news: deque[Key] = deque()
        self.timeout_seconds = timeout_seconds
        self.received: dict[Key, Received] = {}
        self.claimed: set[Key] = set()
        self.repeated = 0
        self.faults: list[str] = []

    def take_part(self, creditor_id: int) -> None:
        """From now on messages for this creditor are ours, whatever their debtor id says."""
        self._ours.add(hex_key(creditor_id))

    def send(self, message: Message) -> float:
        """Sends a message. Returns the moment, by the clock of the answers."""
        return self._link.send(message)

    def run(self, step: Step, talks: Iterable[Talk], on_end: Callable[[], None]) -> None:
        """Lets the talks go on, as answers come, to their ends.

        Raises `NoAnswerError` when no answer that is waited for has come for too long.
        """
        waiting: dict[Key, Talk] = {}
        for talk in talks:
            self._go_on(step, talk, None, waiting, on_end)
            self._collect(0.0)
        patience_ends = time.monotonic() + self.timeout_seconds
        while waiting:
            if not self._news:
                self._collect(max(0.0, patience_ends - time.monotonic()))
            while self._news:
                key = self._news.popleft()
                if key in waiting:
                    self._go_on(step, waiting.pop(key), key, waiting, on_end)
                    patience_ends = time.monotonic() + self.timeout_seconds
                    self._collect(0.0)
            if waiting and time.monotonic() >= patience_ends:
                raise NoAnswerError(self._missing(list(waiting)))
        self._news.clear()

    def _go_on(
        self,
        step: Step,
        talk: Talk,
        key: Key | None,
        waiting: dict[Key, Talk],
        on_end: Callable[[], None],
    ) -> None:
        """Hands over the answer, if any, and those that have come before they are asked for."""
        try:
            wanted = next(talk) if key is None else talk.send(self._claim(step, key))
            while wanted in self.received:
                wanted = talk.send(self._claim(step, wanted))
        except (StopIteration, _UselessAnswerError):
            talk.close()
            on_end()
        else:
            waiting[wanted] = talk

    def _claim(self, step: Step, key: Key) -> Received:
        answer = self.received[key]
        if key not in self.claimed:
            self.claimed.add(key)
            step.problems += problems_of(answer)
        if field_problems(answer):
            raise _UselessAnswerError
        return answer

    def _collect(self, wait_seconds: float) -> None:
        for answer in self._link.receive(wait_seconds):
            if answer.routing_key in self._ours or self._is_about_us(answer):
                self._take(answer)

    def _is_about_us(self, answer: Received) -> bool:
        return answer.data.get("debtor_id") == self._debtor_id

    def _take(self, answer: Received) -> None:
        try:
            key = key_of(answer.data)
        except (KeyError, TypeError, ValueError):
            self.faults += problems_of(answer)
            return
        if key not in self.received:
            self.received[key] = answer
            self._news.append(key)
        elif _is_update(answer) and _is_update(self.received[key]):
            self.faults += problems_of(answer)  # the state changes, and updates come by themselves
        elif differences := _differences(self.received[key].data, answer.data):
            text = f"{describe(key)} came again, but with other values: {differences}"
            self.faults.append(text)
        else:
            self.repeated += 1

    def unasked(self) -> list[str]:
        """What came and belongs to nothing that was asked for."""
        problems = []
        for key in self.received.keys() - self.claimed:
            problems.append(f"unexpected: {describe(key)}: {self.received[key].data}")
            problems += problems_of(self.received[key])
        return problems

    def _missing(self, keys: list[Key]) -> str:
        more = f" (and {len(keys) - 1} more answers)" if len(keys) > 1 else ""
        expected = f"expected {describe(keys[0])}{more}"
        return f"{expected}; nothing that is waited for came for {self.timeout_seconds:g} s"


def _is_update(answer: Received) -> bool:
    return str(answer.data["type"]) == "AccountUpdate"


class _UselessAnswerError(Exception):
    """The answer lacks what a talk needs to go on."""


def _differences(first: Message, again: Message) -> str:
    names = sorted((first.keys() | again.keys()) - {"ts"})
    pairs = [(name, first.get(name), again.get(name)) for name in names]
    return ", ".join(f"{name} {a!r} and {b!r}" for name, a, b in pairs if a != b)
