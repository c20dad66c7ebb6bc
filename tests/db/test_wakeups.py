"""Whatever leaves work in a queue or an outbox wakes up those who wait for it, and nobody else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import (
    LEASE_UNVERIFIED_REQUESTS,
    NOTE_VERIFICATIONS,
    PURGE_ACCOUNTS,
)
from swpt_accounts.scans.accounts import TOPIC as PROMPT_UPDATES_TOPIC
from swpt_accounts.settings import Settings
from swpt_accounts.stages.recipient_verification import TOPIC as VERIFYING_TOPIC
from swpt_accounts.stages.worker import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
)
from tests.support.realms import find_creditors, make_shard
from verification.kit.arithmetic import call_function
from verification.kit.rows import OUTBOXES, TOPICS
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.books import delete_account, open_books, prepare, prepared
from verification.model.builders import DAY, INFO, NOW, ROOT, SECOND

QUEUES = {
    "transfer_request": TRANSFER_REQUESTS.topic,
    "unverified_transfer_request": VERIFYING_TOPIC,
    "finalization_request": FINALIZATION_REQUESTS.topic,
    "pending_balance_change": BALANCE_CHANGES.topic,
}
WORK = {**QUEUES, **{name: TOPICS[name] for name in OUTBOXES}}
ROUTING_KEY, OTHER_ROUTING_KEY = "0.#", "1.#"
ALICE, BOB, CAROL, NEWCOMER = find_creditors(ROUTING_KEY, 4)
(FAR,) = find_creditors(OTHER_ROUTING_KEY, 1)
RATE_CHANGE = builders.chore("ChangeInterestRate", ALICE, interest_rate=-50.0, ts=NOW + 14 * DAY)


@pytest.fixture
def half(connection: DatabaseConnection, settings: Settings) -> Shard:
    """A shard with half of the world, in which three creditors have 1000 each."""
    made = make_shard(connection, settings, ROUTING_KEY)
    made.clear()
    made.set_now(NOW)
    open_books(made, dict.fromkeys((ALICE, BOB, CAROL), 1000), rate=100.0)
    for transfer in (
        prepare(made, ALICE, BOB, 10),
        prepare(made, ALICE, FAR, 10, "agent"),
        prepare(made, ROOT, BOB, 10, "issuing"),
        prepare(made, BOB, ALICE, 0),
    ):
        assert transfer.transfer_id
    made.take_messages()
    return made


@pytest.fixture
def listener(settings: Settings) -> Iterator[DatabaseConnection]:
    """A connection that hears everything."""
    made = connect(settings, "listener")
    made.listen([*WORK.values(), PROMPT_UPDATES_TOPIC])
    yield made
    made.close()


def last_ids(shard: Shard) -> dict[str, int]:
    """The last row of each queue and outbox."""
    return {t: max((row["id"] for row in shard.rows(t)), default=0) for t in WORK}


def answer(shard: Shard, is_reachable: bool | None) -> None:
    """Answer the one unverified request."""
    (request,) = shard.connection.call_table(
        LEASE_UNVERIFIED_REQUESTS, count_max=1, lease=timedelta(seconds=1)
    )
    shard.connection.call(
        NOTE_VERIFICATIONS,
        id=[request.id],
        is_reachable=[is_reachable],
        patience=timedelta(minutes=2),
    )


def purge(shard: Shard) -> None:
    """Purge the accounts that are deleted, however short ago."""
    shard.connection.call(
        PURGE_ACCOUNTS,
        first_page=0,
        end_page=1000,
        deleted_for_min=timedelta(0),
        **shard.settings.realm.parameters,
    )


@dataclass(frozen=True)
class Deed:
    """Something that leaves work behind, after something that leads to it."""

    do: Callable[[Shard], object]
    topics: str
    before: Callable[[Shard], object] = lambda _shard: None


def configure(creditor_id: int, **fields: object) -> Callable[[Shard], None]:
    return lambda shard: shard.receive(
        {**builders.configure_account(creditor_id, NOW + SECOND), **fields}
    )


def ask(sender: int, recipient: int, amount: int = 1) -> Callable[[Shard], None]:
    return lambda shard: shard.receive(builders.prepare_transfer(sender, recipient, amount))


def change(creditor_id: int, delta: int) -> Callable[[Shard], None]:
    return lambda shard: shard.receive(builders.pending_balance_change(creditor_id, delta))


def end(creditor_id: int, position: int, amount: int) -> Callable[[Shard], None]:
    return lambda shard: shard.receive(
        builders.finalize_transfer(prepared(shard, creditor_id)[position], amount)
    )


def perform(chore_type: str, **fields: object) -> Callable[[Shard], None]:
    return lambda shard: shard.perform_chore(builders.chore(chore_type, ALICE, **fields))


def leap(shard: Shard) -> None:
    shard.set_now(NOW + 14 * DAY)


def delete_and_leap(shard: Shard) -> None:
    delete_account(shard, CAROL, NOW + SECOND)
    leap(shard)


DEEDS = {
    "a configuration": Deed(configure(ALICE), "AccountUpdateSignal"),
    "a new account": Deed(configure(NEWCOMER), "AccountUpdateSignal"),
    "a bad configuration": Deed(configure(ALICE, config_data="x"), "RejectedConfigSignal"),
    "a late configuration": Deed(configure(ALICE, ts=NOW - DAY), ""),
    "a request": Deed(ask(ALICE, BOB), "TransferRequest"),
    "a request to another shard": Deed(ask(ALICE, FAR), "UnverifiedTransferRequest"),
    "a request to nobody": Deed(ask(ALICE, 8), "RejectedTransferSignal"),
    "a good answer": Deed(lambda s: answer(s, True), "TransferRequest", ask(ALICE, FAR)),
    "a bad answer": Deed(lambda s: answer(s, False), "RejectedTransferSignal", ask(ALICE, FAR)),
    "no answer": Deed(lambda s: answer(s, None), "", ask(ALICE, FAR)),
    "a preparation": Deed(
        Shard.process_transfer_requests, "PreparedTransferSignal", ask(ALICE, BOB)
    ),
    "a refusal": Deed(
        Shard.process_transfer_requests, "RejectedTransferSignal", ask(ALICE, BOB, 10**6)
    ),
    "an unknown sender": Deed(
        Shard.process_transfer_requests, "RejectedTransferSignal", ask(NEWCOMER, ROOT)
    ),
    "nothing to prepare": Deed(Shard.process_transfer_requests, ""),
    "a finalization": Deed(end(ALICE, 0, 1), "FinalizationRequest"),
    "a commit": Deed(
        Shard.process_finalization_requests,
        "FinalizedTransferSignal AccountTransferSignal PendingBalanceChange PendingAccountUpdate",
        end(ALICE, 0, 10),
    ),
    "a commit to another shard": Deed(
        Shard.process_finalization_requests,
        "FinalizedTransferSignal AccountTransferSignal PendingBalanceChangeSignal"
        " PendingAccountUpdate",
        end(ALICE, 1, 10),
    ),
    "an issue of money": Deed(
        Shard.process_finalization_requests,
        "FinalizedTransferSignal PendingBalanceChange PendingAccountUpdate",
        end(ROOT, 0, 10),
    ),
    "a dismissal": Deed(
        Shard.process_finalization_requests, "FinalizedTransferSignal", end(ALICE, 0, 0)
    ),
    "a failed commit": Deed(
        Shard.process_finalization_requests, "FinalizedTransferSignal", end(ALICE, 0, 10**6)
    ),
    "nothing to finalize": Deed(Shard.process_finalization_requests, ""),
    "a received change": Deed(change(ALICE, 5), "PendingBalanceChange"),
    "a change received again": Deed(change(ALICE, 5), "", change(ALICE, 5)),
    "an applied change": Deed(
        Shard.process_balance_changes,
        "AccountTransferSignal PendingAccountUpdate",
        change(ALICE, 5),
    ),
    "a change of the root account": Deed(
        Shard.process_balance_changes, "PendingAccountUpdate", change(ROOT, 5)
    ),
    "a change that opens an account": Deed(
        Shard.process_balance_changes,
        "AccountTransferSignal AccountUpdateSignal",
        change(NEWCOMER, 5),
    ),
    "nothing to change": Deed(Shard.process_balance_changes, ""),
    "a change of the rate": Deed(
        lambda s: s.perform_chore(RATE_CHANGE), "AccountUpdateSignal", leap
    ),
    "a change of the info": Deed(
        perform("UpdateDebtorInfo", **INFO, ts=NOW), "AccountUpdateSignal"
    ),
    "capitalized interest": Deed(
        perform("CapitalizeInterest"),
        "AccountTransferSignal PendingBalanceChange PendingAccountUpdate",
        leap,
    ),
    "a chore that is not due": Deed(perform("CapitalizeInterest"), ""),
    "a deletion": Deed(
        lambda s: s.perform_chore(builders.chore("TryToDeleteAccount", CAROL)),
        "AccountTransferSignal AccountUpdateSignal PendingBalanceChange",
        configure(CAROL, config_flags=1, negligible_amount=1000.0),
    ),
    "a deletion that fails": Deed(perform("TryToDeleteAccount"), ""),
    "pending updates": Deed(
        Shard.scan_accounts, "AccountUpdateSignal", lambda s: s.set_now(NOW + DAY)
    ),
    "prompt updates": Deed(
        Shard.send_prompt_account_updates,
        "AccountUpdateSignal",
        lambda s: s.set_now(NOW + DAY),
    ),
    "nothing to scan": Deed(Shard.scan_accounts, "", Shard.scan_accounts),
    "a purge": Deed(
        purge,
        "AccountPurgeSignal",
        delete_and_leap,
    ),
    "nothing to purge": Deed(purge, ""),
    "a reminder": Deed(Shard.scan_prepared_transfers, "PreparedTransferSignal", leap),
    "no reminder": Deed(Shard.scan_prepared_transfers, ""),
}


@pytest.mark.parametrize("name", DEEDS)
def test_work_wakes_up_those_who_wait_for_it(
    half: Shard, listener: DatabaseConnection, name: str
) -> None:
    deed = DEEDS[name]
    deed.before(half)
    listener.raw.execute("SELECT")
    listener.heard()
    before = last_ids(half)
    deed.do(half)
    listener.raw.execute("SELECT")
    heard = listener.heard()
    assert heard == set(deed.topics.split())
    # as many wake-ups as there are tables with new rows
    rows = {WORK[t] for t, last_id in last_ids(half).items() if last_id > before[t]}
    assert rows == heard - {PROMPT_UPDATES_TOPIC}


def test_wakeups_of_a_batch_are_folded(half: Shard, listener: DatabaseConnection) -> None:
    notices: list[str] = []
    listener.raw.add_notify_handler(lambda notice: notices.append(notice.channel))
    half.receive(*[builders.prepare_transfer(ALICE, BOB, 1) for _ in range(50)])
    listener.raw.execute("SELECT")
    assert notices.count("TransferRequest") == 1


def test_failed_transaction_wakes_up_nobody(half: Shard, listener: DatabaseConnection) -> None:
    with half.connection.raw.transaction(force_rollback=True):
        call_function(half.connection, "wake", "TransferRequest")
    listener.raw.execute("SELECT")
    assert listener.heard() == set()


def test_wait_ends_with_a_wakeup(half: Shard, listener: DatabaseConnection) -> None:
    assert listener.wait(0.0) == set()
    half.receive(builders.prepare_transfer(ALICE, BOB, 1))
    assert listener.wait(60.0) == {"TransferRequest"}
    assert listener.wait(0.0) == set()
