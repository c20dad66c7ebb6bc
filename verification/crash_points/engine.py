"""Every worker dies at each of its steps, and the scene comes to the same. The short plan meets all
goals, up to six crashes in a scene; each seed has other chains of crashes.
"""

import argparse
import tempfile
from pathlib import Path

from verification.crash_points.catalogue import catalogue
from verification.crash_points.opening import open_place
from verification.crash_points.place import BOOKS, Place
from verification.crash_points.plan import ShortPlan
from verification.crash_points.required import UNCALLED, UNVISITED
from verification.crash_points.scenarios import SCENARIOS
from verification.crash_points.visits import Visits
from verification.kit.run import Run
from verification.kit.servers import own_addresses

ROUNDS_COUNT = 1
_SHOWN_LENGTH_MAX = 2000


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", action="store_true", help="show the points, and end")


def show(options: argparse.Namespace) -> bool:
    """Show the points, if that is wanted."""
    if options.list:
        for site in catalogue().values():
            print(site.key, *site.phases)
    return bool(options.list)


def run(run: Run) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        own_addresses() as addresses,
        open_place(addresses, Path(folder)) as place,
    ):
        visits = rehearsed(place)
        for seed in run.seeds():
            for problem in visit_all(visits, seed, run):
                run.find(f"seed {seed}: {problem[:_SHOWN_LENGTH_MAX]}")
        place.run(BOOKS)
        for stray in sorted(place.strays()):
            run.find(f"not in the catalogue: {stray[:_SHOWN_LENGTH_MAX]}")
    dead_at = {(death.point.site, death.point.phase) for death in visits.deaths}
    run.note(
        f"{visits.scenes_count} scenes, {visits.deaths_count} deaths of {len(visits.deaths)} kinds"
        f" (worker, point, subject) at {len(dead_at)} points of"
        f" {len({site for site, _ in dead_at})} of {len(catalogue())} sites"
    )


def rehearsed(place: Place) -> Visits:
    """All scenarios, played without a crash. Raises `AssertionError` if an exception is stale."""
    visits = Visits(place)
    for name in SCENARIOS:
        visits.rehearse(name)
    seen = {point for rehearsal in visits.rehearsals.values() for point in rehearsal.points}
    assert not {point.site for point in seen} & UNVISITED.keys(), "it can be visited"
    assert not {point.subject for point in seen} & UNCALLED.keys(), "it can be visited"
    return visits


def visit_all(visits: Visits, seed: int, run: Run | None = None) -> list[str]:
    """Make the visits of a seed, as far as there is time. Returns what was wrong."""
    problems_count = len(visits.problems)
    plan = ShortPlan(visits.rehearsals, seed)
    for visit in plan.visits():
        if run is not None and run.is_out_of_time():
            break
        try:
            plan.note(visits.visit(visit))
        except AssertionError as error:
            visits.problems.append(str(error))
    else:
        visits.problems += [f"nobody has died there: {goal}" for goal in plan.unmet]
    return visits.problems[problems_count:]
