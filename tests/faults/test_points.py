"""Every step of every worker is a moment in which it may die: the short visit of them all."""

from collections.abc import Iterator

import pytest

from tests.faults.points.opening import Addresses, open_place
from tests.faults.points.place import BOOKS, Place
from tests.faults.points.plan import ShortPlan
from tests.faults.points.required import UNCALLED, UNVISITED
from tests.faults.points.scenarios import SCENARIOS
from tests.faults.points.visits import Visits

SEED = 1


@pytest.fixture(scope="module")
def place(
    database_url: str,
    worker_url: str,
    broker_url: str,
    worker_broker_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("points")
    addresses = Addresses(database_url, worker_url, broker_url, worker_broker_url)
    with open_place(addresses, folder) as made:
        yield made


@pytest.mark.timeout(900)
def test_workers_die_at_every_point(place: Place) -> None:
    visits = Visits(place)
    for name in SCENARIOS:
        visits.rehearse(name)
    seen = {point for rehearsal in visits.rehearsals.values() for point in rehearsal.points}
    assert not {point.site for point in seen} & UNVISITED.keys(), "it can be visited"
    assert not {point.subject for point in seen} & UNCALLED.keys(), "it can be visited"

    plan = ShortPlan(visits.rehearsals, SEED)
    for visit in plan.visits():
        plan.note(visits.visit(visit))
    print(f"{visits.scenes_count} scenes, {visits.deaths_count} deaths")
    assert not visits.problems
    assert not plan.unmet, "nobody has died there"
    assert not place.strays(), "steps that are not in the catalogue"
    place.run(BOOKS)
