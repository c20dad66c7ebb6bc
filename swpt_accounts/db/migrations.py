"""What the files of the migrations say of themselves. (Alembic, which runs them, is not needed.)"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[2] / "migrations" / "versions"

SECONDS_EACH: Final = 0.5
"""How long a migration takes, at most, that only changes the catalogue."""
SECONDS_PER_MILLION_ROWS: Final = 5.0
"""How much longer, at most, for the rows of the tables that it reads (`READS` in its file)."""
SECONDS_OF_PROCEDURES: Final = 1.0
"""How long the installation of the stored procedures takes, at most."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration: its number, the first line of its file, and the tables whose rows it reads."""

    revision: str
    subject: str
    reads: tuple[str, ...]

    def seconds(self, rows: dict[str, int]) -> float:
        """How long it takes, by the numbers of rows. `./dev migrations` measures it."""
        count = sum(rows.get(table, 0) for table in self.reads)
        return SECONDS_EACH + SECONDS_PER_MILLION_ROWS * count / 1e6


def read_migrations(after: str | None = None) -> list[Migration]:
    """All of them in order, or those after one."""
    found = (_read(path) for path in FOLDER.glob("*.py"))
    return sorted(
        (one for one in found if one.revision > (after or "")), key=lambda one: one.revision
    )


def _read(path: Path) -> Migration:
    module = ast.parse(path.read_text("utf-8"))
    values = dict(_constants(module))
    subject, *_ = (ast.get_docstring(module) or "").splitlines() or [""]
    return Migration(values["revision"], subject, values.get("READS", ()))


def _constants(module: ast.Module) -> Iterator[tuple[str, Any]]:
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                yield node.targets[0].id, ast.literal_eval(node.value)
            except ValueError:
                continue
