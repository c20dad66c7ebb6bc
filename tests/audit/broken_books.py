"""What can be broken in the books, and how `verify_books` tells it.

Each is a statement that breaks it, the code of the check that finds it, the creditor of whom it is
told, and words of what is told.
"""

import json
import re

from swpt_accounts.audit.checks import RETURNED_MESSAGE
from verification.model.builders import ALICE, BOB, CAROL, DEBTOR, NOW, ROOT

STRANGER = 77
CREDITORS = {"ALICE": ALICE, "BOB": BOB, "CAROL": CAROL, "ROOT": ROOT, "STRANGER": STRANGER}


def returned(signal_name: str, body: object) -> str:
    text = body if isinstance(body, str) else json.dumps(body)
    return (
        "INSERT INTO returned_message (signal_name, body, reason, next_attempt_at)"
        f" VALUES ('{signal_name}', convert_to('{text}', 'UTF8'), '', '2024-05-21')"
    )


def sent_change(amount: int, change_id: int = 5, **fields: object) -> dict[str, object]:
    """A balance change on its way from Alice to an account of another shard."""
    return {
        "type": "PendingBalanceChange",
        "debtor_id": DEBTOR,
        "creditor_id": STRANGER,
        "other_creditor_id": ALICE,
        "change_id": change_id,
        "coordinator_type": "direct",
        "transfer_note_format": "",
        "transfer_note": "",
        "committed_at": NOW.isoformat(),
        "principal_delta": amount,
        "ts": NOW.isoformat(),
        **fields,
    }


def insert_sent_change(amount: int, change_id: int = 5, moment: str = "2024-05-20") -> str:
    return (
        "INSERT INTO pending_balance_change_signal (debtor_id, creditor_id, other_creditor_id,"
        " change_id, coordinator_type, transfer_note_format, transfer_note, committed_at,"
        f" principal_delta, ts) VALUES ({DEBTOR}, {STRANGER}, {ALICE}, {change_id}, 'direct', '',"
        f" '', '{moment}', {amount}, '{moment}')"
    )


def table(text: str) -> list[tuple[str, str, int | None, str]]:
    """Cases of text: the check and the creditor, what is told, and the statement, indented."""
    for name, creditor_id in CREDITORS.items():
        text = text.replace(f"{{{name}}}", str(creditor_id))
    cases = []
    for head, told, statement in re.findall(r"^(\S.*?): (.+)\n((?: .+\n)+)", text, re.M):
        code, _, who = head.partition(" ")
        cases.append((" ".join(statement.split()), code, CREDITORS[who] if who else None, told))
    return cases


# In a shard with all that can be under way.
BREAKAGES = [
    *table("""
debtor_sum: add up to 3
    UPDATE account SET principal = principal + 3 WHERE creditor_id = 0
debtor_sum: add up to -2
    UPDATE pending_balance_change SET principal_delta = 18 WHERE principal_delta = 20
overflown ALICE: cut off
    UPDATE account SET status_flags = 2 WHERE creditor_id = {ALICE}
locks ALICE: it has 11 locked in 1 transfers, its prepared transfers lock 10 in 1
    UPDATE account SET total_locked_amount = 11 WHERE creditor_id = {ALICE}
locks ALICE: it has 10 locked in 0 transfers, its prepared transfers lock 10 in 1
    UPDATE account SET pending_transfers_count = 0 WHERE creditor_id = {ALICE}
locks ALICE: it has 10 locked in 1 transfers, its prepared transfers lock 0 in 0
    DELETE FROM prepared_transfer
deleted_account CAROL: it is deleted, and has 0 with 0.5 interest
    UPDATE account SET interest = 0.5 WHERE creditor_id = {CAROL}
deleted_account CAROL: has an update to send
    UPDATE account SET pending_account_update = true WHERE creditor_id = {CAROL}
deleted_account CAROL: not scheduled for deletion
    UPDATE account SET config_flags = 0 WHERE creditor_id = {CAROL}
deleted_account ALICE: has prepared transfers
    UPDATE account SET status_flags = 1, config_flags = 1, principal = 0, interest = 0 WHERE
        creditor_id = {ALICE}; UPDATE account SET principal = principal + 1000 WHERE creditor_id
        = 0
account_key BOB: it has no key
    DELETE FROM account_key WHERE creditor_id = {BOB}
account_key CAROL: it has a key, but does not exist
    DELETE FROM account WHERE creditor_id = {CAROL}
account_key CAROL: it is there 2 times
    INSERT INTO account SELECT * FROM account WHERE creditor_id = {CAROL}
received_change ALICE: waits, and the archive does not say so
    UPDATE registered_balance_change SET is_applied = true WHERE change_id = 1
received_change BOB: waits, and the archive does not say so
    DELETE FROM registered_balance_change WHERE change_id = 2
doubled_change ALICE: from creditor 0 waits 2 times
    UPDATE pending_balance_change SET change_id = 1, other_creditor_id = 0 WHERE NOT
        is_registered
doubled_change ALICE: was made here, and came from another shard too
    INSERT INTO registered_balance_change (debtor_id, other_creditor_id, change_id,
        committed_at, is_applied) SELECT debtor_id, other_creditor_id, change_id, committed_at,
        true FROM pending_balance_change WHERE NOT is_registered
transfer_id ALICE: is prepared, and the last one was
    UPDATE account SET last_transfer_id = last_transfer_id - 1 WHERE creditor_id = {ALICE}
transfer_id ALICE: transfer 1 is prepared
    UPDATE prepared_transfer SET transfer_id = 1
root_account ROOT: its configuration is not there
    DELETE FROM root_config
root_account ROOT: it is not there, and its configuration is
    INSERT INTO root_config (debtor_id, interest_rate) VALUES (9, 0)
root_account ROOT: it bears interest
    UPDATE account SET interest_rate = 1 WHERE creditor_id = 0
root_account ROOT: numbered transfers
    UPDATE account SET last_transfer_number = 1, last_transfer_committed_at = '2024-05-20' WHERE
        creditor_id = 0
root_account ROOT: its minimal balance is -1
    UPDATE account SET negligible_amount = 0, minimal_balance = -1 WHERE creditor_id = 0
account_values BOB: its interest is 0.000000000000000000001
    UPDATE account SET interest = 1e-21 WHERE creditor_id = {BOB}
account_values BOB: its interest is NaN
    UPDATE account SET interest = 'NaN' WHERE creditor_id = {BOB}
account_values BOB: its interest rates are 0, 101
    UPDATE account SET previous_interest_rate = 101 WHERE creditor_id = {BOB}
account_values BOB: its negligible amount is NaN
    UPDATE account SET negligible_amount = 'NaN' WHERE creditor_id = {BOB}
account_values BOB: its minimal balance is -1
    UPDATE account SET minimal_balance = -1 WHERE creditor_id = {BOB}
account_values BOB: its status flags are 4
    UPDATE account SET status_flags = 4 WHERE creditor_id = {BOB}
account_values CAROL: its last transfer is 0 of 2024-05-20
    UPDATE account SET last_transfer_committed_at = '2024-05-20' WHERE creditor_id = {CAROL}
account_values CAROL: its last prepared transfer is 5
    UPDATE account SET last_transfer_id = 5 WHERE creditor_id = {CAROL}
account_values CAROL: it changed at 2024-05-18
    UPDATE account SET last_change_ts = '2024-05-18' WHERE creditor_id = {CAROL}
account_values CAROL: debtor info
    UPDATE account SET debtor_info_sha256 = 'x' WHERE creditor_id = {CAROL}
account_values ROOT: debtor info
    UPDATE account SET debtor_info_iri = 'x' WHERE creditor_id = 0
transfer_values ALICE: pays to itself
    UPDATE prepared_transfer SET recipient_creditor_id = {ALICE}
transfer_values ALICE: has the demurrage rate -49
    UPDATE prepared_transfer SET demurrage_rate = -49
transfer_values ALICE: was reminded of before it was there
    UPDATE prepared_transfer SET last_reminder_ts = '2024-05-19'
transfer_values ALICE: has no coordinator
    UPDATE prepared_transfer SET coordinator_type = ''
transfer_values ALICE: locks -10
    UPDATE prepared_transfer SET locked_amount = -10; UPDATE account SET total_locked_amount =
        -10 WHERE creditor_id = {ALICE}
change_values ALICE: change 1: has too long a note
    UPDATE pending_balance_change SET transfer_note = repeat('x', 501) WHERE change_id = 1
change_values ALICE: has the note format '?'
    UPDATE pending_balance_change SET transfer_note_format = '?' WHERE change_id = 1
future_date ALICE: is of 2024-05-21
    UPDATE prepared_transfer SET prepared_at = '2024-05-21'
future_date CAROL: its last change is of infinity
    UPDATE account SET last_change_ts = 'infinity' WHERE creditor_id = {CAROL}
future_date CAROL: its creation is of 2024-05-22
    UPDATE account SET creation_date = '2024-05-22', last_change_ts = '2024-05-22',
        last_transfer_id = 1::bigint << 60 WHERE creditor_id = {CAROL}
row_id: table handled_batch: the row 0 is never read
    INSERT INTO handled_batch (id, handled_at, digests) OVERRIDING SYSTEM VALUE VALUES (0,
        '2024-05-20', '{}')
row_id: table pending_balance_change: the next ids are in use
    UPDATE pending_balance_change SET id = DEFAULT WHERE change_id = 1; SELECT
        setval('pending_balance_change_id_seq', 1)
"""),
    (insert_sent_change(7), "debtor_sum", None, "add up to 7"),
    (returned("PendingBalanceChangeSignal", sent_change(8)), "debtor_sum", None, "add up to 8"),
    (
        insert_sent_change(1) + ";" + insert_sent_change(-1),
        "doubled_change",
        STRANGER,
        f"change 5 from creditor {ALICE} waits 0 times, and is to be sent 2 times",
    ),
    (insert_sent_change(0), "change_values", STRANGER, "change 5: adds 0"),
    (
        insert_sent_change(1, moment="2024-05-21")
        + ";UPDATE account SET principal = principal - 1 WHERE creditor_id = 0",
        "future_date",
        STRANGER,
        "change 5 is of 2024-05-21",
    ),
    (returned("NoSignal", "{}"), RETURNED_MESSAGE, None, "unknown message type NoSignal"),
    (
        returned("PendingBalanceChangeSignal", "{"),
        RETURNED_MESSAGE,
        None,
        "Input data was truncated",
    ),
    (
        returned("PendingBalanceChangeSignal", sent_change(0, change_id=2**64)),
        RETURNED_MESSAGE,
        None,
        "change_id",
    ),
    (
        returned("PendingBalanceChangeSignal", sent_change(1, committed_at="soon")),
        RETURNED_MESSAGE,
        None,
        "soon",
    ),
]


# In a shard with messages in all outboxes, besides.
REPORTED = table("""
transfer_chain BOB: AccountTransfer 4: the one before has the number 1
    UPDATE account_transfer_signal SET previous_transfer_number = 1 WHERE transfer_number = 4
transfer_chain BOB: AccountTransfer 3: it exists twice
    UPDATE account_transfer_signal SET transfer_number = 3, previous_transfer_number = 2 WHERE
        transfer_number = 4
transfer_chain BOB: AccountTransfer 4: it is sent before an earlier one
    UPDATE account_transfer_signal SET id = DEFAULT WHERE transfer_number = 3
transfer_chain BOB: AccountTransfer 4: the principal went from 479 to 478 by 2
    UPDATE account_transfer_signal SET acquired_amount = 2, recipient = sender, sender =
        recipient WHERE transfer_number = 4
transfer_chain BOB: AccountTransfer 5: the principal was 478, and is 477
    UPDATE account_transfer_signal SET principal = principal + 1 WHERE transfer_number = 5
ahead_of_account BOB: AccountTransfer 5, after 1
    UPDATE account SET last_transfer_number = 1 WHERE creditor_id = {BOB}
ahead_of_account BOB: AccountUpdate 2024-05-20
    UPDATE account_update_signal SET last_change_ts = last_change_ts + interval '1 minute', ts =
        ts + interval '1 minute'
ahead_of_account BOB: AccountUpdate
    UPDATE account_update_signal SET last_change_seqnum = last_change_seqnum + 1
ahead_of_account BOB: PreparedTransfer
    UPDATE prepared_transfer_signal SET transfer_id = transfer_id + 1000 WHERE creditor_id =
        {BOB} AND locked_amount = 3
ahead_of_account BOB: FinalizedTransfer
    UPDATE finalized_transfer_signal SET transfer_id = transfer_id + 1000 WHERE id = (SELECT
        min(id) FROM finalized_transfer_signal)
finalized_transfer BOB: is finalized, and still prepared
    INSERT INTO prepared_transfer (debtor_id, creditor_id, transfer_id, coordinator_type,
        coordinator_id, coordinator_request_id, locked_amount, recipient_creditor_id,
        prepared_at, demurrage_rate, deadline, final_interest_rate_ts) SELECT debtor_id,
        creditor_id, transfer_id, coordinator_type, coordinator_id, coordinator_request_id, 0,
        0, prepared_at, -50, ts, ts FROM finalized_transfer_signal WHERE id = (SELECT min(id)
        FROM finalized_transfer_signal); DELETE FROM prepared_transfer_signal WHERE creditor_id
        = {BOB}; UPDATE account SET pending_transfers_count = pending_transfers_count + 1 WHERE
        creditor_id = {BOB}
finalized_transfer BOB: is finalized twice
    UPDATE finalized_transfer_signal SET transfer_id = (SELECT min(transfer_id) FROM
        finalized_transfer_signal)
finalized_transfer ALICE: reported as something else
    UPDATE prepared_transfer_signal SET locked_amount = 8 WHERE creditor_id = {ALICE} AND
        locked_amount = 6
signal_account STRANGER: it is not there, and an AccountUpdate was sent for it today
    UPDATE account_update_signal SET creditor_id = 77, account_id = '77'
signal_account ALICE: an AccountPurge says that it was purged
    INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts) VALUES (1,
        {ALICE}, '2024-05-20', '2024-05-20')
signal_values BOB: goes from 5 to
    UPDATE account_transfer_signal SET sender = '5' WHERE transfer_number = 4
signal_values BOB: is of 5
    UPDATE account_update_signal SET account_id = '5'
signal_values BOB: has the interest rate 101
    UPDATE account_update_signal SET interest_rate = 101
signal_values BOB: is older than what it says
    UPDATE account_update_signal SET ts = '2024-05-20'
signal_values BOB: has the number -1
    UPDATE account_update_signal SET last_transfer_number = -1
signal_values BOB: commits 20 (TIMEOUT)
    UPDATE finalized_transfer_signal SET status_code = 'TIMEOUT' WHERE id = (SELECT min(id) FROM
        finalized_transfer_signal)
signal_values BOB: leaves -1
    UPDATE finalized_transfer_signal SET total_locked_amount = -1 WHERE id = (SELECT min(id)
        FROM finalized_transfer_signal)
signal_values BOB: is older than its transfer
    UPDATE finalized_transfer_signal SET ts = '2024-05-20' WHERE id = (SELECT min(id) FROM
        finalized_transfer_signal)
signal_values STRANGER: is rejected with 'OK'
    UPDATE rejected_transfer_signal SET status_code = 'OK'
signal_values BOB: is rejected without a reason
    UPDATE rejected_config_signal SET rejection_code = ''
transfer_values BOB: wants 2 to 1
    UPDATE transfer_request SET min_locked_amount = 2
transfer_values ALICE: commits -1
    UPDATE finalization_request SET committed_amount = -1
transfer_values ALICE: has the note format 'a b'
    UPDATE finalization_request SET transfer_note_format = 'a b'
transfer_values ALICE: has too long a note
    UPDATE finalization_request SET transfer_note = repeat('é', 251)
""")
