"""Plans of runs, the kernel that runs them, and the search for the shortest: without a server."""

from datetime import UTC, datetime
from functools import partial

import pytest

from verification.__main__ import parse_options
from verification.simulation.engine import command, plan_of, shortest
from verification.simulation.faults import KINDS, Fault, Faults
from verification.simulation.kernel import Clock, Kernel, Killed
from verification.simulation.plan import Plan, make_plan

SEED = 3
START = datetime(2030, 1, 1, tzinfo=UTC)


def make_kernel(seed: int = 1) -> Kernel:
    return Kernel(seed, Clock(START))


def test_plan_is_a_function_of_the_seed() -> None:
    assert make_plan(SEED) == make_plan(SEED)
    assert len({str(make_plan(seed)) for seed in range(100)}) == 100


def test_every_fault_and_every_step_comes_some_time() -> None:
    plans = [make_plan(seed) for seed in range(300)]
    assert {fault.kind for plan in plans for fault in plan.faults} == set(KINDS)
    names = {step.name for plan in plans for step in plan.steps}
    assert names == {"transfer", "configure", "lock", "pass_days", "open_guest", "close_guest"}


def test_fault_comes_once_at_the_first_boundary_that_fits() -> None:
    faults = Faults((Fault("db-lost", "inbox", 2),))
    assert faults.due("inbox", "db-before") is None
    assert faults.due("flusher", "db-before") is None
    assert faults.due("inbox", "mq-before") is None
    assert faults.due("inbox", "db-after") == Fault("db-lost", "inbox", 2)
    assert faults.due("inbox", "db-after") is None


def big_plan() -> Plan:
    return next(p for p in map(make_plan, range(100)) if len(p.faults) > 5 and len(p.steps) > 7)


def test_shrinks_to_what_is_needed() -> None:
    plan = big_plan()

    def fails(part: Plan) -> bool:
        return {1, 5} <= set(part.fault_numbers) and 6 in part.step_numbers and part.schedule == 2

    least = shortest(plan, fails)
    assert (least.step_numbers, least.fault_numbers, least.schedule) == ((6,), (1, 5), 2)
    assert least.steps == (plan.steps[6],)


def test_command_repeats_a_plan() -> None:
    plan = big_plan().only([2, 3], [])
    words = command(plan).split()
    assert words[:3] == ["./dev", "verify", "simulation"]
    assert plan_of(parse_options("simulation", words[3:]), plan.seed) == plan


# -- the kernel


def test_actors_run_one_at_a_time_in_the_order_of_the_seed() -> None:
    def history(seed: int) -> list[str]:
        kernel, lines = make_kernel(seed), []

        def work(name: str) -> None:
            for number in range(5):
                kernel.switch()
                lines.append(f"{name}{number}")

        def main() -> None:
            for name in "abc":
                kernel.spawn(name, name, partial(work, name))
            kernel.wait(60.0)

        kernel.run("agents", main)
        return lines

    assert history(1) == history(1)
    assert len({tuple(history(seed)) for seed in range(8)}) > 1


def test_time_passes_only_when_nobody_can_run() -> None:
    kernel = make_kernel()
    moments = []

    def main() -> None:
        kernel.wait(3600.0)
        moments.append(kernel.clock.now)

    kernel.run("agents", main)
    assert (moments[0] - START).total_seconds() == pytest.approx(3600.0, abs=1.0)


def test_killed_actor_does_nothing_any_more() -> None:
    kernel, done = make_kernel(), []

    def victim() -> None:
        try:
            kernel.wait(None)
        finally:
            with pytest.raises(Killed):
                kernel.wait(1.0)
            done.append("unwound")
        done.append("went on")

    def main() -> None:
        kernel.spawn("victim", "victim", victim)
        kernel.wait(1.0)
        kernel.kill("victim")
        kernel.wait(1.0)

    kernel.run("agents", main)
    assert done == ["unwound"]
    assert kernel.failure is None
