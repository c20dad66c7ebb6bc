"""The plans of the rounds of `./dev chaos`, and how a failing one is made smaller."""

from collections.abc import Callable

import pytest

from tests.faults.chaos.faults import ALL, KINDS
from tests.faults.chaos.plan import Kind, Plan, make_plan
from tests.faults.chaos.shrinking import TRIES_COUNT_MAX, shrink

ALL_KINDS = list(KINDS.values())
SEEDS = range(200)


def test_names_are_unique() -> None:
    assert len(KINDS) == len(ALL)


def test_plan_is_a_function_of_the_seed() -> None:
    assert make_plan(7, ALL_KINDS) == make_plan(7, ALL_KINDS)
    assert len({make_plan(seed, ALL_KINDS).steps for seed in SEEDS}) == len(SEEDS)


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


def test_targets_are_all_hit() -> None:
    steps = [step for seed in range(1000) for step in make_plan(seed, ALL_KINDS).steps]
    for kind in ALL_KINDS:
        assert {s.target for s in steps if s.fault == kind.name} == set(kind.targets or [""])


@pytest.mark.parametrize("seed", SEEDS)
def test_steps_are_possible(seed: int) -> None:
    plan = make_plan(seed, ALL_KINDS)
    assert 3 <= len(plan.steps) <= 4
    for step in plan.steps:
        kind = KINDS[step.fault]
        assert kind.seconds[0] <= step.seconds <= kind.seconds[1]
        assert not {s.fault for s in plan.steps}.intersection(kind.apart_from)
        for other in plan.steps:
            if other is not step and other.at <= step.end and step.at <= other.end:
                assert not kind.hold or KINDS[other.fault].hold != kind.hold
                assert not step.target or other.target != step.target


@pytest.mark.parametrize("seed", range(20))
def test_up_to_three_kinds_all_come(seed: int) -> None:
    kinds = ALL_KINDS[seed : seed + 3]
    assert {step.fault for step in make_plan(seed, kinds).steps} == {k.name for k in kinds}


def test_part_of_a_plan_has_the_same_steps() -> None:
    plan = make_plan(3, ALL_KINDS)
    assert plan.only([0, 2]).steps == (plan.steps[0], plan.steps[2])
    assert plan.only([0, 2]).numbers == (0, 2)
    name = plan.steps[1].fault
    assert all(step.fault != name for step in plan.without([name]).steps)


def failing_with(*numbers: int) -> tuple[Callable[[Plan], bool], list[Plan]]:
    """Fails where all these steps are in the plan; and the plans that were tried."""
    tried: list[Plan] = []

    def fails(plan: Plan) -> bool:
        tried.append(plan)
        return set(numbers) <= set(plan.numbers)

    return fails, tried


@pytest.mark.parametrize("numbers", [(2,), (0, 3), (1, 2), (0, 1, 3), (0, 1, 2, 3)])
def test_shrinking_finds_the_fewest_faults(numbers: tuple[int, ...]) -> None:
    plan = next(p for p in (make_plan(s, ALL_KINDS) for s in SEEDS) if len(p.steps) == 4)
    fails, tried = failing_with(*numbers)
    part, tries_count = shrink(plan, fails)
    assert tries_count == len(tried) <= TRIES_COUNT_MAX
    assert set(numbers) <= set(part.numbers)
    if len(numbers) in (1, 3, 4):
        assert part.numbers == numbers


def test_single_fault_is_not_tried_again() -> None:
    plan = make_plan(3, ALL_KINDS).only([1])
    fails, tried = failing_with(1)
    assert shrink(plan, fails) == (plan, 0)
    assert not tried
