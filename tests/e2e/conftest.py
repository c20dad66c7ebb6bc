"""What the end-to-end tests share."""

from collections.abc import Iterator

import pytest

from agentkit.authority import Authority
from agentkit.currency import Currency
from agentkit.outcomes import assert_sound


@pytest.fixture
def currency(authority: Authority) -> Iterator[Currency]:
    """A new currency. Whatever the authority sends during the test is checked, field by field."""
    observer = authority.observer
    assert observer is not None
    start = len(observer.messages)
    yield Currency(authority)
    observer.receive_all()
    assert_sound(observer.messages, start)
