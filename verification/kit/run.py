"""A run of one engine: its seeds, its budget, and what it has found."""

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from agentkit.processes import ROOT

FOLDER = Path(os.environ.get("VERIFY_FOLDER") or ROOT / "var" / "verify")
_TITLES = ("engine", "seeds", "rounds", "found", "time")


@dataclass
class Report:
    """What has come out of a run."""

    engine: str
    seed: int = 1
    rounds: int = 0
    found: list[str] = field(default_factory=list)
    """Each defect, with the command that repeats it."""
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    is_one_seed: bool = False
    """Whether all rounds are decided by the first seed."""

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.engine}.json"

    def save(self) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, engine: str) -> "Report":
        """What an engine has saved; a run that ended without a report is a defect, too."""
        report = cls(engine)
        if report.path.exists():
            return cls(**json.loads(report.path.read_text(encoding="utf-8")))
        report.found.append("the engine has ended without a report")
        return report

    def row(self) -> tuple[str, ...]:
        last = self.seed if self.is_one_seed else self.seed + self.rounds - 1
        seeds = str(self.seed) if last <= self.seed else f"{self.seed}-{last}"
        minutes = f"{self.seconds / 60:.1f} min"
        return self.engine, seeds, str(self.rounds), str(len(self.found)), minutes


def show(reports: list[Report]) -> None:
    """Print the table of all engines."""
    rows = [_TITLES, *(report.row() for report in reports)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print()
    for row in rows:
        print("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)))
    for report in reports:
        for what in report.found:
            print(f"\n{report.engine}: {what}")


class Run:
    """Hands out seeds as long as there are rounds, and time; takes what was found."""

    def __init__(self, engine: str, options: argparse.Namespace, rounds_default: int) -> None:
        """Without `--rounds` and `--minutes` there are `rounds_default` rounds."""
        self.report = Report(engine, options.seed)
        self.options = options
        limits = options.rounds is None and options.minutes is None
        self._rounds_max = rounds_default if limits else options.rounds or 10**9
        self._seconds_max = 60 * (options.minutes or 1e9)
        self._started_at = time.monotonic()

    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._started_at

    def is_out_of_time(self, share: float = 1.0) -> bool:
        return self.seconds() >= share * self._seconds_max

    def seeds(self, share: float = 1.0) -> Iterator[int]:
        """The seed of each round, until this share of the budget is used."""
        while self.report.rounds < share * self._rounds_max and not self.is_out_of_time(share):
            seed = self.report.seed + self.report.rounds
            self.report.rounds += 1
            yield seed

    def tell(self, what: str) -> None:
        """Say something about the progress."""
        print(f"{self.report.engine}, {self.seconds():.0f} s: {what}", flush=True)

    def find(self, what: str) -> None:
        """Note a defect."""
        self.report.found.append(what)
        self.tell(f"FOUND: {what}")

    def note(self, what: str) -> None:
        """Keep a line for the report."""
        self.report.notes.append(what)
        self.tell(what)

    def close(self) -> None:
        self.report.seconds = round(self.seconds(), 1)
        self.report.save()


def add_common_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--seed", type=int, default=1, metavar="S", help="of the first round; the next has S + 1")
    add("--minutes", type=float, metavar="M", help="begin no more rounds after so many minutes")
    add("--rounds", type=int, metavar="N", help="so many rounds at most")
