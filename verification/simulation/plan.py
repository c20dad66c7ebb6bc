"""What happens in a run: a pure function of its seed, of which parts can be left out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from verification.simulation.faults import KINDS, Fault

CREDITORS_COUNT = 3
GUESTS_COUNT = 2
_STEPS_COUNTS = (3, 5, 8, 12)
_FAULTS_COUNTS = (0, 1, 2, 4, 6, 8, 10)
_DAYS = (0.001, 1.5, 8.0, 33.5)


@dataclass(frozen=True)
class Step:
    """Something that the agents do, and how long they wait after it, in seconds."""

    name: str
    arguments: tuple[Any, ...] = ()
    pause: float = 0.0

    def __str__(self) -> str:
        return f"{self.name}{self.arguments}" + (f", {self.pause:g} s" if self.pause else "")


@dataclass(frozen=True)
class Shape:
    """The circumstances: how many threads a stage has, what a consumer takes at once, …"""

    inboxes: int = 1
    threads: int = 1
    flushers: int = 1
    prefetch_count: int = 100
    burst_count: int = 250
    has_scans: bool = True
    is_doubling: bool = False
    rate: float = 0.0

    @property
    def keeps_order(self) -> bool:
        return self.inboxes == self.threads == 1


@dataclass(frozen=True)
class Plan:
    """A run. The numbers are those of the steps, and of the faults, which are left."""

    seed: int
    shape: Shape
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]
    step_numbers: tuple[int, ...]
    fault_numbers: tuple[int, ...]
    schedule: int = 0
    """Another one lets others run first."""

    def only(self, steps: Sequence[int] | None, faults: Sequence[int] | None) -> "Plan":
        """The same with these steps and faults alone."""
        plan = self
        if steps is not None:
            kept = [n for n in steps if n in self.step_numbers]
            chosen = tuple(self.steps[self.step_numbers.index(n)] for n in kept)
            plan = replace(plan, steps=chosen, step_numbers=tuple(kept))
        if faults is not None:
            kept = [n for n in faults if n in self.fault_numbers]
            hit = tuple(self.faults[self.fault_numbers.index(n)] for n in kept)
            plan = replace(plan, faults=hit, fault_numbers=tuple(kept))
        return plan

    @property
    def size(self) -> int:
        return len(self.steps) + len(self.faults)

    def lines(self) -> list[str]:
        """The plan for a reader."""
        steps = zip(self.step_numbers, self.steps, strict=True)
        faults = zip(self.fault_numbers, self.faults, strict=True)
        return [
            f"seed {self.seed}, schedule {self.schedule}: {self.shape}",
            *(f"  step {number}: {step}" for number, step in steps),
            *(f"  fault {number}: {fault}" for number, fault in faults),
        ]


# How many boundaries each process passes in a run, about, and how often a fault is for it.
_PROCESSES = {
    "inbox": (150, 4),
    "flusher": (320, 4),
    "preparing": (40, 2),
    "finalizing": (40, 2),
    "changing": (35, 2),
    "chores": (15, 1),
    "scan": (50, 1),
    "reminding": (20, 1),
}
# How often each kind comes: those after which the most can be wrong.
_WEIGHTS = {"crash": 4, "db-lost": 3, "mq-lost": 3, "mq-unroutable": 2, "mq-nack": 2}
_SCANNING = ("chores", "scan", "reminding")


def make_plan(seed: int) -> Plan:
    """The plan of a seed."""
    chooser = Random(seed)
    shape = _shape(chooser)
    steps = tuple(_step(chooser, shape) for _ in range(chooser.choice(_STEPS_COUNTS)))
    faults = tuple(_fault(chooser, shape) for _ in range(chooser.choice(_FAULTS_COUNTS)))
    return Plan(seed, shape, steps, faults, tuple(range(len(steps))), tuple(range(len(faults))))


def _shape(chooser: Random) -> Shape:
    has_many = chooser.random() < 0.3
    return Shape(
        inboxes=chooser.choice((1, 2)) if has_many else 1,
        threads=chooser.choice((1, 2)) if has_many else 1,
        flushers=chooser.choice((1, 2)) if has_many else 1,
        prefetch_count=chooser.choice((1, 2, 5, 100)),
        burst_count=chooser.choice((1, 3, 250)),
        has_scans=chooser.random() < 0.5,
        is_doubling=chooser.random() < 0.2,
        rate=chooser.choice((0.0, 0.0, 10.0)),
    )


def _step(chooser: Random, shape: Shape) -> Step:
    draw = chooser.random()
    pause = chooser.choice((0.0, 0.0, 0.0, 0.01, 0.3, 3.0))
    if draw < 0.65:
        sender, recipient = chooser.sample(range(CREDITORS_COUNT), 2)
        fate = chooser.choice(("commit", "commit", "commit", "dismiss", "hold", "late"))
        arguments: tuple[Any, ...] = (sender, recipient, chooser.randrange(1, 1000), fate)
        return Step("transfer", arguments, pause)
    if draw < 0.75:
        return Step("configure", (chooser.randrange(CREDITORS_COUNT),), pause)
    if draw < 0.82:
        return Step("lock", (chooser.randrange(CREDITORS_COUNT), chooser.choice((0.1, 1.0))), pause)
    if not shape.has_scans:
        return Step("pass_days", (0.001,), pause)
    if draw < 0.9:
        return Step("pass_days", (chooser.choice(_DAYS),), max(pause, 2.0))
    name = chooser.choice(("open_guest", "close_guest"))
    return Step(name, (chooser.randrange(GUESTS_COUNT),), max(pause, 0.3))


def _fault(chooser: Random, shape: Shape) -> Fault:
    names = [n for n in _PROCESSES if shape.has_scans or n not in _SCANNING]
    process = chooser.choices(names, [_PROCESSES[name][1] for name in names])[0]
    at = chooser.randrange(1, _PROCESSES[process][0])
    kinds = [kind for kind, (prefix, _) in KINDS.items() if _can_happen(prefix, process)]
    if (process == "inbox" and shape.inboxes > 1) or (process == "flusher" and shape.flushers > 1):
        process += chooser.choice(("", "2"))
    kind = chooser.choices(kinds, [_WEIGHTS.get(kind, 1) for kind in kinds])[0]
    return Fault(kind, process, at)


def _can_happen(boundary: str, process: str) -> bool:
    if boundary == "mq-take":
        return process == "flusher"
    return not boundary.startswith("mq") or process in ("inbox", "flusher", "chores")
