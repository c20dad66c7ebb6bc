"""A step of the demo: its talks with the authority, and what came of them."""

import statistics
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from agentkit.messages import Message
from agentkit.received import Received
from scripts.demo_agents.answers import Key

T = TypeVar("T")
Asking = Generator[Key, Received, T]
"""Sends messages, and yields the key of each answer that it needs, in turn. Ends with a T."""
Talk = Asking[None]
HOPS = ("to it", "in it", "back")
"""The way of a message to the authority, and of the answer to the agent."""


@dataclass(frozen=True)
class Sent:
    """A message, and when it was sent, by `time.monotonic`."""

    message: Message
    at: float


@dataclass
class Step:
    """Takes the answers' times and faults. With `at_once`, no talk waits for the one before."""

    name: str
    talks: list[Talk] = field(default_factory=list)
    at_once: bool = False
    remark: str = ""
    is_done: bool = False
    problems: list[str] = field(default_factory=list)
    times_ms: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    answers: dict[tuple[str, str], list[tuple[Sent, Received]]] = field(default_factory=dict)
    hops_ms: dict[tuple[str, str], list[tuple[float, ...]]] = field(default_factory=dict)
    """How long each part of the way took, if somebody has seen it: see `HOPS`."""

    @property
    def result(self) -> str:
        """OK, WRONG, or that it was not tried."""
        if self.problems:
            return "WRONG"
        return "OK" if self.is_done else "not tried"

    def took(self, sent: str, received: str, seconds: float) -> None:
        """Notes how long an answer took."""
        self.times_ms.setdefault((sent, received), []).append(seconds * 1000.0)

    def answered(self, sent: str, received: str, question: Sent, answer: Received) -> None:
        """The same of a message, and keeps both."""
        self.took(sent, received, answer.received_at - question.at)
        self.answers.setdefault((sent, received), []).append((question, answer))

    def expect(self, what: str, expected: object, found: object) -> None:
        """Notes when something is not as expected."""
        if expected != found:
            self.problems.append(f"{what}: expected {expected!r}, came {found!r}")

    def check(self, answer: Received, expected_type: str, expected: Mapping[str, Any]) -> bool:
        """Notes what is not as expected. Returns whether the type of the answer is.

        A moment that is expected may be written in any way.
        """
        message = answer.data
        if message["type"] != expected_type:
            found = tell(message)
            self.problems.append(f"expected {expected_type}, came {found}")
            return False
        for name, value in expected.items():
            found_value = message[name]
            if isinstance(value, datetime):
                value, found_value = value.isoformat(), _normalized(found_value)
            self.expect(f"{expected_type}: {name}", value, found_value)
        return True

    def summary(self) -> list[dict[str, Any]]:
        """What was sent, what came back, how often, and the times in milliseconds."""
        return [
            {
                "sent": sent,
                "received": received,
                "count": len(times),
                "min_ms": round(min(times), 3),
                "median_ms": round(statistics.median(times), 3),
                "max_ms": round(max(times), 3),
                **self._hops(sent, received),
            }
            for (sent, received), times in self.times_ms.items()
        ]

    def _hops(self, sent: str, received: str) -> dict[str, dict[str, float]]:
        """The medians."""
        if not (hops := self.hops_ms.get((sent, received))):
            return {}
        medians = [round(statistics.median(times), 3) for times in zip(*hops, strict=True)]
        return {"hops_ms": dict(zip(HOPS, medians, strict=True))}


def tell(message: Message) -> str:
    """The type of a message, and the code in it if there is one."""
    return f"{message['type']} {reason(message)}".rstrip()


def reason(message: Mapping[str, Any]) -> str:
    """The code, if any, with which a message reports how something ended."""
    return str(message.get("status_code", message.get("rejection_code", "")))


def _normalized(moment: str) -> str:
    return datetime.fromisoformat(moment).isoformat()
