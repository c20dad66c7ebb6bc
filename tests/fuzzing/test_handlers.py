"""A short part of `./dev fuzz handlers`, by a fixed seed; and that it finds what is planted."""

from collections.abc import Iterator
from random import Random
from typing import Any

import psycopg
import pytest

from agentkit.database import dsn_of, execute
from swpt_accounts.inbox import commit, worker
from swpt_accounts.inbox.batch import ReceivedMessage, decode_batch
from swpt_accounts.inbox.commit import apply_messages
from tests.fuzzing.checking import Finding
from tests.fuzzing.documents import NOW
from tests.fuzzing.handlers import Handlers
from tests.fuzzing.place import Place, made_place

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with made_place(NOW) as made:
        yield made


@pytest.fixture
def handlers(place: Place) -> Iterator[Handlers]:
    made = Handlers(place, Random(3))
    made.begin_anew()
    yield made
    place.stop_worker()


def test_rounds(handlers: Handlers) -> None:
    for _ in range(2):
        handlers.run_round(250)
    counts = handlers.counts
    assert counts.refused + counts.taken == 500
    assert min(counts.refused, counts.outgoing) > 50
    assert counts.taken > 250
    assert counts.chores > 10


def test_a_handler_that_writes_before_it_refuses_is_found(
    monkeypatch: pytest.MonkeyPatch, handlers: Handlers, place: Place
) -> None:
    def writing(deliveries: Any, realm: Any) -> Any:
        received, refused = decode_batch(deliveries, realm)
        if refused:
            insert = "INSERT INTO handled_batch (handled_at, digests) VALUES (now(), '{}')"
            execute(dsn_of(place.runner_url), insert)
        return received, refused

    monkeypatch.setattr(worker, "decode_batch", writing)
    with pytest.raises(Finding, match=r"refused messages have changed \['handled_batch'\]"):
        handlers.run_round(100)


def test_a_message_that_the_database_refuses_is_found(
    monkeypatch: pytest.MonkeyPatch, handlers: Handlers
) -> None:
    def refusing(
        connection: Any, settings: Any, received: list[ReceivedMessage], **options: Any
    ) -> None:
        if any(getattr(r.message, "negligible_amount", 0.0) > 1e300 for r in received):
            raise psycopg.DataError("value out of range")
        apply_messages(connection, settings, received, **options)

    monkeypatch.setattr(commit, "apply_messages", refusing)
    with pytest.raises(Finding, match=r"(?s)taken, and then refused: .*value out of range"):
        for _ in range(5):
            handlers.run_round(100)


def test_wrong_books_are_found(handlers: Handlers, place: Place) -> None:
    handlers.run_round(50)
    place.shard.connection.raw.execute("UPDATE account SET total_locked_amount = 7")
    with pytest.raises(Finding, match=r"the books: .*locks"):
        handlers.run_round(20)
