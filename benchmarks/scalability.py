"""Gunther's universal scalability law: n do one * n / (1 + sigma (n - 1) + kappa n (n - 1))."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

Point = tuple[float, float]
"""So many workers or cores, and what they do in a second."""
_STEPS: Final = 20
_ROUNDS: Final = 40


@dataclass(frozen=True)
class Law:
    """What was fitted: what one does, how much of the work is serial, what n cost one another."""

    one: float
    sigma: float
    kappa: float
    error: float
    """How far the points lie from it, at most, as a part of each."""

    def at(self, n: float) -> float:
        """What n do."""
        return self.one * _shape(n, self.sigma, self.kappa)


def _shape(n: float, sigma: float, kappa: float) -> float:
    return n / (1 + sigma * (n - 1) + kappa * n * (n - 1))


def fit(points: Sequence[Point]) -> Law:
    """The law that comes nearest, by least squares of the relative errors, with no negative
    number. A grid around the best so far gets finer with each round.
    """
    best, width = (0.0, 0.0), 1.0
    for _ in range(_ROUNDS):
        best = min(_around(best, width), key=lambda law: _squares(points, *law))
        width *= 0.7
    one = _one(points, *best)
    law = Law(one, *best, 0.0)
    return Law(one, *best, max(abs(law.at(n) / x - 1) for n, x in points))


def _around(best: tuple[float, float], width: float) -> Iterator[tuple[float, float]]:
    steps = [width * (step / _STEPS - 0.5) for step in range(_STEPS + 1)]
    yield best
    for sigma in (max(best[0] + step, 0.0) for step in steps):
        yield from ((sigma, max(best[1] + step, 0.0)) for step in steps)


def _one(points: Sequence[Point], sigma: float, kappa: float) -> float:
    """The best `one` for these: it makes the squares of the relative errors least."""
    ratios = [_shape(n, sigma, kappa) / x for n, x in points]
    return fmean(ratios) / fmean(r * r for r in ratios)


def _squares(points: Sequence[Point], sigma: float, kappa: float) -> float:
    one = _one(points, sigma, kappa)
    return sum((one * _shape(n, sigma, kappa) / x - 1) ** 2 for n, x in points)
