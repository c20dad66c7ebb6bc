"""Every step of every worker is a moment in which it may die: the short visit of them all."""

from pathlib import Path

import pytest

from verification.crash_points.engine import rehearsed, visit_all
from verification.crash_points.opening import open_place
from verification.crash_points.place import BOOKS
from verification.kit.servers import own_addresses

SEED = 1


@pytest.mark.servers
@pytest.mark.timeout(900)
def test_workers_die_at_every_point(tmp_path: Path) -> None:
    with own_addresses() as addresses, open_place(addresses, tmp_path) as place:
        visits = rehearsed(place)
        assert visit_all(visits, SEED) == []
        print(f"{visits.scenes_count} scenes, {visits.deaths_count} deaths")
        assert not place.strays(), "steps that are not in the catalogue"
        place.run(BOOKS)
