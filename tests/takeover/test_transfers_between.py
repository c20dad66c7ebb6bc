"""What happens between the ways, both programs go on with."""

from datetime import UTC, datetime

from tests.takeover.giving_back import give_back, shard_of
from tests.takeover.reference import Place, ReferenceDatabases, move
from verification.kit.shard import Shard
from verification.model.builders import (
    ALICE,
    BOB,
    DEBTOR,
    ROOT,
    configure_account,
    finalize_transfer,
    pending_balance_change,
    prepare_transfer,
)
from verification.model.state import PreparedTransfer

ALL = 7776000


def now() -> datetime:
    return datetime.now(UTC)


def prepare(shard: Shard, creditor_id: int, recipient: int, amount: int) -> PreparedTransfer:
    """Have a transfer prepared."""
    before = prepared_transfers(shard)
    kind = "issuing" if creditor_id == ROOT else "direct"
    shard.receive(prepare_transfer(creditor_id, recipient, amount, now(), coordinator_type=kind))
    shard.process_transfer_requests()
    (transfer,) = [t for t in prepared_transfers(shard) if t not in before]
    return transfer


def prepared_transfers(shard: Shard) -> list[PreparedTransfer]:
    return [PreparedTransfer(**row) for row in shard.prepared_transfers()]


def pay(shard: Shard, creditor_id: int, recipient: int, amount: int) -> None:
    """Make a transfer, up to where the recipient's balance is to be changed."""
    transfer = prepare(shard, creditor_id, recipient, amount)
    shard.receive(finalize_transfer(transfer, amount, now()))
    shard.process_finalization_requests()


def work_in_ours(shard: Shard) -> PreparedTransfer:
    """A transfer at each stage of its way. Returns one that is prepared."""
    shard.receive(*(configure_account(c, now(), negligible_amount=1e6) for c in (ROOT, ALICE, BOB)))
    pay(shard, ROOT, ALICE, 1000)
    shard.receive(pending_balance_change(BOB, 6, now(), other_creditor_id=99, change_id=8))
    shard.process_balance_changes()

    prepared = prepare(shard, ALICE, BOB, 50)
    asked = prepare(shard, ALICE, BOB, 60)
    pay(shard, ALICE, BOB, 70)
    shard.receive(finalize_transfer(asked, 60, now()))
    shard.receive(pending_balance_change(BOB, 5, now(), other_creditor_id=99, change_id=9))
    shard.receive(prepare_transfer(ALICE, BOB, 80, now()))
    return prepared


def work_in_the_reference(place: Place) -> None:
    """Its own functions do what is in its queues."""
    for call in (
        f"process_transfer_requests({DEBTOR}, {ALICE}, {ALL})",
        f"process_finalization_requests({DEBTOR}, {ALICE}, false)",
        f"process_pending_balance_changes({DEBTOR}, {BOB})",
    ):
        place.query(f"SELECT {call}")


def test_transfers_at_each_stage_of_their_way(reference: ReferenceDatabases) -> None:
    place = reference.create("no rows")
    move(place)
    with shard_of(place) as shard:
        prepared = work_in_ours(shard)
    give_back(place)
    assert place.query(
        "SELECT principal_delta, is_applied FROM pending_balance_change"
        " JOIN registered_balance_change USING (debtor_id, other_creditor_id, change_id)"
        " ORDER BY 1"
    ) == [(5, False), (70, False)]
    # (of changes within the shard, which are applied, ours knows nothing)
    assert place.query(
        "SELECT other_creditor_id, change_id FROM registered_balance_change WHERE is_applied"
    ) == [(99, 8)]

    work_in_the_reference(place)
    assert place.query(
        "SELECT creditor_id, principal, total_locked_amount FROM account ORDER BY 1"
    ) == [
        (ROOT, -1000, 0),
        (ALICE, 870, 130),
        (BOB, 81, 0),
    ]
    ((first_id,),) = place.query("SELECT change_id FROM pending_balance_change_signal")
    assert place.query("SELECT max(change_id) < %s FROM registered_balance_change", first_id) == [
        (True,)
    ]

    move(place)
    with shard_of(place) as shard:
        assert {t.transfer_id for t in prepared_transfers(shard)} > {prepared.transfer_id}
        sent = [m for m in shard.take_messages() if m["type"] == "PendingBalanceChange"]
        (on_its_way,) = sent
        again = pending_balance_change(BOB, 5, now(), other_creditor_id=99, change_id=9)
        shard.receive(on_its_way, again, on_its_way, finalize_transfer(prepared, 50, now()))
        shard.process_finalization_requests()
        shard.process_balance_changes()
        assert [row["principal"] for row in shard.accounts()] == [-1000, 820, 191]
        shard.check_books(received={DEBTOR: 11})
    moved = give_back(place)
    assert moved is not None
    assert moved.losses == []
    assert place.query("SELECT sum(principal), sum(total_locked_amount) FROM account") == [(11, 80)]
