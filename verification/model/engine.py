"""Random sequences of messages, stages, chores, scans and leaps in time go to the stored procedures
and to the oracle: what they remember and send must be the same. Each seed is a run of the tests
that compare them, with many more examples.
"""

import argparse
import os
import subprocess
import sys

from agentkit.processes import ROOT
from verification.kit.run import Run

ROUNDS_COUNT = 1
_TESTS = [f"tests/verification/test_{name}.py" for name in ("against_database", "redelivery")]
_TOLD_LENGTH_MAX = 4000


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--examples", type=int, default=100, metavar="N", help="sequences for each world")
    add("--steps", type=int, default=40, metavar="N", help="steps of each sequence")


def show(_options: argparse.Namespace) -> bool:
    """There is nothing to show without a run."""
    return False


def run(run: Run) -> None:
    options = run.options
    limits = {
        "DATABASE_MODEL_EXAMPLES": str(options.examples),
        "DATABASE_MODEL_STEPS": str(options.steps),
    }
    for seed in run.seeds():
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"--hypothesis-seed={seed}", *_TESTS],
            cwd=ROOT,
            env={**os.environ, **limits},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            again = f"./dev verify model --rounds 1 --seed {seed} --examples {options.examples}"
            run.find(f"{result.stdout[-_TOLD_LENGTH_MAX:]}\n  to repeat it: {again}")
        run.tell(f"seed {seed}: {result.stdout.strip().splitlines()[-1]}")
