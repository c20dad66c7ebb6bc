"""What checks the program must not take its word for it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OUTSIDERS = [*(ROOT / "agentkit").glob("*.py"), *(ROOT / "scripts" / "demo_agents").glob("*.py")]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "an import is written in full"
            yield node.module


# Checked by a table made by hand: see test_account_bits.py.
SHARED = {"swpt_accounts.core.realm"}


@pytest.mark.parametrize("path", OUTSIDERS, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_nothing_of_the_program_is_imported(path: Path) -> None:
    packages = {name.partition(".")[0] for name in imported(path) if name not in SHARED}
    assert not packages & {"swpt_accounts", "tests", "benchmarks"}
