"""What all scenarios use: an authority at work, runs of loads, and checks after each."""

import itertools
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from agentkit.keys import ROOT_CREDITOR_ID
from agentkit.messages import configure_root
from agentkit.waiting import wait_until
from benchmarks.addresses import Addresses
from benchmarks.agents.load import Load, OpeningLoad, Pattern, Schedule, TransferLoad
from benchmarks.agents.play import LoadResult
from benchmarks.agents.process import Driver
from benchmarks.authority import OBSERVER_QUEUE, Authority
from benchmarks.checking import find_problems, settle
from benchmarks.options import Options
from benchmarks.readiness import await_silence
from benchmarks.statements import Statement, StatementCounter
from benchmarks.transport import Transport
from benchmarks.usage import Meter, Usage, difference

START_AMOUNT = 10**9
Results = dict[str, Any]


@dataclass(frozen=True)
class World:
    """A debtor, and creditors' accounts each of which has received the start amount."""

    debtor_id: int
    accounts_count: int


@dataclass
class Run:
    """A load that was carried out, and what it took."""

    load: LoadResult
    usage: Usage
    wall_seconds: float
    """Including the time until all was settled."""
    problems: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)

    def as_json(self) -> Results:
        count = max(self.load.count, 1)
        last = max(self.load.completions, default=-1)
        return {
            "count": self.load.count,
            "seconds": self.load.seconds,
            "per_second": self.load.per_second,
            "cpu_ms": {r: 1000 * s / count for r, s in self.usage.roles.items()},
            "cpu_ms_total": 1000 * self.usage.total / count,
            "postgresql_ms": {n: 1000 * s / count for n, s in self.usage.backends.items()},
            "latencies": {n: h.as_json() for n, h in self.load.latencies.items()},
            "completions": [self.load.completions[i] for i in range(last + 1)],
            "messages": dict(self.load.messages),
            "statements": [statement.as_json() for statement in self.statements],
            **noise_json(self.usage, self.wall_seconds),
            "problems": self.problems,
        }


def noise_json(usage: Usage, seconds: float) -> Results:
    """How many cores others had meanwhile, and how many the host took away."""
    return {"others_cores": usage.others / seconds, "stolen_cores": usage.stolen / seconds}


class Bench:
    """An authority at work."""

    def __init__(self, authority: Authority, options: Options) -> None:
        self.authorities: Sequence[Authority] = (authority,)
        """That which is at work; several, when these are shards."""
        self.options = options
        self.sizes = options.sizes
        self.runs_count = options.runs_count
        self.meter = Meter(authority)
        self._statements = StatementCounter(self.addresses)
        self.problems: list[str] = []
        self._request_ids = itertools.count(1)
        self._seeds = itertools.count(1)
        self._world: World | None = None
        self._transport: Transport | None = None

    @property
    def authority(self) -> Authority:
        """That which is at work; the first of several shards."""
        return self.authorities[0]

    @property
    def transport(self) -> Transport:
        """What is between the driver and the authority."""
        if self._transport is not None:
            return self._transport
        return Transport(self.authority.broker, self.addresses.broker_url, OBSERVER_QUEUE)

    @contextmanager
    def over(self, transport: Transport) -> Iterator[None]:
        """Something is between them, until the context ends."""
        self._transport = transport
        try:
            yield
        finally:
            self._transport = None

    @property
    def addresses(self) -> Addresses:
        """Where its servers are."""
        return self.authority.addresses

    def say(self, text: str) -> None:
        """Tell the user."""
        print(f"    {text}", file=sys.stderr, flush=True)

    def note(self, problems: list[str]) -> None:
        """Remember what was incorrect."""
        for problem in problems:
            self.say(f"INCORRECT: {problem}")
        self.problems += problems

    @contextmanager
    def replaced(self, *authorities: Authority) -> Iterator[None]:
        """Another authority, or the shards of one, is at work, in place of the own one, until the
        context ends.
        """
        own, own_meter = self.authority, self.meter
        own.stop()
        await_silence(own)
        try:
            for authority in authorities:
                authority.start()
            self.authorities, self.meter = authorities, Meter(*authorities)
            yield
        finally:
            for authority in authorities:
                authority.close()
                self.note(authority.complaints())
            self.authorities, self.meter = (own,), own_meter
            await_silence(own)
            own.start()

    # -- loads --------------------------------------------------------------

    def run(
        self,
        load: Load,
        meanwhile: Callable[[Driver], None] | None = None,
        at_end: Callable[[], None] | None = None,
    ) -> Run:
        """Carry out a load, and check everything afterwards.

        `meanwhile` is called when the driver has started, `at_end` when all is completed.
        """
        transport = self.transport
        with Driver(transport.broker_url, transport.queue, load, transport.request_queue) as driver:
            self._statements.reset()
            before = self.meter.sample([driver.pid], transport.programs())
            started_at = monotonic()
            driver.start()
            if meanwhile is not None:
                meanwhile(driver)
            driver.wait()
            if at_end is not None:
                at_end()
            settle(self.authorities)
            transport.finish(driver.sentinel_number)
            seconds = monotonic() - started_at
            after = self.meter.sample([driver.pid], transport.programs())
            statements = self._statements.read()
            result = driver.finish()
        problems = [*result.problems]
        if result.problems_count > len(result.problems):
            problems.append(f"{result.problems_count} problems in all")
        problems += find_problems(self.authorities, load.debtor_id, result.chains)
        self.note(problems)
        return Run(result, difference(before, after), seconds, problems, statements)

    def transfers(
        self, world: World, pattern: Pattern, schedule: Schedule, shard_bits: int = 0, **more: str
    ) -> TransferLoad:
        """A load of transfers between the accounts of a world.

        So many bits of the routing keys of its accounts tell the shard of each.
        """
        return TransferLoad(
            debtor_id=world.debtor_id,
            accounts_count=world.accounts_count,
            pattern=pattern,
            schedule=schedule,
            first_request_id=next(self._request_ids) << 32,
            timeout_seconds=self.sizes.timeout_seconds + _least_seconds(schedule),
            seed=next(self._seeds),
            amount=START_AMOUNT if pattern == "issuing" else None,
            shard_bits=shard_bits,
            **more,
        )

    def opening(self, debtor_id: int, count: int) -> OpeningLoad:
        """A load that opens accounts."""
        return OpeningLoad(debtor_id, Schedule(count), self.sizes.timeout_seconds)

    # -- worlds -------------------------------------------------------------

    def new_debtor(self, debtor_id: int | None = None) -> int:
        """A new debtor, who may issue as much as it likes: any, or that with this id."""
        debtor_id = random.getrandbits(60) if debtor_id is None else debtor_id
        self.authority.send(configure_root(debtor_id))
        home = next(a for a in self.authorities if a.contains(debtor_id, ROOT_CREDITOR_ID))
        with home.addresses.connect() as connection:
            statement = "SELECT 1 FROM account WHERE debtor_id = %s AND creditor_id = 0"
            wait_until(
                lambda: connection.execute(statement, [debtor_id]).fetchone() is not None,
                10,
                "the debtor has an account",
            )
        self.drain()
        return debtor_id

    def drain(self) -> None:
        """Wait until all work is done, and take what was sent out of the observer's queue."""
        settle(self.authorities)
        self.authority.broker.channel.queue_purge(OBSERVER_QUEUE)

    def new_world(self, accounts_count: int, debtor_id: int | None = None) -> World:
        """A new world, made through messages alone, of any debtor, or of the one with this id."""
        self.say(f"opening {accounts_count:,} accounts, and issuing money to each")
        debtor_id = self.new_debtor(debtor_id)
        self.run(self.opening(debtor_id, accounts_count))
        world = World(debtor_id, accounts_count)
        self.run(self.transfers(world, "issuing", Schedule(accounts_count)))
        return world

    def world(self) -> World:
        """The world that most scenarios share, warmed up."""
        if self._world is None:
            self._world = self.new_world(self.sizes.accounts_count)
            self.say("warming up")
            warm_up = Schedule(self.sizes.warm_up_count)
            self.run(self.transfers(self._world, "uniform", warm_up))
        return self._world


def _least_seconds(schedule: Schedule) -> float:
    by_rate = schedule.count_max / schedule.rate_per_second if schedule.rate_per_second else 0.0
    return max(by_rate, schedule.seconds_max or 0.0)
