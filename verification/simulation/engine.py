"""The workers' own code in one process and in virtual time, with a simulated broker and simulated
crashes, on a real PostgreSQL. A seed is always the same history. One that fails is shrunk.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from verification.kit.run import Run
from verification.kit.servers import own_database
from verification.kit.shrinking import shrink
from verification.simulation.faults import KINDS
from verification.simulation.plan import Plan, make_plan
from verification.simulation.running import Place, Result

ROUNDS_COUNT = 100
_TRIES_COUNT_MAX = 50
# Where less happens, others run first: the fault may need another schedule then.
_SCHEDULES_COUNT = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--trace", action="store_true", help="show the whole history of each run")
    add("--plan", action="store_true", help="show what would happen, and end")
    add("--steps", type=int, nargs="*", metavar="K", help="only these steps of each plan")
    add("--faults", type=int, nargs="*", metavar="K", help="only these faults of each plan")
    add("--schedule", type=int, default=0, metavar="K", help="let others run first")
    add("--list", action="store_true", help="show the faults, and end")


def show(options: argparse.Namespace) -> bool:
    """Show the faults, or the plans, if that is wanted."""
    if options.list:
        for name, (_, what) in KINDS.items():
            print(f"{name:14} {what}")
    if options.plan:
        for i in range(options.rounds or 1):
            print("\n".join(plan_of(options, options.seed + i).lines()))
    return bool(options.list or options.plan)


def plan_of(options: argparse.Namespace, seed: int) -> Plan:
    """The plan of a seed, as far as the options want it."""
    plan = make_plan(seed).only(options.steps, options.faults)
    return replace(plan, schedule=options.schedule)


def command(plan: Plan) -> str:
    """What repeats a run."""
    numbers = {"--steps": plan.step_numbers, "--faults": plan.fault_numbers}
    parts = [" ".join((name, *map(str, found))) for name, found in numbers.items()]
    first = f"./dev verify simulation --rounds 1 --seed {plan.seed} --schedule {plan.schedule}"
    return " ".join((first, *parts, "--trace"))


def run(run: Run) -> None:
    results: list[Result] = []
    with own_database() as (url, worker_url):
        place = Place(url, worker_url)
        try:
            for seed in run.seeds():
                result = place.run(plan_of(run.options, seed))
                if run.options.trace:
                    print("\n".join(result.trace))
                if result.problem:
                    run.find(_examine(place, result))
                # thousands of them would fill the memory
                result.trace = []
                results.append(result)
        finally:
            place.close()
    _summarize(run, results)


def _examine(place: Place, result: Result) -> str:
    """Look for the shortest history that fails. Returns what is to be told about it."""
    least = shortest(result.plan, lambda plan: place.run(plan).problem is not None)
    last = place.run(least)
    return "\n".join(
        (
            *last.plan.lines(),
            *(f"  happened: {fault}" for fault in last.faults),
            (last.problem or result.problem or "")[-1500:],
            f"  to repeat it: {command(least)}",
        )
    )


def shortest(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """The smallest part of a failing plan that was found: by its own schedule, or another one."""
    schedules: dict[tuple[str, ...], int] = {}

    def part_of(items: Sequence[tuple[str, int]]) -> Plan:
        kept = {kind: [n for which, n in items if which == kind] for kind in ("step", "fault")}
        return plan.only(kept["step"], kept["fault"])

    def fails_somehow(items: Sequence[tuple[str, int]]) -> bool:
        for schedule in range(plan.schedule, plan.schedule + _SCHEDULES_COUNT):
            if fails(replace(part_of(items), schedule=schedule)):
                schedules[tuple(map(str, items))] = schedule
                return True
        return False

    items = [("fault", n) for n in plan.fault_numbers] + [("step", n) for n in plan.step_numbers]
    least, _ = shrink(items, fails_somehow, _TRIES_COUNT_MAX)
    return replace(part_of(least), schedule=schedules.get(tuple(map(str, least)), plan.schedule))


def _summarize(run: Run, results: Sequence[Result]) -> None:
    run.note(
        f"{len(results)} histories: {sum(r.steps_count for r in results)} steps,"
        f" {sum(r.switches_count for r in results)} changes of the worker that runs,"
        f" {sum(r.virtual_seconds for r in results):.0f} virtual seconds,"
        f" {sum(r.transfers_count for r in results)} transfers,"
        f" {sum(len(r.faults) for r in results)} faults; load average {os.getloadavg()[0]:.1f}"
    )
