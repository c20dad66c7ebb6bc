"""A round: load, faults by a plan, and then the question whether everything is right."""

import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock, Thread

from verification.chaos import faults
from verification.chaos.agents import ChaosLoad
from verification.chaos.place import Place
from verification.chaos.plan import Plan, Step

_AFTER_COUNT = 10
_DRAIN_SECONDS_MAX = 45.0
# What a fault may need beyond its time: to start a server on a busy machine.
_OVERTIME_SECONDS_MAX = 120.0


@dataclass
class Result:
    """What became of a round."""

    plan: Plan
    problems: list[str] = field(default_factory=list)
    transfers_count: int = 0
    repeated_count: int = 0
    late_count: int = 0
    lost_answers_count: int = 0
    seconds: float = 0.0
    drain_seconds: float = 0.0
    """From the end of the last fault until the last message had come."""
    silence_seconds: float = 0.0
    """The longest time in which no transfer was prepared or finalized."""

    def __str__(self) -> str:
        return (
            f"{'FAILED' if self.problems else 'ok'}, {self.transfers_count} transfers,"
            f" {self.seconds:.1f} s ({self.drain_seconds:.1f} s after the faults): {self.plan}"
        )


class _Faults:
    """The steps of a plan, each in a thread of its own."""

    def __init__(self, place: Place, plan: Plan) -> None:
        self.problems: list[str] = []
        self._place = place
        self._started_at = time.monotonic()
        self._holds = {faults.KINDS[step.fault].hold: Lock() for step in plan.steps}
        self._threads = [
            Thread(target=self._run, args=(step,), name=str(step), daemon=True)
            for step in plan.steps
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, step: Step) -> None:
        try:
            self._place.wait(self._started_at + step.at - time.monotonic())
            if not self._place.is_over.is_set():
                self._begin(step)
        except Exception:
            self.problems.append(f"step {step}: {traceback.format_exc()}")

    def _begin(self, step: Step) -> None:
        """On a busy machine, what the plan has one after the other may meet."""
        hold = faults.KINDS[step.fault].hold
        if hold:
            with self._holds[hold]:
                faults.run(self._place, step)
        else:
            faults.run(self._place, step)

    def running(self) -> list[str]:
        return [thread.name for thread in self._threads if thread.is_alive()]


def run_round(place: Place, plan: Plan) -> Result:
    """Run a round on a place where all is well."""
    result = Result(plan)
    before = place.sizes()
    started_at = time.monotonic()
    try:
        _run(place, plan, result)
    except Exception:
        result.problems.append(traceback.format_exc())
    finally:
        place.load = None
    try:
        result.problems += place.check(before)
    except Exception:
        result.problems.append(traceback.format_exc())
    result.seconds = time.monotonic() - started_at
    return result


def _overtime(plan: Plan) -> float:
    """Those with the same hold come one after the other."""
    holds = Counter(faults.KINDS[step.fault].hold for step in plan.steps)
    del holds[""]
    return _OVERTIME_SECONDS_MAX * max(holds.values(), default=1)


def _run(place: Place, plan: Plan, result: Result) -> None:
    load = place.load = ChaosLoad(place.authority, plan.seed)
    lost_count = place.database_link.lost_answers_count
    running = _Faults(place, plan)
    end = time.monotonic() + max((s.end for s in plan.steps), default=0.0) + _overtime(plan)
    while names := running.running():
        load.pump()
        assert time.monotonic() < end, f"these faults do not end: {names}"
    result.problems += running.problems
    healed_at = time.monotonic()
    place.authority.check_alive()
    load.seconds_max = max(
        (faults.KINDS[step.fault].drain_seconds_max for step in plan.steps),
        default=_DRAIN_SECONDS_MAX,
    )
    try:
        load.run_for(_AFTER_COUNT)
        load.finish()
    finally:
        result.drain_seconds = time.monotonic() - healed_at
        result.silence_seconds = load.longest_silence()
        result.transfers_count = len(load.transfers)
        result.repeated_count = len(load.repeated)
        result.late_count = len(load.late)
        result.lost_answers_count = place.database_link.lost_answers_count - lost_count
    _check(load, plan)


def _check(load: ChaosLoad, plan: Plan) -> None:
    load.check()
    names = Counter(step.fault for step in plan.steps)
    if "clock" not in names:
        load.check_deadlines()
    if all(faults.KINDS[name].keeps_order for name in names):
        load.check_order()
