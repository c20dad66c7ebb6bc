"""A short part of the fuzzing of the handlers; and that it finds what is planted."""

from collections.abc import Iterator
from random import Random
from typing import Any

import psycopg
import pytest

from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.inbox.commit import apply_messages
from verification.fuzzing import handlers as fuzzed
from verification.fuzzing.checking import Finding
from verification.fuzzing.handlers import Handlers
from verification.fuzzing.place import own_shard
from verification.kit.shard import Shard

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def shard() -> Iterator[Shard]:
    with own_shard() as place:
        yield place.shard


@pytest.fixture
def handlers(shard: Shard) -> Handlers:
    shard.clear()
    return Handlers(shard, Random(3))


def test_rounds(handlers: Handlers) -> None:
    for _ in range(2):
        handlers.run_round(300)
    counts = handlers.counts
    assert counts.refused + counts.taken == 600
    assert min(counts.refused, counts.outgoing) > 50
    assert counts.taken > 300
    assert counts.chores > 10


def test_a_message_that_the_database_refuses_is_found(
    monkeypatch: pytest.MonkeyPatch, handlers: Handlers
) -> None:
    def refusing(
        connection: Any, settings: Any, received: list[ReceivedMessage], **options: Any
    ) -> None:
        if any(getattr(r.message, "negligible_amount", 0.0) > 1e300 for r in received):
            raise psycopg.DataError("value out of range")
        apply_messages(connection, settings, received, **options)

    monkeypatch.setattr(fuzzed, "apply_messages", refusing)
    with pytest.raises(Finding, match=r"taken, and then refused: .*value out of range"):
        for _ in range(5):
            handlers.run_round(100)


def test_wrong_books_are_found(handlers: Handlers, shard: Shard) -> None:
    handlers.run_round(100)
    shard.connection.raw.execute("UPDATE account SET total_locked_amount = 7")
    with pytest.raises(Finding, match=r"the books: .*locks"):
        handlers.run_round(100)
