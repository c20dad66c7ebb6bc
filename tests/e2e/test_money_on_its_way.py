"""Changes on their way whose senders another program has debited, by its own, laxer rules."""

import pytest

from agentkit.authority import DEAD_LETTER_QUEUE, Authority
from agentkit.messages import configure, configure_root
from agentkit.waiting import wait_until

DEBTOR, SENDER, RECIPIENT = 9, 2**32 + 1, 2**32 + 2
PRINCIPAL = f"SELECT principal FROM account WHERE creditor_id = {RECIPIENT}"
CHANGE = f"""
INSERT INTO pending_balance_change_signal (
    debtor_id, creditor_id, other_creditor_id, change_id, coordinator_type, transfer_note_format,
    transfer_note, committed_at, principal_delta, ts
) VALUES ({DEBTOR}, {RECIPIENT}, {SENDER}, %s, 'direct', %s, 'note', now(), 1000, now())
"""
FORMATS = ("A\n", "\n", "A.b-9876\n")


@pytest.fixture
def authority_at_work(idle_authority: Authority) -> Authority:
    idle_authority.broker.declare_queue("told")
    idle_authority.broker.channel.queue_bind("told", "to_creditors", "#")
    idle_authority.start("consume_messages", "process_balance_changes", "flush_messages")
    idle_authority.send(configure_root(DEBTOR))
    idle_authority.send(configure(DEBTOR, RECIPIENT))
    wait_until(lambda: idle_authority.query(PRINCIPAL), what="the account")
    return idle_authority


def test_a_newline_after_the_note_format_loses_no_money(authority_at_work: Authority) -> None:
    """It is sent as it is in the outbox, taken in, applied, and told as it was."""
    authority = authority_at_work
    for number, note_format in enumerate(FORMATS, 1):
        authority.query(CHANGE, number, note_format)
    total = 1000 * len(FORMATS)
    wait_until(lambda: authority.query(PRINCIPAL) == [(total,)], what="the money arrives")
    told: list[str] = []

    def are_told() -> bool:
        message = authority.broker.get("told")
        if message is not None and message.data["type"] == "AccountTransfer":
            told.append(message.data["transfer_note_format"])
        return len(told) == len(FORMATS)

    wait_until(are_told, what="the AccountTransfers")
    assert sorted(told) == sorted(FORMATS)
    assert authority.broker.ready_count(DEAD_LETTER_QUEUE) == 0
