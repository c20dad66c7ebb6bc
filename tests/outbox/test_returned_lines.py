"""Returned messages wait in lines: back-off, shares, order, and the end of a line."""

import json
from collections.abc import Callable, Iterator

import pytest

from swpt_accounts.db.connection import connect
from swpt_accounts.outbox.messages import OutboxMessage
from swpt_accounts.outbox.returned_messages import (
    end_lines,
    note_lines,
    put_aside,
    take_due_messages,
)
from swpt_accounts.settings import Settings
from swpt_accounts.smp.outgoing import (
    AccountPurge,
    OutgoingMessage,
    RejectedConfig,
    RejectedTransfer,
)
from verification.kit.shard import Shard
from verification.model.builders import DAY, NOW, SECOND

TS = "2024-05-20T13:15:09+00:00"
NAME = "AccountPurgeSignal"
NAMES = [NAME, "RejectedTransferSignal", "RejectedConfigSignal"]

FILL = """
INSERT INTO returned_line
    (signal_name, destination, attempts_count, pause_seconds, next_attempt_at)
SELECT %(name)s, 'to_creditors ' || i, 20, 900, current_ts() - interval '1 second'
FROM generate_series(1, %(count)s) AS i;
"""
FILL_MESSAGES = """
INSERT INTO returned_message (signal_name, destination, body, reason, next_attempt_at)
SELECT %(name)s, 'to_creditors ' || 1 + i %% %(lines)s, %(body)s, '', now()
FROM generate_series(1, %(count)s) AS i;
"""


@pytest.fixture
def other(settings: Settings) -> Iterator[Shard]:
    """Another flusher."""
    connection = connect(settings, "other")
    yield Shard(connection, settings)
    connection.close()


def purge(creditor_id: int, number: int = 0) -> AccountPurge:
    """A message to one creditor; the debtor is the number."""
    return AccountPurge(number, creditor_id, "2024-05-20", TS)


def rejection(creditor_id: int) -> RejectedTransfer:
    return RejectedTransfer(1, creditor_id, "direct", creditor_id, 1, "X", 0, TS)


def refuse(shard: Shard, *messages: OutgoingMessage) -> None:
    """Put messages aside, as the first ones or as others."""
    outgoing = [OutboxMessage.of(m) for m in messages]
    put_aside(shard.connection, outgoing, dict.fromkeys(range(len(outgoing)), "NO_ROUTE"))


def take(shard: Shard, count_max: int = 100) -> list[OutboxMessage]:
    return take_due_messages(shard.connection, NAMES, count_max)


def flush(
    shard: Shard, is_taken: Callable[[OutboxMessage], bool], count_max: int = 100
) -> list[OutboxMessage]:
    """Do what a flusher does with returned messages. Returns those that were sent."""
    with shard.connection.raw.transaction():
        returned = take(shard, count_max)
        refused = {i: "NO_ROUTE" for i, m in enumerate(returned) if not is_taken(m)}
        note_lines(shard.connection, returned, refused)
        if refused:
            put_aside(shard.connection, returned, refused)
    end_lines(shard.connection, NAMES)
    return returned


def nobody(_: OutboxMessage) -> bool:
    return False


def everybody(_: OutboxMessage) -> bool:
    return True


def lines(shard: Shard) -> list[tuple[str, int]]:
    rows = shard.rows("returned_line")
    return [(row["destination"], row["attempts_count"]) for row in rows]


def numbers(returned: list[OutboxMessage]) -> list[int]:
    """The numbers of purges."""
    return [json.loads(m.publication.body)["debtor_id"] for m in returned]


def test_destination_is_what_decides_about_the_route() -> None:
    assert OutboxMessage.of(purge(2)).destination == "to_creditors 00.00.00.00.00.00.00.02"
    destination = "to_coordinators direct 00.00.00.00.00.00.00.02"
    assert OutboxMessage.of(rejection(2)).destination == destination


def test_a_few_messages_probe_a_line(shard: Shard) -> None:
    refuse(shard, *[purge(1, i) for i in range(50)])
    assert len(lines(shard)) == 1
    shard.set_now(NOW + 2 * SECOND)
    assert numbers(flush(shard, nobody)) == [0, 1, 2]
    assert take(shard) == []
    # the pause is that of the line, and a new message does not change it
    refuse(shard, purge(1, 50))
    shard.set_now(NOW + 5 * SECOND)
    assert take(shard) == []
    shard.set_now(NOW + 6 * SECOND)
    assert numbers(flush(shard, nobody)) == [0, 1, 2], "each keeps its place"
    assert lines(shard) == [("to_creditors 00.00.00.00.00.00.00.01", 3)]
    rows = shard.rows("returned_message")
    assert [row["attempts_count"] for row in rows] == [3] * 3 + [1] * 48
    assert {row["put_aside_at"] for row in rows[:50]} == {NOW}


def test_pauses_double_up_to_a_quarter_of_an_hour(shard: Shard) -> None:
    refuse(shard, purge(1))
    now, pauses = NOW, []
    for _ in range(12):
        (row,) = shard.rows("returned_line")
        pauses.append((row["next_attempt_at"] - now).total_seconds())
        now = row["next_attempt_at"]
        shard.set_now(now)
        assert len(flush(shard, nobody)) == 1
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_the_line_follows_at_once_in_order(shard: Shard, caplog: pytest.LogCaptureFixture) -> None:
    refuse(shard, *[purge(1, i) for i in range(50)], purge(2, 99))
    assert len(caplog.records) == 2, "once for each line"
    assert "50" in caplog.records[0].message
    shard.set_now(NOW + 2 * SECOND)
    sent: list[int] = []
    batches: list[int] = []
    while batch := flush(shard, lambda m: str(m.destination).endswith(".01"), count_max=20):
        batches.append(len(batch))
        sent += [number for number in numbers(batch) if number != 99]
    assert sent == list(range(50))
    assert max(batches) == 20
    assert [d for d, _ in lines(shard)] == ["to_creditors 00.00.00.00.00.00.00.02"]
    assert len(caplog.records) == 3, "and once at its end"
    assert "sent: 50" in caplog.records[2].message


def test_destination_that_takes_some_only_is_asked_again_later(shard: Shard) -> None:
    """Its queue is full, and becomes empty slowly."""
    refuse(shard, *[purge(1, i) for i in range(10)])
    shard.set_now(NOW + 2 * SECOND)
    flush(shard, everybody)
    assert len(flush(shard, lambda m: numbers([m]) == [3])) == 7
    assert take(shard) == []
    assert len(shard.rows("returned_message")) == 6
    assert lines(shard)[0][1] == 1


def test_other_lines_of_a_destination_are_due_when_it_takes_messages(shard: Shard) -> None:
    refuse(shard, rejection(1))
    refuse(shard, purge(1))
    shard.set_now(NOW + 1 * SECOND)
    refuse(shard, RejectedConfig(1, 1, TS, 0, 0, "", 0.0, "X", TS))
    shard.set_now(NOW + 2 * SECOND)
    returned = flush(shard, lambda m: m.signal_name == NAME)
    assert [m.signal_name for m in returned] == ["RejectedTransferSignal", NAME]
    assert [m.signal_name for m in flush(shard, everybody)] == ["RejectedConfigSignal"]
    assert lines(shard) == [("to_coordinators direct 00.00.00.00.00.00.00.01", 2)]


def test_clock_that_goes_back_keeps_nothing_waiting(shard: Shard) -> None:
    shard.set_now(NOW + DAY)
    refuse(shard, purge(1))
    shard.set_now(NOW)
    assert len(flush(shard, nobody)) == 1
    (row,) = shard.rows("returned_line")
    assert row["next_attempt_at"] == NOW + 4 * SECOND


def test_many_dead_destinations_delay_nobody(shard: Shard) -> None:
    """10,000 lines are due, and have been so for longer."""
    raw = shard.connection.raw
    raw.execute(FILL, {"name": NAME, "count": 10_000})
    body = OutboxMessage.of(purge(7)).publication.body
    raw.execute(FILL_MESSAGES, {"name": NAME, "count": 100_000, "lines": 10_000, "body": body})
    refuse(shard, purge(1, 1), rejection(3))
    shard.set_now(NOW + 2 * SECOND)
    returned = take(shard, count_max=60)
    assert len(returned) == 60
    found = {m.line for m in returned}
    assert "to_creditors 00.00.00.00.00.00.00.01" in found
    assert "to_coordinators direct 00.00.00.00.00.00.00.03" in found
    assert len(found) == 60, "a share for each line"


def test_messages_of_the_version_before_get_a_line(shard: Shard) -> None:
    message = OutboxMessage.of(purge(1, 5))
    insert = (
        "INSERT INTO returned_message (signal_name, body, reason, next_attempt_at)"
        " VALUES (%s, %s, '', current_ts())"
    )
    for _ in range(20):
        shard.connection.raw.execute(insert, [NAME, message.publication.body])
    assert len(flush(shard, nobody, count_max=10)) == 5, "it has half of what may be sent"
    assert lines(shard) == [(message.destination, 2)]
    while flush(shard, nobody, count_max=10):
        pass
    rows = shard.rows("returned_message")
    assert {row["destination"] for row in rows} == {message.destination}
    shard.set_now(NOW + 4 * SECOND)
    assert sum(len(flush(shard, everybody)) for _ in range(3)) == 20
    assert shard.rows("returned_line") == shard.rows("returned_message") == []


def test_a_line_is_tried_by_one_flusher(shard: Shard, other: Shard) -> None:
    refuse(shard, *[purge(1, i) for i in range(5)], *[purge(2, i) for i in range(5)])
    for session in (shard, other):
        session.set_now(NOW + 2 * SECOND)
    with shard.connection.raw.transaction(force_rollback=True):
        assert len(take(shard, 1)) == 1
        assert {m.destination for m in take(other)} == {"to_creditors 00.00.00.00.00.00.00.02"}
        # nobody waits for them
        refuse(other, purge(1, 6))
    assert len(shard.rows("returned_message")) == 8


def test_a_line_does_not_end_while_messages_are_put_into_it(shard: Shard, other: Shard) -> None:
    refuse(shard, purge(1, 1))
    for session in (shard, other):
        session.set_now(NOW + 2 * SECOND)
    with other.connection.raw.transaction():
        refuse(other, purge(1, 2))
        assert numbers(flush(shard, everybody)) == [1]
        assert len(lines(shard)) == 1
    assert numbers(flush(shard, everybody)) == [2]
    assert lines(shard) == []


def test_line_whose_messages_are_gone_ends(shard: Shard) -> None:
    """They were discarded, or belong to the sibling of a split shard."""
    refuse(shard, purge(1))
    shard.connection.raw.execute("DELETE FROM returned_message")
    shard.set_now(NOW + 2 * SECOND)
    assert flush(shard, everybody) == []
    assert lines(shard) == []
