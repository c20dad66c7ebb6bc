"""What it costs a process to import the program, before it does anything."""

import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from time import monotonic

from agentkit.processes import ROOT

# What a worker imports: the one place to change when workers begin in another way.
WORKER_IMPORTS = "import swpt_accounts.__main__, swpt_accounts.cli.flushing"


@dataclass(frozen=True)
class ImportCost:
    """In seconds, of a process that only imports; that of the interpreter itself included."""

    cpu_seconds: float
    wall_seconds: float

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def measure_import(statement: str = WORKER_IMPORTS) -> ImportCost:
    """Run a process that imports. Raises `CalledProcessError` when it fails."""
    before, started_at = _children_seconds(), monotonic()
    subprocess.run([sys.executable, "-c", statement], cwd=ROOT, check=True)
    return ImportCost(_children_seconds() - before, monotonic() - started_at)


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
