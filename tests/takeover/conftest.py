"""Databases of the reference, to be taken over."""

from collections.abc import Iterator

import pytest

from tests.support.database import Databases
from tests.takeover.reference import Place, ReferenceDatabases, move


@pytest.fixture(scope="session")
def reference(databases: Databases) -> Iterator[ReferenceDatabases]:
    """Makes databases as the reference leaves them; all of them are dropped at the end."""
    with ReferenceDatabases(databases.url) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_database_outlives_its_test(reference: ReferenceDatabases) -> Iterator[None]:
    with reference.dropped_afterwards():
        yield


@pytest.fixture(params=["public", "role"])
def place(reference: ReferenceDatabases, request: pytest.FixtureRequest) -> Place:
    """A copy of the dump; as Kubernetes has it, and as compose has it."""
    return reference.create(request.param)


@pytest.fixture
def public(reference: ReferenceDatabases) -> Place:
    """A copy of the dump, with the tables in `public`."""
    return reference.create("public")


@pytest.fixture(scope="module", params=["public", "role"])
def moved(reference: ReferenceDatabases, request: pytest.FixtureRequest) -> Place:
    """A database that has been taken over, for tests that only look."""
    made = reference.create(request.param)
    assert move(made) is not None
    return made
