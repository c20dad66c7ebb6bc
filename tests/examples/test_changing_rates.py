"""The chore ChangeInterestRate."""

from datetime import datetime, timedelta

import pytest

from verification.model import builders
from verification.model.books import (
    account,
    delete_account,
    everything,
    open_books,
    sent,
)
from verification.model.builders import (
    ALICE,
    CAROL,
    DAY,
    MICROSECOND,
    NOW,
    ROOT,
    SECOND,
    YEAR,
)
from verification.model.node import Node

LATER = NOW + 8 * DAY


def change_rate(node: Node, rate: float, ts: datetime, creditor_id: int = ALICE) -> None:
    node.perform_chore(builders.chore("ChangeInterestRate", creditor_id, interest_rate=rate, ts=ts))


def test_rate_is_changed(node: Node) -> None:
    open_books(node, {ALICE: 1000}, rate=100.0)
    before = account(node, ALICE)
    node.set_now(NOW + YEAR)
    change_rate(node, 3.123456789, NOW + YEAR)
    alice = account(node, ALICE)
    assert alice == {
        **before,
        "interest": 1000,
        "interest_rate": 3.123456789,
        "previous_interest_rate": 100.0,
        "last_interest_rate_change_ts": NOW + YEAR,
        "last_change_ts": NOW + YEAR,
        "last_change_seqnum": before["last_change_seqnum"] + 1,
        "pending_account_update": False,
        "last_heartbeat_ts": NOW + YEAR,
    }
    (update,) = node.take_messages()
    assert (update["interest"], update["interest_rate"]) == (1000.0, 3.123456789)
    assert update["principal"] == 1000
    assert update["last_interest_rate_change_ts"] == update["last_change_ts"] == NOW + YEAR
    assert update["last_change_seqnum"] == 2


@pytest.mark.parametrize("rate", [5.5, 3.123456789, 0.1 + 0.2, -49.99999999999999, 5e-324])
def test_same_rate_is_no_change(node: Node, rate: float) -> None:
    open_books(node, {ALICE: 0})
    node.set_now(LATER)
    change_rate(node, rate, LATER)
    assert account(node, ALICE)["interest_rate"] == rate
    node.set_now(LATER + 8 * DAY)
    before = everything(node)
    change_rate(node, rate, LATER + 8 * DAY)
    assert everything(node) == before


@pytest.mark.parametrize(
    ("rate", "clamped"),
    [(-50.1, -50.0), (-1e100, -50.0), (1e308, 100.0), (100.00000001, 100.0), (7, 7.0)],
)
def test_rate_is_clamped(node: Node, rate: float, clamped: float) -> None:
    open_books(node, {ALICE: 0})
    node.set_now(LATER)
    change_rate(node, rate, LATER)
    assert account(node, ALICE)["interest_rate"] == clamped
    assert len(node.take_messages()) == 1


@pytest.mark.parametrize(
    ("since_change", "delay", "is_changed"),
    [
        (8 * DAY, 0 * DAY, True),
        (8 * DAY - MICROSECOND, 0 * DAY, False),
        (8 * DAY, DAY, True),
        (8 * DAY, DAY + MICROSECOND, False),
        (8 * DAY, -DAY, True),
    ],
)
def test_when(node: Node, since_change: timedelta, delay: timedelta, is_changed: bool) -> None:
    open_books(node, {ALICE: 0}, rate=5.5)
    now = NOW + since_change
    node.set_now(now)
    change_rate(node, 7.0, now - delay)
    assert account(node, ALICE)["interest_rate"] == (7.0 if is_changed else 5.5)
    assert len(sent(node, "AccountUpdate")) == is_changed


def test_who(node: Node) -> None:
    open_books(node, {ALICE: 0, CAROL: 1000})
    delete_account(node, ALICE, NOW + SECOND)
    node.set_now(LATER)
    before = everything(node)
    for creditor_id in (ALICE, ROOT, 77):
        change_rate(node, 7.0, LATER, creditor_id)
    assert everything(node) == before
