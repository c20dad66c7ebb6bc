"""Mutants of both kinds, and what a few tests make of them."""

import os
import re
import sys
from pathlib import Path

import pytest

from agentkit.processes import run
from verification.mutation.children import Child
from verification.mutation.running import wait_for

# Some are killed, one cannot be imported, and one nobody can find.
CORE = """
import sys
from pathlib import Path
from argparse import Namespace
from verification.mutation.engine import make_target
from verification.mutation.mutants import Mutant
from verification.mutation.running import run_mutants

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
target = make_target("core", Namespace(own=True))
target.preload({"core/ids.py"})
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
    only = ["--own", "--only", "finalization_status branches", "--rounds", "4", "--seed", "3"]
    command = [sys.executable, "-m", "verification", "mutation", "--kind", "sql", *only]
    result = run(command, {**os.environ, "VERIFY_FOLDER": str(tmp_path)}, 200)
    assert result.returncode == 0, result.stdout
    assert "| all | 4 | 4 | 0 | 0 | 0 | 100.0 % |\n" in result.stdout


def test_tests_that_cannot_run_are_an_error(tmp_path: Path) -> None:
    def tests() -> str | None:
        raise OSError("no tests")

    with pytest.raises(RuntimeError, match="no tests"):
        wait_for(Child(tests, tmp_path / "log", 60.0))
