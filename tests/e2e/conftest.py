"""What the end-to-end tests share."""

from collections.abc import Iterator

import pytest

from tests.e2e.agents import Currency
from tests.e2e.wire import chain_problems, problems_of
from tests.support.authority import Authority


@pytest.fixture
def currency(authority: Authority) -> Iterator[Currency]:
    """A new currency. Whatever the authority sends during the test is checked, field by field."""
    observer = authority.observer
    assert observer is not None
    start = len(observer.messages)
    yield Currency(authority)
    observer.receive()
    problems = [p for m in observer.messages[start:] for p in problems_of(m)]
    problems += chain_problems(observer.messages)
    assert not problems, problems[:5]
