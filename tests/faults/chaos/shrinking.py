"""Finds the fewest faults that still make a round fail."""

from collections.abc import Callable

from tests.faults.chaos.plan import Plan

TRIES_COUNT_MAX = 8


def shrink(plan: Plan, fails: Callable[[Plan], bool]) -> tuple[Plan, int]:
    """The smallest part of a plan that was seen to fail again, and how many tries were made.

    Each fault is tried alone, and then the plan without each of its faults, and so on. What fails
    only now and then may come out larger than it is: there are few tries.
    """
    tries_count = 0

    def still_fails(part: Plan) -> bool:
        nonlocal tries_count
        if tries_count >= TRIES_COUNT_MAX:
            return False
        tries_count += 1
        return fails(part)

    if len(plan.steps) > 1:
        for number in plan.numbers:
            if still_fails(single := plan.only([number])):
                return single, tries_count
    while len(plan.steps) > 2:
        parts = [plan.only([n for n in plan.numbers if n != number]) for number in plan.numbers]
        smaller = next(filter(still_fails, parts), None)
        if smaller is None:
            break
        plan = smaller
    return plan, tries_count
