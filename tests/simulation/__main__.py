"""`./dev simulate`: runs in one process and in virtual time, by a seed."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from sqlalchemy.engine import make_url

from tests.simulation.faults import KINDS
from tests.simulation.mutations import MUTATIONS, mutated
from tests.simulation.plan import Plan, make_plan
from tests.simulation.running import Place, Result
from tests.simulation.shrinking import shrink
from tests.support.database import Databases


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="./dev simulate",
        description="Runs the workers' own code in one process and in virtual time, with a"
        " simulated broker and simulated crashes, on a real PostgreSQL. A seed is always the same"
        " history. One that fails is shrunk.",
    )
    add = parser.add_argument
    add("--seeds", type=int, default=100, metavar="N", help="how many seeds (default: 100)")
    add("--seed", type=int, default=1, metavar="S", help="the first of them (default: 1)")
    add("--minutes", type=float, metavar="M", help="begin no more of them after so many minutes")
    add("--trace", action="store_true", help="show the whole history of each run")
    add("--plan", action="store_true", help="show what would happen, and end")
    add("--steps", type=int, nargs="*", metavar="K", help="only these steps of each plan")
    add("--faults", type=int, nargs="*", metavar="K", help="only these faults of each plan")
    add("--schedule", type=int, default=0, metavar="K", help="let others run first")
    add("--mutate", choices=MUTATIONS, help="make the program worse: that has to be found")
    add("--no-shrink", action="store_true", help="do not look for the shortest history")
    add("--list", action="store_true", help="show the faults, and end")
    return parser.parse_args(arguments)


def plan_of(options: argparse.Namespace, seed: int) -> Plan:
    """The plan of a seed, as far as the options want it."""
    plan = make_plan(seed).only(options.steps, options.faults)
    return replace(plan, schedule=options.schedule)


def command(plan: Plan, mutation: str | None) -> str:
    """What repeats a run."""
    parts = [f"./dev simulate --seeds 1 --seed {plan.seed} --schedule {plan.schedule}"]
    parts.append(f"--steps {' '.join(map(str, plan.step_numbers))}".strip())
    parts.append(f"--faults {' '.join(map(str, plan.fault_numbers))}".strip())
    if mutation:
        parts.append(f"--mutate {mutation}")
    return " ".join(parts)


class Runs:
    """The runs of a command line."""

    def __init__(self, place: Place, options: argparse.Namespace) -> None:
        self.place = place
        self.options = options
        self.results: list[Result] = []

    def run(self) -> None:
        end = time.monotonic() + 60 * (self.options.minutes or 1e9)
        for i in range(self.options.seeds):
            if time.monotonic() >= end:
                break
            result = self.place.run(plan_of(self.options, self.options.seed + i))
            if self.options.trace:
                print("\n".join(result.trace))
            if result.problem or self.options.trace:
                self._tell(result)
            if result.problem and not self.options.no_shrink:
                self._shrink(result)
            # thousands of them would fill the memory
            result.trace = []
            self.results.append(result)

    def _tell(self, result: Result) -> None:
        verdict = "FAILED" if result.problem else "ok"
        print("\n".join(result.plan.lines()))
        print("\n".join(f"  happened: {fault}" for fault in result.faults))
        print(f"seed {result.plan.seed}: {verdict}, history {result.digest}", flush=True)
        if result.problem:
            print(result.problem[-1500:], flush=True)

    def _shrink(self, result: Result) -> None:
        plan, tries_count = shrink(result.plan, lambda p: self.place.run(p).problem is not None)
        print(f"the shortest that fails, of {tries_count}:")
        self._tell(self.place.run(plan))
        print(f"  to repeat it: {command(plan, self.options.mutate)} --trace", flush=True)


def show_summary(results: Sequence[Result], seconds: float) -> int:
    """Print the sums. Returns the exit code."""
    failed = [result.plan.seed for result in results if result.problem]
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    count = len(results)
    print(
        f"{count} seeds in {seconds:.0f} s: {count / seconds:.2f} a second, or"
        f" {count / seconds * 3600:.0f} interleavings an hour; load average {load}"
    )
    print(
        f"  {sum(r.steps_count for r in results)} steps,"
        f" {sum(r.switches_count for r in results)} changes of the worker that runs,"
        f" {sum(r.virtual_seconds for r in results):.0f} virtual seconds"
    )
    print(
        f"  {sum(r.transfers_count for r in results)} transfers,"
        f" {sum(r.repeated_count for r in results)} of them sent twice;"
        f" {sum(len(r.faults) for r in results)} faults happened"
    )
    print(f"  failed: {len(failed)}" + (f", seeds {failed}" if failed else ""))
    return 1 if failed else 0


def main() -> int:
    options = parse()
    if options.list:
        for name, (_, what) in KINDS.items():
            print(f"{name:14} {what}")
        return 0
    if options.plan:
        for i in range(options.seeds):
            print("\n".join(plan_of(options, options.seed + i).lines()))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    databases = Databases(make_url(os.environ["TEST_POSTGRES_URL"]))
    started_at = time.monotonic()
    with ExitStack() as stack:
        stack.callback(databases.drop_all)
        url = databases.create()
        place = Place(url, databases.as_runner(url))
        stack.callback(place.close)
        if options.mutate:
            stack.enter_context(mutated(options.mutate))
        runs = Runs(place, options)
        started_at = time.monotonic()
        try:
            runs.run()
        except KeyboardInterrupt:
            print("stopped")
        return show_summary(runs.results, time.monotonic() - started_at)


if __name__ == "__main__":
    sys.exit(main())
