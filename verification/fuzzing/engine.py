"""Inputs that nobody has thought of, for all that reads what others have written: the decoders, the
handlers of messages on a real database, and the fetch API.
"""

import argparse
import logging
from importlib import import_module

from verification.fuzzing.checking import Finding
from verification.kit.run import Run

ROUNDS_COUNT = 1
PARTS = ("decoder", "handlers", "web")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts only")


def show(_options: argparse.Namespace) -> bool:
    """There is nothing to show without a run."""
    return False


def run(run: Run) -> None:
    # What the program warns of, like a balance change that is too old, is no defect.
    logging.getLogger("swpt_accounts").setLevel(logging.ERROR)
    parts = {name: import_module(f"verification.fuzzing.{name}") for name in run.options.only}
    for seed in run.seeds():
        for name, part in parts.items():
            try:
                run.tell(f"seed {seed}, {name}: {part.run(seed)}")
            except Finding as finding:
                again = f"./dev verify fuzzing --rounds 1 --seed {seed} --only {name}"
                run.find(f"{name}: {finding}\n  to repeat it: {again}")
