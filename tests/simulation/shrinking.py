"""Finds the shortest history that still fails."""

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.plan import Plan

TRIES_COUNT_MAX = 150
# Where less happens, others run first: the fault may need another schedule then.
_SCHEDULES_COUNT = 3


def shrink(plan: Plan, fails: Callable[[Plan], bool]) -> tuple[Plan, int]:
    """The smallest part of a failing plan that was found, and how many runs that took.

    Faults and steps are left out, half of them first, then one by one, as long as what is left
    fails, by this schedule or by another one.
    """
    tries_count = 0

    def failing(part: Plan) -> Plan | None:
        nonlocal tries_count
        for schedule in range(plan.schedule, plan.schedule + _SCHEDULES_COUNT):
            if tries_count >= TRIES_COUNT_MAX:
                return None
            tries_count += 1
            candidate = replace(part, schedule=schedule)
            if fails(candidate):
                return candidate
        return None

    while smaller := _smaller(plan, failing):
        plan = smaller
    return plan, tries_count


def _smaller(plan: Plan, failing: Callable[[Plan], Plan | None]) -> Plan | None:
    """The first of the smaller parts that fails."""
    for faults in _parts(plan.fault_numbers):
        if part := failing(plan.only(None, faults)):
            return part
    for steps in _parts(plan.step_numbers):
        if part := failing(plan.only(steps, None)):
            return part
    return None


def _parts(numbers: tuple[int, ...]) -> list[list[int]]:
    """What is left without many of the numbers, then without single ones."""
    if not numbers:
        return []
    middle = len(numbers) // 2
    halves = [[], list(numbers[:middle]), list(numbers[middle:])] if len(numbers) > 1 else []
    singles = [[n for n in numbers if n != left_out] for left_out in numbers]
    return [*halves, *singles]
