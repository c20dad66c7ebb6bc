"""One run: a world, the program in it, and what must be true in the end."""

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import psycopg

from agentkit.database import dsn_of
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.installer import procedures_schema
from swpt_accounts.inbox.worker import InboxWorker
from swpt_accounts.outbox.worker import FlushWorker
from swpt_accounts.scans.accounts import AccountsScan, PromptUpdatesWorker
from swpt_accounts.scans.chores_worker import ChoresWorker
from swpt_accounts.scans.transfers import PreparedTransfersScan
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.smp.outgoing import SIGNALS
from swpt_accounts.stages.worker import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
    Stage,
    StageWorker,
)
from swpt_accounts.workers.runner import Worker
from swpt_accounts.workers.shutdown import ShutdownEvent
from verification.kit.params import settings_with
from verification.kit.shard import Shard
from verification.kit.wire import read_struct
from verification.model.comparing import compare_messages, compare_states
from verification.model.state import Message, Params
from verification.simulation.agents import SimAuthority
from verification.simulation.broker import SimBroker
from verification.simulation.database import SimDatabase
from verification.simulation.load import SimLoad
from verification.simulation.plan import Plan, Shape
from verification.simulation.replacing import replaced
from verification.simulation.sessions import Sessions, empty_database, prepare_database
from verification.simulation.shadow import ModelShadow
from verification.simulation.world import Process, World

START = datetime(2030, 5, 20, 12, tzinfo=UTC)
PARAMS = Params(
    commit_period=timedelta(days=30),
    message_max_delay=timedelta(days=1),
    extreme_delay=timedelta(days=1),
    heartbeat=timedelta(days=1),
    reminder=timedelta(days=1),
    min_capitalization_interval=timedelta(days=1),
    min_deletion_attempt_interval=timedelta(hours=1),
)
_SCAN_SECONDS = 2.0
_HOUR = 3600.0
_DAY = 24 * _HOUR


@dataclass
class Result:
    """What became of a run."""

    plan: Plan
    problem: str | None = None
    digest: str = ""
    trace: list[str] = field(default_factory=list)
    steps_count: int = 0
    switches_count: int = 0
    transfers_count: int = 0
    repeated_count: int = 0
    faults: list[str] = field(default_factory=list)
    virtual_seconds: float = 0.0
    seconds: float = 0.0


class Place:
    """A database for one run after the other."""

    def __init__(self, url: str, workers_url: str) -> None:
        """A migrated database, which nobody else uses: for its owner, and for the workers."""
        self._workers_url = workers_url
        self._sessions = Sessions()
        # also in the runs, in which others stand for the functions of psycopg
        self._connection = psycopg.Connection.connect(dsn_of(url), autocommit=True)
        prepare_database(self._connection, procedures_schema())
        self._locker = psycopg.Connection.connect(dsn_of(url), autocommit=True)
        dead = psycopg.Connection.connect(dsn_of(url))
        self._dead_pgconn = dead.pgconn
        dead.close()

    def close(self) -> None:
        self._sessions.close()
        self._locker.close()
        self._connection.close()

    def run(self, plan: Plan) -> Result:
        """Make a run. What goes wrong is in the result."""
        started_at = time.perf_counter()
        result = Result(plan)
        empty_database(self._connection)
        world = World(1000 * plan.seed + plan.schedule, plan.faults, START)
        logging.disable(logging.CRITICAL)
        try:
            self._run(world, plan, result)
        except Exception:
            result.problem = traceback.format_exc()
        finally:
            logging.disable(logging.NOTSET)
            self._locker.rollback()
        kernel = world.kernel
        result.digest, result.trace = kernel.trace.hexdigest(), kernel.trace.lines
        result.steps_count, result.switches_count = kernel.steps_count, kernel.switches_count
        result.faults = world.faults.happened
        result.virtual_seconds = world.clock.monotonic - 1000
        result.seconds = time.perf_counter() - started_at
        return result

    def _run(self, world: World, plan: Plan, result: Result) -> None:
        settings = _settings(self._workers_url, plan.shape)
        shadow = ModelShadow(self._connection, PARAMS, START)
        broker = SimBroker(world.monotonic)
        database = SimDatabase(world, self._sessions, shadow, self._dead_pgconn)
        try:
            with replaced(world, broker, database):
                for name, make_workers in _processes(settings, plan.shape).items():
                    world.processes[name] = process = Process(world, name, make_workers)
                    process.start()
                authority = SimAuthority(world, broker, self._connection)
                play = partial(self._play, world, authority, plan, shadow, settings, result)
                world.kernel.run("agents", play)
        finally:
            database.close()

    def _play(
        self,
        world: World,
        authority: SimAuthority,
        plan: Plan,
        shadow: ModelShadow,
        settings: Settings,
        result: Result,
    ) -> None:
        load = SimLoad(authority, plan)
        load.mishaps.doubled_share = 0.3 if plan.shape.is_doubling else 0.0
        for step in plan.steps:
            load.do(step)
            self._lock_accounts(world, load)
        load.mishaps.doubled_share = 0.0
        load.release()
        load.finish()
        result.transfers_count = len(load.transfers)
        result.repeated_count = len(load.repeated)
        load.check()
        load.check_deadlines()
        if plan.shape.keeps_order:
            load.check_order()
        self._compare(shadow, load, settings)

    def _lock_accounts(self, world: World, load: SimLoad) -> None:
        """Another session locks accounts for a while."""
        while load.locks:
            creditor_id, seconds = load.locks.pop()
            self._locker.rollback()
            self._locker.autocommit = False
            self._locker.execute(
                "SELECT FROM account WHERE debtor_id = %s AND creditor_id = %s"
                " FOR UPDATE SKIP LOCKED",
                [load.debtor_id, creditor_id],
            )
            world.kernel.spawn("locker", "locker", self._locker.rollback, seconds)

    def _compare(self, shadow: ModelShadow, load: SimLoad, settings: Settings) -> None:
        """Compare with the model what is remembered, and what was sent."""
        raw = psycopg.Connection(self._connection.pgconn)
        raw._autocommit = True
        raw._pool = None
        compare_states(shadow.node, Shard(DatabaseConnection(raw), settings))
        sent = {m.body: m for m in load.messages}
        found = [_parse(m.type, m.body) for m in sent.values()]
        compare_messages(_ordered(shadow.node.take_messages()), _ordered(found))


def _parse(message_type: str | None, body: bytes) -> Message:
    signal = next(s for s in SIGNALS.values() if s.__name__ == message_type)
    return read_struct(msgspec.json.decode(body, type=signal))


def _ordered(messages: list[Message]) -> list[Message]:
    """In an order that is the same for equal messages; interest is not quite equal."""

    def order(message: Message) -> list[str]:
        return [repr(value) for name, value in sorted(message.items()) if name != "interest"]

    return sorted(messages, key=order)


def _settings(url: str, shape: Shape) -> Settings:
    settings = load_settings(
        {
            "SQLALCHEMY_DATABASE_URI": url,
            "PROTOCOL_BROKER_PREFETCH_COUNT": str(shape.prefetch_count),
            "CHORES_BROKER_PREFETCH_COUNT": str(shape.prefetch_count),
        }
    )
    bursts = {
        name: shape.burst_count
        for name in settings.__struct_fields__
        if name.endswith("_burst_count")
    }
    changed = msgspec.structs.replace(
        settings,
        **bursts,
        app_accounts_scan_hours=_SCAN_SECONDS / _HOUR,
        app_prepared_transfers_scan_days=_SCAN_SECONDS / _DAY,
    )
    return settings_with(changed, PARAMS)


def _processes(
    settings: Settings, shape: Shape
) -> dict[str, Callable[[ShutdownEvent], Sequence[Worker]]]:
    def stage(which: Stage) -> Callable[[ShutdownEvent], Sequence[Worker]]:
        return lambda shutdown: [
            StageWorker(settings, shutdown, which) for _ in range(shape.threads)
        ]

    processes: dict[str, Callable[[ShutdownEvent], Sequence[Worker]]] = {
        "inbox": lambda shutdown: [InboxWorker(settings, shutdown)],
        "preparing": stage(TRANSFER_REQUESTS),
        "finalizing": stage(FINALIZATION_REQUESTS),
        "changing": stage(BALANCE_CHANGES),
        "flusher": lambda shutdown: [FlushWorker(settings, shutdown, tuple(SIGNALS))],
    }
    if shape.inboxes > 1:
        processes["inbox2"] = processes["inbox"]
    if shape.flushers > 1:
        processes["flusher2"] = processes["flusher"]
    if shape.has_scans:
        processes["chores"] = lambda shutdown: [ChoresWorker(settings, shutdown)]
        processes["scan"] = lambda shutdown: [
            AccountsScan(settings, shutdown),
            PromptUpdatesWorker(settings, shutdown),
        ]
        processes["reminding"] = lambda shutdown: [PreparedTransfersScan(settings, shutdown)]
    return processes
