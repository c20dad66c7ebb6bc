"""What the tests of faults share."""

from collections.abc import Iterator

import pytest

from agentkit.authority import Authority
from agentkit.load import Load


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    """Batches, as in production."""
    return {"PROTOCOL_BROKER_PREFETCH_COUNT": "20", "APP_LOG_LEVEL": "info"}


@pytest.fixture
def load(authority: Authority) -> Iterator[Load]:
    """A load that, in the end, must have come to a good end."""
    made = Load(authority)
    yield made
    made.finish()
    made.check()
