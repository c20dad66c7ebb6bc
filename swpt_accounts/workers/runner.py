"""Runs workers in threads, and threads in processes, until a shutdown is requested."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, NoReturn, Protocol

from swpt_accounts.db.errors import UnsuitableDatabase
from swpt_accounts.observability.events.lifecycle import (
    WORKER_DIED,
    WORKER_PROCESS_DIED,
    WORKER_STUCK,
    WORKERS_START,
    WORKERS_STOP,
)
from swpt_accounts.observability.heartbeat import SLICE_SECONDS, beat
from swpt_accounts.observability.metrics import recorder
from swpt_accounts.observability.tracing.setup import flush_spans
from swpt_accounts.observability.worker_names import EXPORTER
from swpt_accounts.workers.shutdown import ShutdownEvent, idle, signals_held_back

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

logger = logging.getLogger(__name__)

# A process must end within 5 seconds of the request.
STOP_SECONDS_MAX = 4.0
_COMPANY_SECONDS_MAX = 0.5
MAIN = "main"
"""The loop of a process that only waits for its end, and shows that the process is not frozen."""


class Worker(Protocol):
    """What a thread does: `run` returns when shutdown is requested, or when its work is done.

    The `name` is what operators know it by.
    """

    @property
    def name(self) -> str: ...

    def run(self) -> None: ...


class Countdown:
    """Calls `at_zero` when `step` has been called so many times."""

    def __init__(self, count: int, at_zero: Callable[[], None]) -> None:
        self._count = count
        self._at_zero = at_zero
        self._lock = threading.Lock()

    def step(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0:
                self._at_zero()


# Makes the workers of one process, each of which gets a thread.
WorkersFactory = Callable[[ShutdownEvent], Sequence[Worker]]

_companions: WorkersFactory | None = None


def run_beside(make_companions: WorkersFactory) -> None:
    """Let `run_workers` run these, too, in the process of the command itself, and stop them with
    it. When one of them dies, or none can be made, the workers go on.
    """
    global _companions
    _companions = make_companions


def run_workers(make_workers: WorkersFactory, *, processes_count: int = 1) -> None:
    """Run workers in so many processes, until a signal to stop, or until all work is done.

    Exits with code 1 if a worker dies. With 0 processes nothing is done, until such a signal.
    """
    shutdown = ShutdownEvent()
    shutdown.on_signals()
    if processes_count > 1:
        _run_processes(make_workers, processes_count, shutdown)
        return
    show_life()
    with _company(shutdown):
        if processes_count == 0:
            idle(shutdown)
        else:
            _run_threads(make_workers, shutdown)


@contextmanager
def _company(shutdown: ShutdownEvent) -> Iterator[None]:
    """Run what is to run beside the workers, until the end of the context."""
    companions: Sequence[Worker] = ()
    try:
        companions = _companions(shutdown) if _companions else ()
    except OSError as error:
        WORKER_DIED.log(logger, error=error, worker=EXPORTER, pid=os.getpid())
    threads = [threading.Thread(target=_accompany, args=(c,), daemon=True) for c in companions]
    with signals_held_back():
        for thread in threads:
            thread.start()
    try:
        yield
    finally:
        shutdown.request()
        end = monotonic() + _COMPANY_SECONDS_MAX
        for thread in threads:
            thread.join(max(end - monotonic(), 0))


def _accompany(companion: Worker) -> None:
    try:
        recorder.begin_loop(companion.name)
        companion.run()
    except Exception as error:
        WORKER_DIED.log(logger, error=error, worker=companion.name, pid=os.getpid())
    finally:
        recorder.end_loop()


def show_life() -> None:
    """Begin to record in this process, and show that it is not frozen."""
    recorder.start()
    recorder.begin_loop(MAIN)
    recorder.report_healthy()


def _run_threads(make_workers: WorkersFactory, shutdown: ShutdownEvent) -> None:
    failures: list[BaseException] = []
    workers = make_workers(shutdown)
    running = Countdown(len(workers), shutdown.request)

    def run(worker: Worker) -> None:
        try:
            recorder.begin_loop(worker.name)
            worker.run()
        except UnsuitableDatabase as error:
            failures.append(error)
            shutdown.request()
        except BaseException as error:
            WORKER_DIED.log(logger, error=error, worker=worker.name, pid=os.getpid())
            failures.append(error)
            shutdown.request()
        finally:
            recorder.end_loop()
            running.step()

    threads = [threading.Thread(target=run, args=(w,), daemon=True) for w in workers]
    command, pid = recorder.command_name(), os.getpid()
    WORKERS_START.log(logger, command=command, pid=pid, threads_count=len(threads))
    # A signal that another thread gets does not wake up this one.
    with signals_held_back():
        for thread in threads:
            thread.start()
    while not shutdown.wait(None):
        pass
    deadline = threading.Timer(STOP_SECONDS_MAX, _give_up)
    deadline.daemon = True
    deadline.start()
    stopped_at = monotonic()
    for thread in threads:
        thread.join()
    deadline.cancel()
    flush_spans(stopped_at + STOP_SECONDS_MAX - monotonic())
    WORKERS_STOP.log(logger, command=command, pid=pid)
    if failures:
        is_said = not isinstance(failures[0], UnsuitableDatabase)
        sys.exit(1 if is_said else f"swpt_accounts: {failures[0]}")


def _give_up() -> NoReturn:
    """End the process at once: what is not committed is undone, and will be done again."""
    WORKER_STUCK.log(logger, command=recorder.command_name(), pid=os.getpid())
    logging.shutdown()
    os._exit(1)


def _run_processes(make_workers: WorkersFactory, count: int, shutdown: ShutdownEvent) -> None:
    # One process needs nothing of it.
    import multiprocessing

    context = multiprocessing.get_context("fork")
    life_line, held_end = os.pipe()

    def run_child() -> None:
        os.close(held_end)
        child_stop = ShutdownEvent()
        threading.Thread(target=_watch_parent, args=(life_line, child_stop), daemon=True).start()
        child_stop.on_signals()
        try:
            show_life()
            _run_threads(make_workers, child_stop)
        finally:
            # multiprocessing ends its processes without it
            logging.shutdown()

    processes = [context.Process(target=run_child, name=f"worker-{i + 1}") for i in range(count)]
    # A child has the handlers of its parent, until it has its own.
    with signals_held_back():
        for process in processes:
            process.start()
    os.close(life_line)
    show_life()
    with _company(shutdown):
        failed = _watch(processes, shutdown)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
    if failed:
        WORKER_PROCESS_DIED.log(logger, command=recorder.command_name(), problem=", ".join(failed))
        sys.exit(1)


def _watch(processes: Sequence["BaseProcess"], shutdown: ShutdownEvent) -> list[str]:
    """Wait for a request to stop, or until a process has failed, or all have ended. Returns which
    have failed.
    """
    from multiprocessing.connection import wait

    # The end of a process shows in its sentinel a moment before its exit code is known. Each code
    # is read once per iteration: one that becomes known between two reads must not escape both.
    failed: list[str] = []
    while not shutdown.is_requested():
        codes = [p.exitcode for p in processes]
        running = [p.sentinel for p, code in zip(processes, codes, strict=True) if code is None]
        failed = [
            f"pid {process.pid}: exit code {code}"
            for process, code in zip(processes, codes, strict=True)
            if code
        ]
        if failed or not running:
            break
        beat()
        wait([*running, shutdown.fileno()], SLICE_SECONDS)
    return failed


def _watch_parent(life_line: int, shutdown: ShutdownEvent) -> None:
    """Stop when the parent is gone: then no process holds the other end of the pipe."""
    os.read(life_line, 1)
    shutdown.request()
