"""The core, or the stored procedures, made wrong in one place at a time: does a test fail? A mutant
that no test kills, and that survivors.toml does not explain, is a defect of the tests. A round is a
mutant; the seed decides their order.
"""

import argparse
import os
from collections.abc import Iterator
from contextlib import closing

from hypothesis import Phase, settings

from verification.kit.run import FOLDER, Run
from verification.mutation.core_target import CoreTarget, core_mutants
from verification.mutation.mutants import Mutant, explained, sample
from verification.mutation.running import Score, Target, check_unchanged, run_mutants

ROUNDS_COUNT = 40
KINDS = ("core", "sql")
_SECONDS_MAX = 300.0


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--kind", choices=KINDS, help="only these (default: half of the budget for each)")
    add("--only", nargs="+", metavar="NAME", help="those with one of these texts in their names")
    add("--own", action="store_true", help="run only the tests of each mutant's own subject")
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="so many at a time")
    add("--list", action="store_true", help="show the mutants, and end")


def show(options: argparse.Namespace) -> bool:
    """Show the mutants, if that is wanted."""
    for kind in _kinds(options) if options.list else ():
        mutants = choose(kind, options)
        print(*(f"{m.line:4} {m.name}" for m in mutants), f"{len(mutants)} mutants", sep="\n")
    return bool(options.list)


def _kinds(options: argparse.Namespace) -> tuple[str, ...]:
    return (options.kind,) if options.kind else KINDS


def choose(kind: str, options: argparse.Namespace) -> list[Mutant]:
    """The mutants that the options want, in the order of the seed."""
    if kind == "core":
        mutants = core_mutants(os.environ["MUTATION_PYTHON"])
    else:
        # It imports the program, which mutants of the core must not find imported.
        from verification.mutation.sql_mutants import sql_mutants

        mutants = sql_mutants()
    known = {name for name in explained() if name.startswith("core/") == (kind == "core")}
    if stale := known - {mutant.name for mutant in mutants}:
        raise SystemExit("\n".join(["there are no such mutants (survivors.toml):", *sorted(stale)]))
    if options.only:
        mutants = [m for m in mutants if any(text in m.name for text in options.only)]
    return sample(mutants, options.seed)


def make_target(kind: str, options: argparse.Namespace) -> Target:
    # A failure need not be reduced to what matters.
    settings.register_profile(
        "mutation", phases=[Phase.explicit, Phase.generate], database=None, deadline=None
    )
    if kind == "core":
        return CoreTarget(options.own)
    os.environ.setdefault("DATABASE_MODEL_EXAMPLES", "3")
    from verification.mutation.sql_target import SqlTarget

    return SqlTarget(options.jobs, options.own)


def run(run: Run) -> None:
    run.report.is_one_seed = True
    kinds = _kinds(run.options)
    score = Score()
    # The core first: see `choose`.
    for number, kind in enumerate(kinds, 1):
        _run_kind(run, kind, number / len(kinds), score)
    for line in score.lines():
        run.note(line)


def _run_kind(run: Run, kind: str, share: float, score: Score) -> None:
    mutants = choose(kind, run.options)
    folder = FOLDER / "mutation"
    folder.mkdir(parents=True, exist_ok=True)
    with closing(make_target(kind, run.options)) as target:
        target.preload({mutant.file for mutant in mutants})
        seconds = check_unchanged(target, folder, 1200)
        run.tell(f"{kind}: the tests take {seconds:.0f} s without a mutant")
        seconds_max = min(60 + 3 * seconds, _SECONDS_MAX)
        within = _within(run, mutants, share)
        for mutant, outcome in run_mutants(target, within, folder, run.options.jobs, seconds_max):
            score.add(mutant, outcome)
            run.tell(f"{outcome.state:8} {outcome.seconds:5.1f} s  {mutant.name}  {outcome.by}")
            is_explained = mutant.name in explained()
            if outcome.state in ("survived", "timeout") and not is_explained:
                run.find(f"{outcome.state} (line {mutant.line}): {mutant.name}")
            if outcome.state in ("killed", "invalid") and is_explained:
                run.find(f"{outcome.state}, but survivors.toml has it: {mutant.name}")


def _within(run: Run, mutants: list[Mutant], share: float) -> Iterator[Mutant]:
    """As many of them as there are rounds, and time, in a share of the budget."""
    return (mutant for mutant, _ in zip(mutants, run.seeds(share), strict=False))
