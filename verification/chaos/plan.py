"""Which faults come when, and whom they hit: a pure function of the seed."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

# Faults come alone and in pairs.
_SIZES = ((1, 2), (2, 1), (2, 2))
_BEGIN_SECONDS = (0.2, 1.0)
_PAUSE_SECONDS = (0.2, 1.0)
# The second of a pair begins while the first is under way.
_PAIR_SHARE = 0.5


@dataclass(frozen=True)
class Kind:
    """What the plan has to know of a fault.

    `seconds` are the least and the most that it lasts. Of those with the same `hold` only one
    is under way at a time. What is `apart_from` others has no place in a round with one of them.
    """

    name: str
    what: str
    seconds: tuple[float, float]
    targets: tuple[str, ...] = ()
    hold: str = ""
    apart_from: tuple[str, ...] = ()
    keeps_order: bool = False
    """Whether what one consumer is given keeps its order all the same."""
    drain_seconds_max: float = 45.0
    """How long after the end of the round's faults the last message may be on its way."""


@dataclass(frozen=True)
class Step:
    """A fault that begins so many seconds after the load."""

    number: int
    fault: str
    target: str
    at: float
    seconds: float
    seed: int

    @property
    def end(self) -> float:
        return self.at + self.seconds

    def __str__(self) -> str:
        target = f" {self.target}" if self.target else ""
        return f"{self.number}: {self.fault}{target} at {self.at:.1f} for {self.seconds:.1f} s"


@dataclass(frozen=True)
class Plan:
    """The steps of a round, by their beginnings."""

    seed: int
    steps: tuple[Step, ...]

    def only(self, numbers: Sequence[int]) -> "Plan":
        """The same round with some of its steps."""
        return Plan(self.seed, tuple(step for step in self.steps if step.number in numbers))

    def without(self, names: Collection[str]) -> "Plan":
        """The same round without some faults."""
        return self.only([step.number for step in self.steps if step.fault not in names])

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(step.number for step in self.steps)

    def __str__(self) -> str:
        return "; ".join(map(str, self.steps)) or "no fault"


def make_plan(seed: int, kinds: Sequence[Kind]) -> Plan:
    """The plan of a round. Of up to three kinds each comes at least once."""
    chooser = random.Random(seed)
    deck = _deal(chooser, kinds)
    steps: list[Step] = []
    at = chooser.uniform(*_BEGIN_SECONDS)
    sizes = [sizes for sizes in _SIZES if sum(sizes) >= min(len(kinds), 3)]
    for size in chooser.choice(sizes):
        taken = {step.fault for step in steps}
        group = [_take(deck, [], taken, chooser, kinds)]
        if size == 2:
            group.append(_take(deck, group, taken | {group[0].name}, chooser, kinds))
        first = _step(len(steps), group[0], at, "", chooser)
        steps.append(first)
        for kind in group[1:]:
            begin = at + chooser.uniform(0, _PAIR_SHARE) * first.seconds
            steps.append(_step(len(steps), kind, begin, first.target, chooser))
        at = max(step.end for step in steps) + chooser.uniform(*_PAUSE_SECONDS)
    return Plan(seed, tuple(steps))


def _deal(chooser: random.Random, kinds: Sequence[Kind]) -> list[Kind]:
    return chooser.sample(kinds, len(kinds))


def _take(
    deck: list[Kind],
    group: Sequence[Kind],
    taken: Collection[str],
    chooser: random.Random,
    kinds: Sequence[Kind],
) -> Kind:
    """The next kind that can be under way together with the group; any, if there is none.

    `taken` are the names of all that the plan has already.
    """
    if not deck:
        deck.extend(_deal(chooser, kinds))
    holds = {kind.hold for kind in group if kind.hold}
    parted = {name for kind in kinds if kind.name in taken for name in kind.apart_from}
    for i, kind in enumerate(deck):
        is_free = kind.hold not in holds and kind not in group
        if is_free and kind.name not in parted and not set(kind.apart_from).intersection(taken):
            return deck.pop(i)
    return deck.pop(0)


def _step(number: int, kind: Kind, at: float, taken: str, chooser: random.Random) -> Step:
    """`taken` is the target of another fault at the same time."""
    targets = [target for target in kind.targets if target != taken]
    target = chooser.choice(targets) if targets else ""
    seconds = chooser.uniform(*kind.seconds)
    seed = chooser.getrandbits(32)
    return Step(number, kind.name, target, round(at, 3), round(seconds, 3), seed)
