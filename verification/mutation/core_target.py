"""Mutants of `swpt_accounts/core`: cosmic-ray makes them, and they are imported for the files."""

import importlib.abc
import importlib.machinery
import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import Final

from agentkit.processes import ROOT
from verification.mutation.children import Child, run_tests
from verification.mutation.mutants import Mutant, number, shown

_PACKAGE: Final = "swpt_accounts.core"
_TOOL: Final = Path(__file__).with_name("core_operators.py")
# The tests of the core itself come first: nearly all mutants are killed there.
_GROUPS: Final = (
    (
        *(f"tests/core/test_{name}.py" for name in ("ids", "timestamps", "realm", "account_bits")),
        *(f"tests/core/test_{name}.py" for name in ("root_config", "fields", "id_notation")),
        "tests/takeover/test_reference_root_config.py",
    ),
    ("tests/scans/test_chores.py", "tests/smp/test_routing.py"),
    (
        "tests/smp/test_encoder.py",
        "tests/agentkit/test_independence.py",
        "tests/smp/test_decoder.py",
    ),
)
# (the fixtures of conftest.py know the program, and would import it before the mutant is there)
_OPTIONS: Final = ("--noconftest", "--hypothesis-profile=mutation")


def core_mutants(python: str) -> list[Mutant]:
    """All of them. `python` is the interpreter that has cosmic-ray."""
    paths = sorted((ROOT / _PACKAGE.replace(".", "/")).glob("[!_]*.py"))
    command = [python, str(_TOOL), *map(str, paths)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    texts = {str(path): path.read_text("utf-8") for path in paths}
    return number(
        Mutant(
            kind="core",
            place=f"core/{Path(path).name}",
            line=line,
            operator=operator.removeprefix("core/").partition("_")[0],
            change=_change(texts[path], text),
            text=text,
        )
        for path, line, operator, _, text in found
    )


def _change(old: str, new: str) -> str:
    """What is different: whole words of it."""
    start = _equal_count(old, new)
    while start > 0 and old[start - 1].isalnum():
        start -= 1
    rest = _equal_count(old[start:][::-1], new[start:][::-1])
    while rest > 0 and old[-rest].isalnum():
        rest -= 1
    return shown(old, start, len(old) - rest, new[start : len(new) - rest])


def _equal_count(old: str, new: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    """Imports the text of a mutant for one module."""

    def __init__(self, mutant: Mutant) -> None:
        self._file = mutant.place.removeprefix("core/")
        self._name = f"{_PACKAGE}.{self._file.removesuffix('.py')}"
        self._text = mutant.text

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == self._name else None

    def get_filename(self, fullname: str) -> str:
        return str(ROOT / _PACKAGE.replace(".", "/") / self._file)

    def get_source(self, fullname: str) -> str:
        return self._text


# What the tests take from others, which takes long to import.
_NEEDED: Final = ("hypothesis.stateful", "marshmallow", "msgspec")


class CoreTarget:
    """The parent imports what the tests need of others, and nothing of the program.

    With `own`, only the tests of the core itself run, not those of the codec.
    """

    def __init__(self, own: bool = False) -> None:
        self._groups = _GROUPS[:1] if own else _GROUPS

    def preload(self, files: set[str]) -> None:
        for name in _NEEDED:
            import_module(name)

    def start(self, slot: int, mutant: Mutant, log: Path, seconds_max: float) -> Child:
        """Run the tests on the mutant."""

        def run_with_mutant() -> str | None:
            sys.meta_path.insert(0, _Mutated(mutant))
            return run_tests(self._groups, _OPTIONS, only_servers=False)

        assert not any(name.startswith(_PACKAGE) for name in sys.modules)
        return Child(run_with_mutant, log, seconds_max)

    def start_unchanged(self, slot: int, log: Path, seconds_max: float) -> Child:
        """Run the tests on the program as it is."""
        return Child(
            lambda: run_tests(self._groups, _OPTIONS, only_servers=False), log, seconds_max
        )

    def finish(self, slot: int, mutant: Mutant, pid: int | None) -> None:
        """There is nothing to put back."""

    def close(self) -> None:
        """Nor anything to close."""
