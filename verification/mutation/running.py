"""Runs mutants, some at a time, and adds up what became of them."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

from verification.mutation.children import Child, Outcome
from verification.mutation.mutants import Mutant

Result = tuple[Mutant, Outcome]
_PAUSE_SECONDS: Final = 0.02


class Target(Protocol):
    """What mutants are made of, and where tests find them. A slot is one of those at a time."""

    def preload(self, files: set[str]) -> None: ...

    def start(
        self, slot: int, mutant: Mutant, log: Path, seconds_max: float
    ) -> Child | Outcome: ...

    def start_unchanged(self, slot: int, log: Path, seconds_max: float) -> Child: ...

    def finish(self, slot: int, mutant: Mutant, pid: int | None) -> None: ...

    def close(self) -> None: ...


def wait_for(child: Child) -> Outcome:
    """Wait for the end of a process, which is sure to come."""
    while (outcome := child.outcome()) is None:
        time.sleep(_PAUSE_SECONDS)
    return outcome


def check_unchanged(target: Target, folder: Path, seconds_max: float) -> float:
    """Run the tests on the program as it is. Returns how long that took, in seconds.

    Raises `RuntimeError` where they fail: they would say nothing about mutants.
    """
    log = folder / "unchanged.log"
    outcome = wait_for(target.start_unchanged(0, log, seconds_max))
    if outcome.state != "survived":
        raise RuntimeError(f"without a mutant: {outcome.state}, {outcome.by}; see {log}")
    return outcome.seconds


def run_mutants(
    target: Target,
    mutants: Iterable[Mutant],
    folder: Path,
    slots: int,
    seconds_max: float,
) -> Iterator[Result]:
    """Run all of them; yields each when it has ended."""
    waiting = iter(mutants)
    running: dict[int, tuple[Mutant, Child]] = {}
    free = set(range(slots))
    try:
        while True:
            while free and (mutant := next(waiting, None)) is not None:
                slot = free.pop()
                started = target.start(slot, mutant, folder / f"slot-{slot}.log", seconds_max)
                if isinstance(started, Outcome):
                    free.add(slot)
                    yield mutant, started
                else:
                    running[slot] = mutant, started
            if not running:
                return
            time.sleep(_PAUSE_SECONDS)
            for slot, (mutant, child) in list(running.items()):
                if (outcome := child.outcome()) is not None:
                    del running[slot]
                    target.finish(slot, mutant, child.pid if outcome.state == "timeout" else None)
                    free.add(slot)
                    yield mutant, outcome
    finally:
        for slot, (mutant, child) in running.items():
            child.stop()
            target.finish(slot, mutant, child.pid)


class Score:
    """How many mutants came to what end, for each file."""

    def __init__(self) -> None:
        self.files: dict[str, Counter[str]] = {}

    def add(self, mutant: Mutant, outcome: Outcome) -> None:
        self.files.setdefault(mutant.file, Counter())[outcome.state] += 1

    def lines(self) -> Iterator[str]:
        """A table in Markdown. The score is what was killed of all that are valid.

        A timeout is none: a test that hangs fails after a minute, but all took too long together.
        """
        yield "| file | mutants | killed | timeout | survived | invalid | score |"
        yield "|---|---|---|---|---|---|---|"
        total: Counter[str] = sum(self.files.values(), Counter())
        for name, counts in [*sorted(self.files.items()), ("all", total)]:
            valid = counts.total() - counts["invalid"]
            score = f"{100 * counts['killed'] / valid:.1f} %" if valid else "-"
            columns = [counts[state] for state in ("killed", "timeout", "survived", "invalid")]
            yield f"| {name} | {counts.total()} | {' | '.join(map(str, columns))} | {score} |"
