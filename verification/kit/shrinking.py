"""Finds the least that still fails."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def shrink(
    items: Sequence[Item], fails: Callable[[list[Item]], bool], tries_count_max: int
) -> tuple[list[Item], int]:
    """The fewest of the items of a run that has failed, and how many tries were made.

    Nothing is tried first, then each half, then all but one, as long as what is left fails. What
    fails only now and then may come out larger than it is.
    """
    left, tries_count = list(items), 0

    def first_failing() -> list[Item] | None:
        nonlocal tries_count
        for part in _parts(left):
            if tries_count >= tries_count_max:
                return None
            tries_count += 1
            if fails(part):
                return part
        return None

    while (smaller := first_failing()) is not None:
        left = smaller
    return left, tries_count


def _parts(items: list[Item]) -> Iterator[list[Item]]:
    if len(items) > 1:
        middle = len(items) // 2
        yield from ([], items[:middle], items[middle:])
    for left_out in items:
        yield [item for item in items if item != left_out]
