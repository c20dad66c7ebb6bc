"""The plans of the rounds of the chaos engine."""

from verification.chaos.faults import KINDS
from verification.chaos.plan import Kind, Plan, make_plan

ALL_KINDS = list(KINDS.values())
SEEDS = range(200)


def test_plan_of_a_seed_stays_what_it_is() -> None:
    """Else the seeds of old failures would mean nothing."""
    kinds = [Kind("a", "", (1.0, 2.0), ("x", "y")), Kind("b", "", (0.0, 1.0))]
    assert str(make_plan(1, kinds)) == (
        "0: a y at 0.4 for 1.5 s; 1: b at 1.0 for 0.1 s; 2: b at 2.8 for 0.6 s"
    )


def test_every_fault_comes_alone_and_in_pairs() -> None:
    plans = [make_plan(seed, ALL_KINDS) for seed in SEEDS]
    alone: set[str] = set()
    paired: set[str] = set()
    for plan in plans:
        for step in plan.steps:
            others = [other for other in plan.steps if other is not step]
            meets = any(other.at <= step.end and step.at <= other.end for other in others)
            (paired if meets else alone).add(step.fault)
    assert alone == paired == set(KINDS)


def test_steps_are_possible() -> None:
    for seed in SEEDS:
        check_steps(make_plan(seed, ALL_KINDS))


def check_steps(plan: Plan) -> None:
    assert 3 <= len(plan.steps) <= 4
    for step in plan.steps:
        kind = KINDS[step.fault]
        assert kind.seconds[0] <= step.seconds <= kind.seconds[1]
        assert not {s.fault for s in plan.steps}.intersection(kind.apart_from)
        for other in plan.steps:
            if other is not step and other.at <= step.end and step.at <= other.end:
                assert not kind.hold or KINDS[other.fault].hold != kind.hold
                assert not step.target or other.target != step.target
