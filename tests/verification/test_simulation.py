"""Some seeds of the simulation, and that it finds what is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agentkit.databases import Databases
from tests.verification.worse_programs import MUTATIONS, mutated
from verification.simulation.plan import make_plan
from verification.simulation.running import Place, Result

SEEDS = range(1, 13)
# A seed that finds each of them. When a step or a fault is added, the plans of all seeds change.
FINDING_SEEDS = {
    "ack-before-commit": 202,
    "delete-before-confirm": 6,
    "no-redelivery": 20,
    "no-confirms": 3,
    "refused-is-sent": 5,
    "commit-not-repeated": 23,
    "held-are-forgotten": 1372,
}


@contextmanager
def make_place(databases: Databases) -> Iterator[Place]:
    url = databases.create()
    made = Place(url, databases.as_runner(url))
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(databases: Databases) -> Iterator[Place]:
    with make_place(databases) as made:
        yield made


@pytest.fixture(scope="module")
def other_place(databases: Databases) -> Iterator[Place]:
    with make_place(databases) as made:
        yield made


def run(place: Place, seed: int) -> Result:
    result = place.run(make_plan(seed))
    again = f"./dev verify simulation --rounds 1 --seed {seed}"
    assert result.problem is None, "\n".join((*result.plan.lines(), result.problem or "", again))
    return result


@pytest.mark.parametrize("seed", SEEDS)
def test_seed(seed: int, place: Place) -> None:
    assert run(place, seed).transfers_count > 0


def test_seed_is_one_history(place: Place, other_place: Place) -> None:
    seed = next(seed for seed in SEEDS if len(make_plan(seed).faults) > 3)
    first, second, third = run(place, seed), run(place, seed), run(other_place, seed)
    assert first.trace == second.trace == third.trace
    assert first.digest == second.digest == third.digest
    assert first.digest != run(place, seed + 1).digest


def test_history_has_faults_and_their_traces(place: Place) -> None:
    seed = next(seed for seed in SEEDS if len(make_plan(seed).faults) > 3)
    result = run(place, seed)
    assert result.faults
    told = [line for line in result.trace if "FAULT" in line]
    assert len(told) == len(result.faults)


@pytest.mark.parametrize("name", MUTATIONS)
def test_worse_program_is_found(name: str, place: Place) -> None:
    seed = FINDING_SEEDS[name]
    with mutated(name):
        assert place.run(make_plan(seed)).problem is not None
    # because of that, and of nothing else
    run(place, seed)
