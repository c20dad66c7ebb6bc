"""`./dev fuzz`: tries inputs by a seed."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tests.fuzzing.checking import Finding
from tests.fuzzing.running import Budget

PARTS = ("decoder", "handlers", "web")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="./dev fuzz",
        description="Tries inputs that nobody has thought of: for the decoders, for what handles"
        " messages on a real database, and for the fetch API.",
    )
    add = parser.add_argument
    add("parts", nargs="*", metavar="decoder|handlers|web", help="only these (default: all)")
    add("--inputs", type=int, default=10_000, metavar="N", help="for each (default: 10000)")
    add("--seed", type=int, default=1, metavar="S", help="decides what the inputs are (default: 1)")
    add("--minutes", type=float, metavar="M", help="for each at most, about")
    add("--replay", type=Path, metavar="FILE", help="check an input that was found, or a folder")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return options


def main() -> int:
    options = parse()
    if options.replay:
        from tests.fuzzing.decoder import replay

        print(f"nothing is wrong with {replay(options.replay)} inputs")
        return 0
    failed = []
    for name in options.parts or PARTS:
        budget = Budget(name, options.inputs, options.seed, 60 * (options.minutes or 1e5))
        try:
            import_module(f"tests.fuzzing.{name}").run(budget)
        except Finding as finding:
            budget.tell(f"FOUND: {finding}")
            failed.append(name)
        budget.tell(f"{budget.done_count} inputs in all")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
