"""Plays scenes, and lets a worker die in each of them, at every point in turn."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from verification.crash_points.control import Crossing, Point
from verification.crash_points.place import Place
from verification.crash_points.scenarios import SCENARIOS, Scenario
from verification.crash_points.scene import Scene


@dataclass(frozen=True, slots=True, order=True)
class Visit:
    """A scene in which a worker dies: when it comes by at a point for the n-th time; then, when it
    runs again, at the next one.
    """

    scenario: str
    victim: str
    points: tuple[tuple[Point, int], ...]

    def __str__(self) -> str:
        points = "; then ".join(f"{point}, time {number}" for point, number in self.points)
        return f"{self.scenario}: {self.victim} dies at {points}"


Rehearsals = dict[tuple[str, str], "Rehearsal"]
"""By the names of the scenario and of the victim."""


@dataclass
class Rehearsal:
    """What a scene is like when nobody dies."""

    outcome: dict[str, Any]
    crossings: list[Crossing]
    """Where the victim comes by."""
    seconds: float

    @cached_property
    def points(self) -> Counter[Point]:
        """How often the victim comes by at each point."""
        return Counter(point for crossing in self.crossings for point in crossing.points)


@dataclass(frozen=True, slots=True)
class Death:
    """A worker has died at a point."""

    victim: str
    point: Point


@dataclass
class Visits:
    """What was visited, and what was wrong."""

    place: Place
    rehearsals: Rehearsals = field(default_factory=dict)
    deaths: Counter[Death] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    scenes_count: int = 0
    deaths_count: int = 0

    def rehearse(self, name: str) -> None:
        """Play a scenario without a crash: once, or with each victim, if it is about that one."""
        scenario = SCENARIOS[name]
        groups = [(v,) for v in scenario.victims] if scenario.is_of_victim else [scenario.victims]
        for victims in groups:
            for victim in victims:
                self.place.record(victim)
            started_at = time.monotonic()
            outcome = play(self.place, scenario, victims[0])
            seconds = time.monotonic() - started_at
            self.place.disarm()
            for victim in victims:
                crossings = self.place.recorded(victim)
                self.rehearsals[name, victim] = Rehearsal(outcome, crossings, seconds)

    def visit(self, visit: Visit) -> set[Point]:
        """Play a scene in which the worker dies at all the points, one after the other. Returns
        where it has died.

        Raises `AssertionError` if the scene does not come to its end.
        """
        expected = self.rehearsals[visit.scenario, visit.victim].outcome
        self.place.arm(visit.victim, visit.points)
        self.scenes_count += 1
        try:
            outcome = play(self.place, SCENARIOS[visit.scenario], visit.victim)
        except Exception as error:
            raise AssertionError(f"{visit}: {error}") from error
        finally:
            self.place.disarm()
        deaths = self.place.deaths
        self.deaths_count += len(deaths)
        points = {point for death in deaths for point in death.points}
        self.deaths.update(Death(visit.victim, point) for point in points)
        for difference in compare(expected, outcome):
            self.problems.append(f"{visit}: {difference}")
        return points


def play(place: Place, scenario: Scenario, victim: str) -> dict[str, Any]:
    """Play a scenario. Returns what came of it."""
    scene = Scene(place, victim)
    scenario.play(scene)
    scene.settle()
    return scene.outcome()


def compare(expected: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    """Says where two outcomes are different."""
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            yield f"{name}: expected {expected.get(name)}, came {found.get(name)}"
