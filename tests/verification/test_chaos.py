"""Some rounds of `./dev verify chaos`: every cheap fault once, by fixed seeds."""

from collections.abc import Iterator

import pytest

from verification.chaos.faults import KINDS, skipped
from verification.chaos.place import Place
from verification.chaos.plan import make_plan
from verification.chaos.rounds import run_round
from verification.chaos.servers import Servers

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]

# By the seeds of their rounds. The others take longer, or have tests of their own.
ROUNDS = {
    1: ("kill", "net-pg-cut", "msg-reordered"),
    2: ("pg-crash", "net-mq-reset", "msg-late"),
    3: ("freeze", "net-pg-slow", "msg-doubled"),  # the order is kept
    4: ("terminate", "pg-connections", "pg-lost-answers"),
    5: ("net-mq-cut", "pg-disk-full", "pg-read-only"),
    6: ("clock", "net-pg-reset", "mq-queue", "pg-locks"),
}


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with Servers() as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def place(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(servers, tmp_path_factory.mktemp("chaos") / "logs")
    yield made
    made.close()


@pytest.mark.parametrize("seed", ROUNDS)
def test_round(seed: int, place: Place) -> None:
    names = ROUNDS[seed]
    plan = make_plan(seed, [KINDS[name] for name in names])
    result = run_round(place, plan.without(skipped(place.servers)))
    again = f"./dev verify chaos --rounds 1 --seed {seed} --only {' '.join(names)}"
    assert not result.problems, "\n".join((str(plan), *result.problems, again))
    assert result.transfers_count > len(plan.steps)
