"""`./dev points`: every crash point, one crash at a time, and two in a row."""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy.engine import make_url

from agentkit.management import Management
from tests.faults.points.catalogue import catalogue
from tests.faults.points.opening import Addresses, open_place
from tests.faults.points.place import BOOKS, Place
from tests.faults.points.plan import double_visits, every_visit
from tests.faults.points.scenarios import SCENARIOS
from tests.faults.points.visits import Visit, Visits
from tests.support.broker import Users
from tests.support.database import Databases

_SHOWN_LENGTH_MAX = 2000
_BOOKS_EVERY_COUNT = 100


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog="./dev points", description=__doc__)
    parser.add_argument("--list", action="store_true", help="list the points, and do nothing")
    parser.add_argument("--seed", type=int, default=1, help="decides the order, and the pairs")
    parser.add_argument("--only", nargs="+", choices=list(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--victim", help="only this worker dies")
    parser.add_argument("--minutes", type=float, help="begin no scene after so long")
    parser.add_argument("--single", action="store_true", help="one crash in each scene only")
    parser.add_argument("--pairs", action="store_true", help="two crashes in each scene only")
    return parser.parse_args(arguments)


def _visits(options: argparse.Namespace, visits: Visits) -> list[Visit]:
    singles: Iterator[Visit] = every_visit(visits.rehearsals)
    pairs: Iterator[Visit] = double_visits(visits.rehearsals, options.seed)
    wanted = [*(() if options.pairs else singles), *(() if options.single else pairs)]
    wanted = [v for v in wanted if options.victim in (None, v.victim)]
    random.Random(options.seed).shuffle(wanted)
    return wanted


def _run(options: argparse.Namespace, place: Place) -> Visits:
    visits = Visits(place)
    for name in options.only:
        visits.rehearse(name)
    wanted = _visits(options, visits)
    print(f"{len(wanted)} scenes", flush=True)
    started_at = time.monotonic()
    end = started_at + options.minutes * 60 if options.minutes else float("inf")
    for number, visit in enumerate(wanted, 1):
        if time.monotonic() >= end:
            break
        problems_count = len(visits.problems)
        try:
            visits.visit(visit)
        except AssertionError as error:
            visits.problems.append(str(error))
        for problem in visits.problems[problems_count:]:
            print(problem[:_SHOWN_LENGTH_MAX], flush=True)
        if number % _BOOKS_EVERY_COUNT == 0:
            place.run(BOOKS)
            seconds = time.monotonic() - started_at
            print(f"{number} scenes, {visits.deaths_count} deaths, {seconds:.0f} s", flush=True)
    place.run(BOOKS)
    return visits


def _tell(visits: Visits) -> bool:
    """Say what came out. Returns whether all was well."""
    strays = visits.place.strays()
    dead_at = {(death.point.site, death.point.phase) for death in visits.deaths}
    print(
        f"{visits.scenes_count} scenes, {visits.deaths_count} deaths of {len(visits.deaths)} kinds"
        f" (worker, point, subject) at {len(dead_at)} points of"
        f" {len({site for site, _ in dead_at})} of {len(catalogue())} sites,"
        f" {len(visits.missed)} times missed, {len(visits.problems)} problems"
    )
    for stray in sorted(strays):
        print(f"not in the catalogue: {stray[:_SHOWN_LENGTH_MAX]}")
    return not visits.problems and not strays


def main() -> None:
    """Make the visits. Ends with 1 if something was wrong."""
    options = parse()
    if options.list:
        for site in catalogue().values():
            print(site.key, *site.phases)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        addresses = _make_addresses(stack)
        place = stack.enter_context(open_place(addresses, Path(folder)))
        is_well = _tell(_run(options, place))
    sys.exit(not is_well)


def _make_addresses(stack: ExitStack) -> Addresses:
    """A database, a virtual host and users, which are gone in the end."""
    databases = Databases(make_url(os.environ["TEST_POSTGRES_URL"]))
    stack.callback(databases.drop_all)
    management = Management(os.environ["TEST_BROKER_MANAGEMENT_URL"])
    stack.callback(management.close)
    users = Users(management)
    stack.callback(users.delete_all)
    vhost = f"points_{os.getpid()}"
    management.create_vhost(vhost)
    stack.callback(management.delete_vhost, vhost)
    broker_url = f"{os.environ['TEST_BROKER_URL'].rstrip('/')}/{vhost}"
    database_url = databases.create()
    return Addresses(
        database_url,
        databases.as_runner(database_url),
        broker_url,
        users.url_as("swpt_accounts_worker", broker_url),
    )


if __name__ == "__main__":
    main()
