"""Finds the least that still fails."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def shrink(
    items: Sequence[Item], fails: Callable[[list[Item]], bool], tries_count_max: int
) -> tuple[list[Item], int]:
    """The fewest of the items of a run that has failed, and how many tries were made.

    Nothing, and each half, are tried as long as one of them fails; then what is left without each
    of its items. What fails only now and then may come out larger than it is.
    """
    left, tries_count = list(items), 0

    def still_fails(part: list[Item]) -> bool:
        nonlocal tries_count
        if tries_count >= tries_count_max:
            return False
        tries_count += 1
        return fails(part)

    while len(left) > 1:
        middle = len(left) // 2
        part = next(filter(still_fails, ([], left[:middle], left[middle:])), None)
        if part is None:
            break
        left = part
    for item in tuple(left):
        if still_fails(part := [other for other in left if other != item]):
            left = part
    return left, tries_count
