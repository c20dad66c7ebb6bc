"""The fetch API of other shards."""

from collections.abc import Iterator

import pytest

from agentkit.fetch_api import FetchApi, serve_fetch_api


@pytest.fixture
def fetch_api() -> Iterator[FetchApi]:
    """Nobody answers, until the test says who does."""
    with serve_fetch_api() as api:
        yield api
