"""`./dev chaos`: rounds of random faults, by a seed."""

import argparse
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence

from agentkit.processes import ROOT
from tests.faults.chaos.faults import KINDS, skipped
from tests.faults.chaos.options import make_servers, parse, show_kinds
from tests.faults.chaos.place import Place
from tests.faults.chaos.plan import Kind, Plan, make_plan
from tests.faults.chaos.rounds import Result, run_round
from tests.faults.chaos.servers import Servers
from tests.faults.chaos.shrinking import shrink

FOLDER = ROOT / "var" / "chaos"


class Run:
    """The rounds of a command line."""

    def __init__(self, servers: Servers, options: argparse.Namespace, kinds: list[Kind]) -> None:
        self.options = options
        self.kinds = kinds
        self.results: list[Result] = []
        self.growth_max = 0.0
        self._servers = servers
        self._place: Place | None = None

    def plan(self, seed: int) -> Plan:
        # Left out afterwards, so that the plan is the same on every machine.
        plan = make_plan(seed, self.kinds).without(skipped(self._servers))
        return plan if self.options.steps is None else plan.only(self.options.steps)

    def run(self) -> None:
        end = time.monotonic() + 60 * (self.options.minutes or 1e9)
        for i in range(self.options.rounds):
            if time.monotonic() >= end:
                break
            result = self._round(self.plan(self.options.seed + i))
            self.results.append(result)
            self._tell(i + 1, result)
            if result.problems:
                self._examine(result)
        self.close()

    def _round(self, plan: Plan) -> Result:
        if self._place is None:
            self._place = Place(self._servers, self._servers.folder / "logs")
        return run_round(self._place, plan)

    def close(self) -> None:
        if self._place is not None:
            self.growth_max = max(self.growth_max, self._place.growth_max)
            self._place.close()
            self._place = None

    def _tell(self, number: int, result: Result) -> None:
        verdict = "FAILED" if result.problems else "ok"
        print(
            f"{number}/{self.options.rounds} seed {result.plan.seed}: {verdict},"
            f" {result.transfers_count} transfers, {result.seconds:.1f} s"
            f" ({result.drain_seconds:.1f} s after the faults,"
            f" {result.silence_seconds:.1f} s without a transfer): {result.plan}",
            flush=True,
        )

    def _examine(self, result: Result) -> None:
        """Keep the logs, begin anew, and find out what it takes to fail again."""
        folder = FOLDER / f"seed-{result.plan.seed}"
        shutil.rmtree(folder, ignore_errors=True)
        assert self._place is not None
        self._place.keep_logs(folder)
        (folder / "problems.txt").write_text("\n".join((str(result.plan), *result.problems)))
        print("\n".join(problem[-1500:] for problem in result.problems))
        print(f"  the logs: {folder.relative_to(ROOT)}", flush=True)
        self._servers.mend()
        self.close()
        steps = result.plan.numbers
        if not self.options.no_shrink:
            if self._fails(result.plan):
                part, tries_count = shrink(result.plan, self._fails)
                steps = part.numbers
                print(f"  it fails again; the least of {tries_count} smaller ones: {part}")
            else:
                print("  it does not fail a second time")
        print(f"  to repeat it: {self._command(result.plan.seed, steps)}", flush=True)

    def _fails(self, plan: Plan) -> bool:
        result = self._round(plan)
        if result.problems:
            self.close()
        return bool(result.problems)

    def _command(self, seed: int, steps: Sequence[int]) -> str:
        only = f" --only {' '.join(self.options.only)}" if self.options.only else ""
        slow = " --slow" if self.options.slow else ""
        many = " --servers many" if self.options.servers == "many" else ""
        many += " --direct" if self.options.direct else ""
        many += " --asynchronous" if self.options.asynchronous else ""
        chosen = " ".join(map(str, steps))
        return f"./dev chaos --rounds 1 --seed {seed}{many}{only}{slow} --steps {chosen}"


def show_summary(run: Run, seconds: float) -> int:
    """Print the sums. Returns the exit code."""
    results = run.results
    counts = Counter(step.fault for result in results for step in result.plan.steps)
    failed = [result.plan.seed for result in results if result.problems]
    drains = sorted(result.drain_seconds for result in results)
    print(f"{len(results)} rounds in {seconds:.0f} s, {sum(counts.values())} faults:")
    print("  " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print(
        f"  {sum(r.transfers_count for r in results)} transfers,"
        f" {sum(r.repeated_count for r in results)} of them asked for twice,"
        f" {sum(r.late_count for r in results)} with a short deadline;"
        f" {sum(r.lost_answers_count for r in results)} answers of commits lost"
    )
    if drains:
        middle = drains[len(drains) // 2]
        print(
            f"  all was done {middle:.1f} s after the faults (median), {drains[-1]:.1f} s at most"
        )
    if silences := sorted(result.silence_seconds for result in results):
        middle = silences[len(silences) // 2]
        print(
            f"  the longest time of a round without a transfer: {middle:.1f} s (median),"
            f" {silences[-1]:.1f} s at most"
        )
    print(f"  no worker has grown by more than {run.growth_max:.0f} MiB")
    print(f"  failed: {len(failed)}" + (f", seeds {failed}" if failed else ""))
    return 1 if failed else 0


def main() -> int:
    options = parse()
    if options.list:
        show_kinds(options)
        return 0
    kinds = options.kinds
    if options.plan:
        for i in range(options.rounds):
            print(f"seed {options.seed + i}: {make_plan(options.seed + i, kinds)}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with make_servers(options) as servers:
        servers.start()
        for name, reason in skipped(servers).items():
            if KINDS[name] in kinds:
                print(f"{name} is left out: {reason}")
        run = Run(servers, options, kinds)
        started_at = time.monotonic()
        try:
            run.run()
        finally:
            run.close()
            code = show_summary(run, time.monotonic() - started_at)
        return code


if __name__ == "__main__":
    sys.exit(main())
