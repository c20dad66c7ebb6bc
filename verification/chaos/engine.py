"""A whole authority under load on servers of its own, which fail at random. After each round
nothing may be lost, doubled, or stuck.
"""

import argparse
import shutil
from collections import Counter
from collections.abc import Sequence

from agentkit.processes import ROOT
from verification.chaos.cluster import Cluster
from verification.chaos.faults import KINDS, MANY, ONE, SLOW, skipped
from verification.chaos.place import Place
from verification.chaos.plan import Kind, Plan, make_plan
from verification.chaos.rounds import Result, run_round
from verification.chaos.servers import Servers
from verification.kit.run import FOLDER, Run
from verification.kit.shrinking import shrink

ROUNDS_COUNT = 5
_TRIES_COUNT_MAX = 10


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--servers", choices=("one", "many"), default="one", help="one of each, or clusters of them"
    )
    add("--direct", action="store_true", help="with many: no HAProxy before PostgreSQL")
    add("--asynchronous", action="store_true", help="with many: the standby does not confirm")
    add("--only", nargs="+", choices=KINDS, metavar="FAULT", help="no other faults than these")
    add("--steps", type=int, nargs="*", metavar="K", help="only these steps of each plan")
    add("--slow", action="store_true", help=f"also {', '.join(SLOW)}: minutes for each round")
    add("--no-shrink", action="store_true", help="do not look for the fewest faults")
    add("--list", action="store_true", help="show the faults, and end")
    add("--plan", action="store_true", help="show the plans of the rounds, and end")


def show(options: argparse.Namespace) -> bool:
    """Show the faults, or the plans, if that is wanted. Raises `SystemExit` for wrong options."""
    kinds = kinds_of(options)
    if options.list:
        for kind in MANY if options.servers == "many" else ONE:
            slow = " (slow)" if kind.name in SLOW else ""
            print(f"{kind.name:17} {kind.what}{slow}")
    elif options.plan:
        for i in range(options.rounds or 1):
            print(f"seed {options.seed + i}: {make_plan(options.seed + i, kinds)}")
    return bool(options.list or options.plan)


def kinds_of(options: argparse.Namespace) -> list[Kind]:
    """The faults of the plans. Raises `SystemExit` for options that do not fit."""
    has_many = options.servers == "many"
    if not has_many and (options.direct or options.asynchronous):
        raise SystemExit("--direct and --asynchronous are for --servers many")
    possible = [kind.name for kind in (MANY if has_many else ONE)]
    if wrong := [name for name in options.only or () if name not in possible]:
        raise SystemExit(f"not with --servers {options.servers}: {', '.join(wrong)}")
    names = options.only or [name for name in possible if options.slow or name not in SLOW]
    return [KINDS[name] for name in names]


def run(run: Run) -> None:
    with _make_servers(run.options) as servers:
        servers.start()
        rounds = Rounds(run, servers)
        try:
            rounds.run()
        finally:
            rounds.close()
            rounds.summarize()


def _make_servers(options: argparse.Namespace) -> Servers:
    if options.servers == "one":
        return Servers()
    return Cluster(is_synchronous=not options.asynchronous, is_direct=options.direct)


class Rounds:
    """The rounds of a command line."""

    def __init__(self, run: Run, servers: Servers) -> None:
        self.results: list[Result] = []
        self._run = run
        self._options = run.options
        self._kinds = kinds_of(run.options)
        self._servers = servers
        self._place: Place | None = None
        self._growth_max = 0.0
        for name, reason in skipped(servers).items():
            if KINDS[name] in self._kinds:
                run.tell(f"{name} is left out: {reason}")

    def run(self) -> None:
        for seed in self._run.seeds():
            # Left out afterwards, so that the plan is the same on every machine.
            plan = make_plan(seed, self._kinds).without(skipped(self._servers))
            if self._options.steps is not None:
                plan = plan.only(self._options.steps)
            result = self._round(plan)
            self.results.append(result)
            self._run.tell(f"seed {seed}, {result}")
            if result.problems:
                self._run.find(self._examine(result))

    def _round(self, plan: Plan) -> Result:
        if self._place is None:
            self._place = Place(self._servers, self._servers.folder / "logs")
        return run_round(self._place, plan)

    def close(self) -> None:
        if self._place is not None:
            self._growth_max = max(self._growth_max, self._place.growth_max)
            self._place.close()
            self._place = None

    def _examine(self, result: Result) -> str:
        """Keep the logs, begin anew, and find out what it takes to fail again."""
        plan = result.plan
        folder = FOLDER / "chaos" / f"seed-{plan.seed}"
        shutil.rmtree(folder, ignore_errors=True)
        assert self._place is not None
        self._place.keep_logs(folder)
        (folder / "problems.txt").write_text("\n".join((str(plan), *result.problems)))
        self._servers.mend()
        self.close()
        told = [problem[-1500:] for problem in result.problems]
        numbers: Sequence[int] = plan.numbers
        if not self._options.no_shrink:
            if self._fails(plan):
                numbers, _ = shrink(numbers, lambda n: self._fails(plan.only(n)), _TRIES_COUNT_MAX)
                told.append(f"  it fails again; the least that does: {plan.only(numbers)}")
            else:
                told.append("  it does not fail a second time")
        told.append(f"  the logs: {folder.relative_to(ROOT)}")
        told.append(f"  to repeat it: {self._command(plan.seed, numbers)}")
        return "\n".join(told)

    def _fails(self, plan: Plan) -> bool:
        result = self._round(plan)
        if result.problems:
            self.close()
        return bool(result.problems)

    def _command(self, seed: int, steps: Sequence[int]) -> str:
        options = self._options
        flags = [f"--{name}" for name in ("direct", "asynchronous", "slow") if vars(options)[name]]
        only = ["--only", *options.only] if options.only else []
        servers = ["--servers", "many"] if options.servers == "many" else []
        return " ".join(
            (
                *("./dev verify chaos --rounds 1 --seed", str(seed), *servers, *flags, *only),
                *("--steps", *map(str, steps)),
            )
        )

    def summarize(self) -> None:
        """Note the sums."""
        results = self.results
        counts = Counter(step.fault for result in results for step in result.plan.steps)
        note = self._run.note
        note(f"{counts.total()} faults: {', '.join(f'{k} {n}' for k, n in sorted(counts.items()))}")
        note(
            f"{sum(r.transfers_count for r in results)} transfers,"
            f" {sum(r.repeated_count for r in results)} of them asked for twice,"
            f" {sum(r.late_count for r in results)} with a short deadline;"
            f" {sum(r.lost_answers_count for r in results)} answers of commits lost"
        )
        for what, seconds in (
            ("all was done after the faults", [r.drain_seconds for r in results]),
            ("the longest time without a transfer", [r.silence_seconds for r in results]),
        ):
            if seconds:
                middle = sorted(seconds)[len(seconds) // 2]
                note(f"{what}: {middle:.1f} s (median), {max(seconds):.1f} s at most")
        note(f"no worker has grown by more than {self._growth_max:.0f} MiB")
