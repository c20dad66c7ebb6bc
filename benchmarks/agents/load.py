"""What the driver is to ask for, and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, repeat
from random import Random
from typing import Literal

from agentkit.keys import ROOT_CREDITOR_ID, bits_key

# The subnet that the first creditors agent gets.
FIRST_CREDITOR_ID = 1 << 40
Pattern = Literal["uniform", "to_one", "from_one", "zipf", "issuing", "within", "across"]
ZIPF_EXPONENT = 2.0


@dataclass(frozen=True)
class Schedule:
    """When requests are due. All times count from the start, whatever the answers do.

    With a rate, a request is due at a random moment of its slot, so that no rhythm of the
    authority meets a rhythm of the driver. Without one, all are due at the start. Only with
    `outstanding_max` requests wait for the completion of others, and are due when they are sent.
    """

    count_max: int
    rate_per_second: float | None = None
    seconds_max: float | None = None
    outstanding_max: int | None = None

    def offsets(self, seed: int) -> Iterator[float]:
        """For each request, how many seconds after the start it is due."""
        rate = self.rate_per_second
        if rate is None:
            yield from repeat(0.0, self.count_max)
        else:
            random = Random(seed)
            for i in range(self.count_max):
                yield (i + random.random()) / rate


@dataclass(frozen=True)
class OpeningLoad:
    """Configure so many new accounts."""

    debtor_id: int
    schedule: Schedule
    timeout_seconds: float
    seed: int = 0


@dataclass(frozen=True)
class EchoLoad:
    """So many messages that the driver sends to itself."""

    schedule: Schedule
    timeout_seconds: float
    seed: int = 0


@dataclass(frozen=True)
class TransferLoad:
    """Transfer money between accounts; each transfer is finalized as soon as it is prepared."""

    debtor_id: int
    accounts_count: int
    pattern: Pattern
    schedule: Schedule
    first_request_id: int
    timeout_seconds: float
    seed: int = 0
    amount: int | None = None
    """How much each transfers; without it, 1 to 9 in turn."""
    may_reject: str = ""
    """The code with which a request may be rejected, beside being prepared."""
    shard_bits: int = 0
    """So many bits of a routing key tell the shard of an account."""

    def parties(self) -> Iterator[tuple[int, int]]:
        """Senders and recipients, for ever."""
        if self.pattern not in ("within", "across"):
            yield from parties(self.pattern, self.accounts_count, self.seed)
        for sender, recipient in parties("uniform", self.accounts_count, self.seed):
            if (self._shard(sender) == self._shard(recipient)) == (self.pattern == "within"):
                yield sender, recipient

    def _shard(self, creditor_id: int) -> str:
        return bits_key(self.debtor_id, creditor_id)[: 2 * self.shard_bits]

    def amount_of(self, request_id: int) -> int:
        return self.amount or 1 + request_id % 9


Load = OpeningLoad | TransferLoad


def account(number: int) -> int:
    """The creditor id of the account with this number."""
    return FIRST_CREDITOR_ID + number


def parties(pattern: Pattern, accounts_count: int, seed: int) -> Iterator[tuple[int, int]]:
    """Senders and recipients, for ever."""
    random = Random(seed)
    if pattern == "issuing":
        while True:
            yield from ((ROOT_CREDITOR_ID, account(number)) for number in range(accounts_count))
    elif pattern == "to_one":
        while True:
            yield account(random.randrange(1, accounts_count)), account(0)
    elif pattern == "from_one":
        while True:
            yield account(0), account(random.randrange(1, accounts_count))
    else:
        yield from _different(_numbers(pattern, accounts_count, random))


def _different(numbers: Iterator[int]) -> Iterator[tuple[int, int]]:
    for sender in numbers:
        recipient = next(number for number in numbers if number != sender)
        yield account(sender), account(recipient)


def _numbers(pattern: Pattern, count: int, random: Random) -> Iterator[int]:
    if pattern == "uniform":
        while True:
            yield random.randrange(count)
    weights = list(accumulate(1 / n**ZIPF_EXPONENT for n in range(1, count + 1)))
    while True:
        yield from random.choices(range(count), cum_weights=weights, k=1000)
