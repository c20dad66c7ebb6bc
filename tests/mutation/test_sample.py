"""Mutants of both kinds, and what a few tests make of them."""

import os
import re
import sys
import time
from pathlib import Path

import pytest

from agentkit.processes import run
from tests.mutation.children import Child, Outcome
from tests.mutation.mutants import Mutant
from tests.mutation.running import Score, wait_for

# Some are killed, one cannot be imported, and one nobody can find.
CORE = """
import sys
from pathlib import Path
from tests.mutation.__main__ import make_target, parse
from tests.mutation.mutants import Mutant
from tests.mutation.running import run_mutants

text = Path("swpt_accounts/core/ids.py").read_text()
changes = [
    ("n > MAX_INT64 else n", "n >= MAX_INT64 else n"),
    ("return n & _U64_MASK", "return n | _U64_MASK"),
    ("agent != 0 and", "agent == agent and"),
    ("import re", "import re, no_such_module"),
    ("n & _U64_MASK", "_U64_MASK & n"),
]
assert all(old in text for old, new in changes)
mutants = [
    Mutant("core", "core/ids.py", 1, "test", new, text.replace(old, new, 1)) for old, new in changes
]
target = make_target(parse(["core", "--own"]))
target.preload()
for mutant, outcome in run_mutants(target, mutants, Path(sys.argv[1]), 2, 90.0):
    print("RESULT", outcome.state, mutant.change)
"""


def test_core(tmp_path: Path) -> None:
    result = run([sys.executable, "-c", CORE, str(tmp_path)], dict(os.environ), 200)
    assert result.returncode == 0, result.stdout
    found = re.findall("^RESULT (.*)$", result.stdout, re.MULTILINE)
    assert sorted(found) == [
        "invalid import re, no_such_module",
        "killed agent == agent and",
        "killed n >= MAX_INT64 else n",
        "killed return n | _U64_MASK",
        "survived _U64_MASK & n",
    ]


@pytest.mark.servers
def test_procedures(tmp_path: Path) -> None:
    """A seeded sample of the mutants of a function: the tests of its subject kill all of them."""
    only = ["sql", "--own", "--only", "finalization_status", "--operators", "branches"]
    command = [sys.executable, "-m", "tests.mutation", *only, "--sample", "4", "--seed", "3"]
    result = run(command, {**os.environ, "MUTATION_FOLDER": str(tmp_path)}, 200)
    assert result.returncode == 0, result.stdout
    assert "\n| all | 4 | 4 | 0 | 0 | 0 | 100.0 % |\n" in result.stdout


def test_what_takes_for_ever_has_a_limit(tmp_path: Path) -> None:
    outcome = wait_for(Child(lambda: time.sleep(600), tmp_path / "log", 0.1))
    assert outcome.state == "timeout"


def test_tests_that_cannot_run_are_an_error(tmp_path: Path) -> None:
    def tests() -> str | None:
        raise OSError("no tests")

    with pytest.raises(RuntimeError, match="no tests"):
        wait_for(Child(tests, tmp_path / "log", 60.0))


def test_score() -> None:
    score = Score()
    mutant = Mutant("sql", "money.sql/growth", 1, "signs", "a [+ -> -] b", "")
    for state in ("killed", "killed", "timeout", "survived", "invalid"):
        score.add(mutant, Outcome(state, "", 1.0))
    assert [*score.lines()][2:] == [
        "| money.sql | 5 | 2 | 1 | 1 | 1 | 50.0 % |",
        "| all | 5 | 2 | 1 | 1 | 1 | 50.0 % |",
    ]
