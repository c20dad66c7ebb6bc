"""The trace context of a message, where the tables are looked at without the workers."""

import msgspec
import pytest

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.outbox.messages import OutboxMessage
from swpt_accounts.outbox.returned_messages import put_aside, take_due_messages
from swpt_accounts.smp.outgoing import AccountPurge

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NAME = "AccountPurgeSignal"


@pytest.mark.parametrize("traceparent", [PARENT, None])
def test_message_that_is_put_aside_keeps_its_trace(
    connection: DatabaseConnection, traceparent: str | None
) -> None:
    message = AccountPurge(1, 2, "2024-05-20", "2024-05-20T13:15:09+00:00")
    sent = OutboxMessage.of(message, traceparent)
    put_aside(connection, [sent], {0: "312 NO_ROUTE"})
    connection.raw.execute("UPDATE returned_line SET next_attempt_at = '1970-01-01'")
    (returned,) = take_due_messages(connection, [NAME], 10)
    assert returned.traceparent == traceparent
    assert returned.publication.properties.headers == sent.publication.properties.headers
    assert msgspec.json.decode(returned.publication.body, type=AccountPurge) == message


def test_steps_are_noted_behind_the_context(connection: DatabaseConnection) -> None:
    connection.raw.execute("SET swpt_accounts.now = '2026-01-01T00:00:00.000007Z'")
    row = connection.raw.execute(
        "SELECT note_step(%s, 'r'), note_step(note_step(%s, 'r'), 'p'), note_step(NULL, 'r')",
        [PARENT, PARENT],
    ).fetchone()
    step = "1767225600000007"
    assert row == (f"{PARENT} r{step}", f"{PARENT} r{step} p{step}", None)
