"""`./dev mutate`: makes the program a little wrong, and looks whether a test fails."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hypothesis import Phase, settings

from agentkit.processes import ROOT
from tests.mutation.core_target import CoreTarget, core_mutants
from tests.mutation.mutants import Mutant, explained, sample
from tests.mutation.running import Result, Score, Target, check_unchanged, run_mutants

FOLDER = Path(os.environ.get("MUTATION_FOLDER") or ROOT / "var" / "mutation")
_SECONDS_MAX = 300.0


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="./dev mutate",
        description="Changes swpt_accounts/core, or the stored procedures, in one place at a time."
        " A mutant that no test kills, and that survivors.toml does not explain, is an error.",
    )
    add = parser.add_argument
    add("kind", choices=["core", "sql"])
    add("--sample", type=int, metavar="N", help="so many mutants, chosen by the seed")
    add("--seed", type=int, default=1, metavar="S", help="of the sample (default: 1)")
    add("--only", nargs="+", metavar="NAME", help="those with one of these texts in their names")
    add("--operators", nargs="+", metavar="NAME", help="those that these operators have made")
    add("--own", action="store_true", help="run only the tests of each mutant's own subject")
    add("--tests", nargs="+", metavar="FILE", help="run only these tests (of stored procedures)")
    add("--minutes", type=float, metavar="M", help="begin no more of them after so many minutes")
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="so many at a time")
    add("--list", action="store_true", help="show the mutants, and end")
    return parser.parse_args(arguments)


def choose(options: argparse.Namespace) -> list[Mutant]:
    """The mutants that the options want."""
    if options.kind == "core":
        mutants = core_mutants(os.environ["MUTATION_PYTHON"])
    else:
        # It imports the program, which mutants of the core must not find imported.
        from tests.mutation.sql_mutants import sql_mutants

        mutants = sql_mutants()
    is_core = options.kind == "core"
    known = {name for name in explained() if name.startswith("core/") == is_core}
    if stale := known - {mutant.name for mutant in mutants}:
        raise SystemExit("\n".join(["there are no such mutants (survivors.toml):", *sorted(stale)]))
    if options.only:
        mutants = [m for m in mutants if any(text in m.name for text in options.only)]
    if options.operators:
        mutants = [m for m in mutants if m.operator in options.operators]
    return sample(mutants, options.sample, options.seed)


def make_target(options: argparse.Namespace, mutants: Sequence[Mutant] = ()) -> Target:
    # A failure need not be reduced to what matters.
    settings.register_profile(
        "mutation", phases=[Phase.explicit, Phase.generate], database=None, deadline=None
    )
    if options.kind == "core":
        return CoreTarget(options.own)
    os.environ.setdefault("DATABASE_MODEL_EXAMPLES", "3")
    from tests.mutation.sql_target import SqlTarget

    own_files = {mutant.file for mutant in mutants} if options.own else None
    return SqlTarget(options.jobs, own_files, options.tests)


def run(options: argparse.Namespace, mutants: list[Mutant], folder: Path) -> list[Result]:
    """Run the mutants, and tell about each."""
    end = time.monotonic() + 60 * (options.minutes or 1e9)
    target = make_target(options, mutants)
    results = []
    try:
        target.preload()
        seconds = check_unchanged(target, folder, 1200)
        print(f"the tests take {seconds:.0f} s without a mutant", flush=True)
        seconds_max = min(60 + 3 * seconds, _SECONDS_MAX)
        for mutant, outcome in run_mutants(
            target, mutants, folder, options.jobs, seconds_max, lambda: time.monotonic() >= end
        ):
            results.append((mutant, outcome))
            print(f"{outcome.state:8} {outcome.seconds:5.1f} s  {mutant.name}", flush=True)
            if outcome.by:
                print(f"{'':18}{outcome.by}", flush=True)
    finally:
        target.close()
    return results


def tell(results: list[Result], folder: Path) -> list[str]:
    """Print the score, and keep the results. Returns what is wrong."""
    score = Score()
    reasons = explained()
    problems = []
    for mutant, outcome in results:
        score.add(mutant, outcome)
        is_explained = mutant.name in reasons
        if outcome.state in ("survived", "timeout") and not is_explained:
            problems.append(f"{outcome.state} (line {mutant.line}): {mutant.name}")
        if outcome.state in ("killed", "invalid") and is_explained:
            problems.append(f"{outcome.state}, but survivors.toml has it: {mutant.name}")
    rows = [[outcome.state, m.name, m.line, outcome.by, outcome.seconds] for m, outcome in results]
    (folder / "results.json").write_text(json.dumps(rows, indent=1))
    print("", *score.lines(), "", *problems, sep="\n")
    return problems


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parse()
    mutants = choose(options)
    if options.list:
        print(*(f"{m.line:4} {m.name}" for m in mutants), f"{len(mutants)} mutants", sep="\n")
        return 0
    folder = FOLDER / options.kind
    folder.mkdir(parents=True, exist_ok=True)
    return 1 if tell(run(options, mutants, folder), folder) else 0


if __name__ == "__main__":
    sys.exit(main())
