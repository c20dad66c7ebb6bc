"""Databases of the reference, to be taken over."""

from collections.abc import Iterator

import pytest

from agentkit.databases import Databases
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


@pytest.fixture
def place(reference: ReferenceDatabases, request: pytest.FixtureRequest) -> Place:
    """A copy of the dump, as compose has it; where a test is `everywhere`, as Kubernetes, too."""
    return reference.create(getattr(request, "param", "role"))


@pytest.fixture
def public(reference: ReferenceDatabases) -> Place:
    """A copy of the dump, with the tables in `public`."""
    return reference.create("public")


@pytest.fixture(scope="module")
def moved(reference: ReferenceDatabases) -> Place:
    """A database that has been taken over, for tests that only look."""
    made = reference.create("role")
    assert move(made) is not None
    return made
