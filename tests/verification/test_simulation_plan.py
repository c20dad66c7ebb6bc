"""Plans of runs, and the search for the shortest: without a server."""

from verification.__main__ import parse_options
from verification.simulation.engine import command, plan_of, shortest
from verification.simulation.faults import KINDS
from verification.simulation.plan import Plan, make_plan


def test_every_fault_and_every_step_comes_some_time() -> None:
    plans = [make_plan(seed) for seed in range(300)]
    assert {fault.kind for plan in plans for fault in plan.faults} == set(KINDS)
    names = {step.name for plan in plans for step in plan.steps}
    assert names == {"transfer", "configure", "lock", "pass_days", "open_guest", "close_guest"}


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
