"""The chore UpdateDebtorInfo."""

from datetime import timedelta

import pytest

from verification.model import builders
from verification.model.books import (
    account,
    delete_account,
    everything,
    open_books,
)
from verification.model.builders import (
    ALICE,
    CAROL,
    DAY,
    INFO,
    MICROSECOND,
    NOW,
    ROOT,
    SECOND,
    YEAR,
)
from verification.model.node import Node
from verification.model.state import Message


def test_info_is_changed(node: Node) -> None:
    open_books(node, {ALICE: 1000}, rate=100.0)
    before = account(node, ALICE)
    node.set_now(NOW + YEAR)
    chore = builders.chore("UpdateDebtorInfo", ALICE, **INFO, ts=NOW + YEAR - DAY)
    node.perform_chore(chore)
    node.set_now(NOW + YEAR + SECOND)
    node.perform_chore({**chore, "ts": NOW + YEAR})
    assert account(node, ALICE) == {
        **before,
        **INFO,
        "interest": 1000,
        "last_change_ts": NOW + YEAR,
        "last_change_seqnum": before["last_change_seqnum"] + 1,
        "pending_account_update": False,
        "last_heartbeat_ts": NOW + YEAR,
    }
    (update,) = node.take_messages()
    assert (
        update.items()
        >= {
            **INFO,
            "principal": 1000,
            "interest": 1000.0,
            "last_change_ts": NOW + YEAR,
            "last_change_seqnum": 2,
        }.items()
    )


@pytest.mark.parametrize(
    "change",
    [
        {"debtor_info_iri": "https://example.com/½"},
        {"debtor_info_content_type": ""},
        {"debtor_info_sha256": b""},
        {"debtor_info_sha256": b"\xff" * 32},
    ],
)
def test_each_part_counts(node: Node, change: Message) -> None:
    open_books(node, {ALICE: 0})
    for info in (INFO, INFO, {**INFO, **change}):
        node.perform_chore(builders.chore("UpdateDebtorInfo", ALICE, **info, ts=NOW))
    assert account(node, ALICE).items() >= {**INFO, **change}.items()
    assert len(node.take_messages()) == 2


@pytest.mark.parametrize(("delay", "is_changed"), [(DAY, True), (DAY + MICROSECOND, False)])
def test_when(node: Node, delay: timedelta, is_changed: bool) -> None:
    open_books(node, {ALICE: 0})
    node.perform_chore(builders.chore("UpdateDebtorInfo", ALICE, **INFO, ts=NOW - delay))
    assert len(node.take_messages()) == is_changed


def test_who(node: Node) -> None:
    open_books(node, {ALICE: 0, CAROL: 1000})
    delete_account(node, ALICE, NOW + SECOND)
    before = everything(node)
    for creditor_id in (ALICE, ROOT, 77):
        node.perform_chore(builders.chore("UpdateDebtorInfo", creditor_id, **INFO, ts=NOW))
    assert everything(node) == before
