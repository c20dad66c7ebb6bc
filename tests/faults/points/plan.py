"""Which visits to make."""

import random
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from tests.faults.points.control import Point
from tests.faults.points.visits import Rehearsals, Visit

NUMBERS_COUNT_MAX: Final = 3
"""How often a worker comes by at a point in one scene, at most, for each time to be tried."""
CHAIN_LENGTH_MAX: Final = 6
"""How often a worker dies in one scene, at most."""


def every_visit(rehearsals: Rehearsals) -> Iterator[Visit]:
    """One crash in each scene: of each worker, at each point, each time that it comes by there."""
    for (scenario, victim), rehearsal in rehearsals.items():
        for point, count in rehearsal.points.items():
            for number in range(1, min(count, NUMBERS_COUNT_MAX) + 1):
                yield Visit(scenario, victim, ((point, number),))


def double_visits(rehearsals: Rehearsals, seed: int) -> Iterator[Visit]:
    """Two crashes in a row: at each point, and when it runs again, at any other, or the same."""
    chance = random.Random(seed)
    for (scenario, victim), rehearsal in rehearsals.items():
        points = list(rehearsal.points)
        for point in points:
            yield Visit(scenario, victim, ((point, 1), (chance.choice(points), 1)))


@dataclass(frozen=True, slots=True)
class Goal:
    """Somebody is to die at a site: in a phase, or about a subject. What is None is any."""

    site: str
    phase: str | None = None
    subject: str | None = None

    def is_met_by(self, point: Point) -> bool:
        return (
            point.site == self.site
            and self.phase in (None, point.phase)
            and self.subject in (None, point.subject)
        )


def goals(rehearsals: Rehearsals) -> list[Goal]:
    """Each phase of each site; and each subject of each site, in whatever phase."""
    points = {point: None for rehearsal in rehearsals.values() for point in rehearsal.points}
    phases = (Goal(point.site, phase=point.phase) for point in points)
    subjects = (Goal(point.site, subject=point.subject) for point in points)
    return list(dict.fromkeys((*phases, *subjects)))


class ShortPlan:
    """As few scenes as will do to meet all goals: a worker dies several times in each.

    Which goals come together, and in which scene, is decided by chance.
    """

    def __init__(self, rehearsals: Rehearsals, seed: int) -> None:
        self._rehearsals = rehearsals
        self._chance = random.Random(seed)
        self._goals = goals(rehearsals)
        self._chance.shuffle(self._goals)
        self._tries: Counter[Goal] = Counter()
        self._first_places = {
            key: _first_places(list(rehearsal.points)) for key, rehearsal in rehearsals.items()
        }

    def note(self, deaths: Collection[Point]) -> None:
        """Note where workers have died: those goals are met."""
        self._goals = [g for g in self._goals if not any(map(g.is_met_by, deaths))]

    def visits(self, tries_count_max: int = 3) -> Iterator[Visit]:
        """The next scene, until all goals are met, or were tried so often. Call `note` after each.
        """
        while goal := next((g for g in self._goals if self._tries[g] < tries_count_max), None):
            scenario, victim = self._choose_scene(goal)
            chain: dict[Point, None] = {}
            for other in (goal, *self._goals):
                if len(chain) == CHAIN_LENGTH_MAX:
                    break
                if point := self._choose_point(other, (scenario, victim)):
                    self._tries[other] += 1
                    chain[point] = None
            places = self._first_places[scenario, victim]
            points = sorted(chain, key=places.__getitem__)
            yield Visit(scenario, victim, tuple((point, 1) for point in points))

    @property
    def unmet(self) -> list[Goal]:
        return list(self._goals)

    def _choose_scene(self, goal: Goal) -> tuple[str, str]:
        """One of the shorter ones, where more is left to do."""
        found = {
            key: rehearsal.seconds * self._chance.uniform(1, 2)
            for key, rehearsal in self._rehearsals.items()
            if any(map(goal.is_met_by, rehearsal.points))
        }
        return min(found, key=found.__getitem__)

    def _choose_point(self, goal: Goal, scene: tuple[str, str]) -> Point | None:
        found = list(filter(goal.is_met_by, self._first_places[scene]))
        return self._chance.choice(found) if found else None


def _first_places(points: list[Point]) -> dict[Point, int]:
    return {point: place for place, point in enumerate(points)}
