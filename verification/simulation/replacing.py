"""What of the program, and of the agents, is replaced in a run: time, chance, servers, threads."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

import pika

import agentkit.load
import agentkit.messages
import agentkit.waiting
import swpt_accounts.broker.consumer
import swpt_accounts.db.connection
import swpt_accounts.db.outage_reporter
import swpt_accounts.inbox.drain
import swpt_accounts.inbox.worker
import swpt_accounts.scans.chores_poster
import swpt_accounts.scans.pass_schedule
import swpt_accounts.workers.database_worker
import verification.chaos.agents
from swpt_accounts.db.connection import InstrumentedConnection
from swpt_accounts.stages.standby import Standby
from verification.simulation.broker import SimBroker
from verification.simulation.consuming import SimBlockingConnection
from verification.simulation.database import SimDatabase, SimDatabaseConnection
from verification.simulation.kernel import Actor
from verification.simulation.plan import CREDITORS_COUNT
from verification.simulation.publishing import SimSelectConnection
from verification.simulation.world import World

# The rooms whose modules may ask `time` for the time.
_TIMED: Final = tuple(
    f"swpt_accounts.{room}."
    for room in ("broker", "inbox", "outbox", "peers", "scans", "stages", "workers")
)


class _NoShutdownWatch:
    """The waits of a simulated connection look for the stop themselves."""

    def __init__(self, *_: object) -> None:
        pass

    def end(self) -> None:
        pass


class _SimThread:
    """Stands for `threading.Thread`: one more actor of the process."""

    def __init__(
        self, world: World, *, target: Callable[[], None], name: str, daemon: bool
    ) -> None:
        self._world, self._target, self._name = world, target, name
        self._actor: Actor | None = None

    def start(self) -> None:
        process = self._world.process()
        assert process is not None
        self._actor = self._world.kernel.spawn(
            f"{process.name}.{self._name}", process.name, self._target
        )

    def is_alive(self) -> bool:
        return self._actor is not None and not self._actor.is_finished

    def join(self, seconds_max: float) -> None:
        self._world.kernel.wait(seconds_max, lambda: not self.is_alive())


class _SimCondition:
    """Stands for `threading.Condition`, where one runs at a time anyway."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_: object) -> None:
        pass

    def notify_all(self) -> None:
        pass

    def wait_for(self, predicate: Callable[[], Any], seconds_max: float | None = None) -> Any:
        if not predicate():
            self._world.kernel.wait(seconds_max, lambda: bool(predicate()))
        return predicate()


def _lead(standby: Standby, _connection: object) -> bool:
    standby.leads = True
    return True


def _replaced(world: World, broker: SimBroker, database: SimDatabase) -> Iterator[Any]:
    """The patches of a run."""
    random = Random(world.random.getrandbits(64))
    sim_time = SimpleNamespace(
        monotonic=world.monotonic, sleep=world.sleep, time=lambda: world.clock.now.timestamp()
    )
    for name, module in sorted(sys.modules.items()):
        if (
            name.startswith("swpt_accounts.")
            and getattr(module, "monotonic", None) is time.monotonic
        ):
            yield mock.patch.object(module, "monotonic", world.monotonic)
    used = [m for name, m in sorted(sys.modules.items()) if name.startswith(_TIMED)]
    for module in (
        *(module for module in used if getattr(module, "time", None) is time),
        agentkit.waiting,
        verification.chaos.agents,
    ):
        yield mock.patch.object(module, "time", sim_time)
    yield mock.patch.object(swpt_accounts.db.outage_reporter, "random", random)
    yield mock.patch.object(swpt_accounts.scans.pass_schedule, "randrange", random.randrange)
    yield mock.patch.object(InstrumentedConnection, "connect", database.connect)
    yield mock.patch.object(
        swpt_accounts.db.connection, "DatabaseConnection", SimDatabaseConnection
    )
    yield mock.patch.object(swpt_accounts.inbox.worker, "LOCK_TIMEOUT", "1ms")
    # Workers of a stage that all work meet far more often.
    yield mock.patch.object(Standby, "is_needed", _lead)
    yield mock.patch.object(
        pika, "BlockingConnection", partial(SimBlockingConnection, world, broker)
    )
    yield mock.patch.object(pika, "SelectConnection", partial(SimSelectConnection, world, broker))
    yield mock.patch.object(swpt_accounts.broker.consumer, "ShutdownWatch", _NoShutdownWatch)
    posting = swpt_accounts.scans.chores_poster
    yield mock.patch.object(posting, "Thread", partial(_SimThread, world))
    yield mock.patch.object(posting, "Condition", partial(_SimCondition, world))
    messages = agentkit.messages
    yield mock.patch.object(messages, "now_text", world.clock.text)
    yield mock.patch.object(messages, "_seqnums", count(1))
    yield mock.patch.object(messages, "_request_ids", count(1))
    yield mock.patch.object(agentkit.load, "_debtor_ids", count(2**41 + 1))
    yield mock.patch.object(verification.chaos.agents, "CREDITORS_COUNT", CREDITORS_COUNT)


@contextmanager
def replaced(world: World, broker: SimBroker, database: SimDatabase) -> Iterator[None]:
    """Within it, the program lives in a world."""
    patches = list(_replaced(world, broker, database))
    started = []
    try:
        for patch in patches:
            patch.start()
            started.append(patch)
        yield
    finally:
        for patch in reversed(started):
            patch.stop()
