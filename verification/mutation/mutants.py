"""Mutants: what was changed, and in what they are told apart."""

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

LIST: Final = Path(__file__).parent / "survivors.toml"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed text, which replaces another one.

    `place` is the file, and the function where there is one. `change` shows what was changed;
    `number` tells equal changes of one place apart. `text` is what is installed or imported.
    """

    kind: str
    place: str
    line: int
    operator: str
    change: str
    text: str
    number: int = 1

    @property
    def file(self) -> str:
        """The file without the function."""
        return self.place.partition("/")[0] if self.kind == "sql" else self.place

    @property
    def name(self) -> str:
        """It stays the same while the function changes elsewhere."""
        number = "" if self.number == 1 else f" #{self.number}"
        return f"{self.place} {self.operator}: {self.change}{number}"


def number(mutants: Iterable[Mutant]) -> list[Mutant]:
    """Give equal changes of one place different names, in their order."""
    seen: Counter[str] = Counter()
    numbered = []
    for mutant in mutants:
        seen[mutant.name] += 1
        numbered.append(replace(mutant, number=seen[mutant.name]))
    return numbered


def sample(mutants: list[Mutant], seed: int) -> list[Mutant]:
    """All of them in an order that the seed gives: a run that is cut is a sample."""
    return Random(seed).sample(mutants, len(mutants))


def shown(text: str, start: int, end: int, new: str) -> str:
    """A change in a few words: `a < [b -> c]`, with what is around it on the line."""
    before = " ".join(text[text.rfind("\n", 0, start) + 1 : start].split())
    rest = text[end : (text.find("\n", end) + 1 or len(text) + 1) - 1]
    after = " ".join(rest.split())
    old = " ".join(text[start:end].split())
    return f"{before} [{old} -> {new.strip()}] {after}".strip()


def explained() -> dict[str, str]:
    """The mutants that no test can kill, and why. Raises `ValueError` where one is there twice."""
    reasons: dict[str, str] = {}
    for entry in tomllib.loads(LIST.read_text())["survivors"]:
        for name in entry["mutants"]:
            if name in reasons:
                raise ValueError(f"{LIST.name} has this twice: {name}")
            reasons[name] = entry["reason"]
    return reasons
