"""Which visits to make."""

import random
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

from verification.crash_points.control import Point
from verification.crash_points.required import Goal, required
from verification.crash_points.visits import Rehearsals, Visit

SceneKey = tuple[str, str]
"""A scenario, and a victim."""

CHAIN_LENGTH_MAX: Final = 6
"""How often a worker dies in one scene, at most."""
TRIES_COUNT_MAX: Final = 5
"""How often a goal is tried, at most."""


def goals(rehearsals: Rehearsals) -> list[Goal]:
    """What the code requires; and each subject, in whatever phase, that comes up at a site."""
    points = {point: None for rehearsal in rehearsals.values() for point in rehearsal.points}
    subjects = (Goal(point.site, subject=point.subject) for point in points)
    return list(dict.fromkeys((*required(), *subjects)))


class ShortPlan:
    """As few scenes as will do to meet all goals: a worker dies several times in each.

    Which goals come together, and in which scene, is decided by chance. A goal that was missed,
    because something else came first, is tried again alone.
    """

    def __init__(self, rehearsals: Rehearsals, seed: int) -> None:
        """Raises `LookupError` if no scene comes by at what is required."""
        self._rehearsals = rehearsals
        self._chance = random.Random(seed)
        self._goals = goals(rehearsals)
        self._points = {goal: self._find_points(goal) for goal in self._goals}
        if nowhere := [goal for goal, scenes in self._points.items() if not scenes]:
            raise LookupError(f"no scene comes by at these: {nowhere}")
        self._chance.shuffle(self._goals)
        self._tries: Counter[tuple[Goal, SceneKey]] = Counter()

    def _find_points(self, goal: Goal) -> dict[SceneKey, list[Point]]:
        """Where a goal can be met: the scenes, and the points in each of them."""
        found = {
            scene: list(filter(goal.is_met_by, rehearsal.points))
            for scene, rehearsal in self._rehearsals.items()
        }
        return {scene: points for scene, points in found.items() if points}

    @property
    def unmet(self) -> list[Goal]:
        return list(self._goals)

    def note(self, deaths: Collection[Point]) -> None:
        """Note where a worker has died: those goals are met."""
        self._goals = [g for g in self._goals if not any(map(g.is_met_by, deaths))]

    def visits(self) -> Iterator[Visit]:
        """The next scene, until all goals are met, or were tried often. Call `note` after each."""
        while goal := next((g for g in self._goals if self._tried(g) < TRIES_COUNT_MAX), None):
            scene = self._choose_scene(goal)
            chain: dict[Point, None] = {}
            for other in [goal] if self._tried(goal) else [goal, *self._goals]:
                if points := self._points[other].get(scene):
                    self._tries[other, scene] += 1
                    chain[self._chance.choice(points)] = None
                if len(chain) == CHAIN_LENGTH_MAX:
                    break
            places = list(self._rehearsals[scene].points)
            points = sorted(chain, key=places.index)
            yield Visit(*scene, tuple((point, 1) for point in points))

    def _tried(self, goal: Goal) -> int:
        return sum(self._tries[goal, scene] for scene in self._points[goal])

    def _choose_scene(self, goal: Goal) -> SceneKey:
        """One of the shorter ones, in which it was not missed before."""
        costs = {
            scene: (
                self._tries[goal, scene],
                self._rehearsals[scene].seconds * self._chance.uniform(1, 2),
            )
            for scene in self._points[goal]
        }
        return min(costs, key=costs.__getitem__)
