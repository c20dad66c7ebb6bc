"""Who may know whom, of what is no part of the program."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Checked by a table made by hand: see test_account_bits.py.
SHARED = {"swpt_accounts.core.realm"}


def imported(folder: str) -> Iterator[tuple[str, str]]:
    """Each file, and what it imports."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((str(path), alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield str(path), node.module


@pytest.mark.parametrize(
    ("folder", "others"),
    [
        # what checks the program must not take its word for it
        ("agentkit", {"swpt_accounts", "tests", "benchmarks", "verification", "scripts"}),
        ("scripts/demo_agents", {"swpt_accounts", "tests", "benchmarks", "verification"}),
        ("scripts/demo_network", {"swpt_accounts", "tests", "benchmarks", "verification"}),
        ("verification", {"tests"}),
        ("benchmarks", {"tests", "verification"}),
    ],
)
def test_imports(folder: str, others: set[str]) -> None:
    found = [(path, name) for path, name in imported(folder) if name not in SHARED]
    assert found
    assert not [(path, name) for path, name in found if name.partition(".")[0] in others]
