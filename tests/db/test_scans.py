"""One pass of each scan."""

from datetime import timedelta
from decimal import Decimal

import pytest

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.settings import Settings
from tests.db.books import (
    account,
    commit,
    configure_root,
    delete_account,
    open_books,
    prepare,
    sent,
)
from tests.db.realms import make_shard
from tests.db.shard import Shard
from tests.model import builders
from tests.model.builders import (
    ALICE,
    BOB,
    DAY,
    DEBTOR,
    INFO,
    MICROSECOND,
    NOW,
    ROOT,
    ROOT_INFO,
    SECOND,
)
from tests.model.money import MAX_INT64, T0
from tests.model.state import Message

HOUR = timedelta(hours=1)


def ids(chore_type: str, creditor_id: int = ALICE) -> Message:
    """A chore without parameters, as the scan posts it."""
    return {"type": chore_type, "debtor_id": DEBTOR, "creditor_id": creditor_id}


def test_pending_update_is_sent_once(shard: Shard) -> None:
    open_books(shard, {ALICE: 100})
    shard.set_now(NOW + SECOND)
    assert shard.scan_accounts() == []
    shard.set_now(NOW + 2 * SECOND)
    shard.scan_accounts()
    root, alice = sorted(shard.take_messages(), key=lambda m: m["creditor_id"])
    assert (root["creditor_id"], root["principal"]) == (ROOT, -100)
    assert (alice["creditor_id"], alice["principal"]) == (ALICE, 100)
    assert (alice["ts"], alice["last_change_ts"]) == (NOW + SECOND, NOW)
    assert account(shard, ALICE)["last_heartbeat_ts"] == NOW + SECOND


def test_burst_of_transfers_gives_one_update(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    for amount in (1, 2, 3):
        commit(shard, [(prepare(shard, ALICE, BOB, amount), amount)])
        shard.process_balance_changes()
    shard.take_messages()
    shard.scan_accounts()
    updates = {m["creditor_id"]: m for m in shard.take_messages()}
    assert {c: m["principal"] for c, m in updates.items()} == {ROOT: -100, ALICE: 94, BOB: 6}


def test_update_does_not_lag_behind_the_last_change(shard: Shard) -> None:
    open_books(shard, {ALICE: 100})
    shard.set_now(NOW - DAY)
    shard.scan_accounts()
    for update in sent(shard, "AccountUpdate"):
        assert update["ts"] == update["last_change_ts"] == NOW


@pytest.mark.parametrize(("heartbeat_days", "interval_days"), [(10, 10), (3, 7)])
def test_heartbeat(
    connection: DatabaseConnection, settings: Settings, heartbeat_days: int, interval_days: int
) -> None:
    shard = make_shard(connection, settings, "#", APP_ACCOUNT_HEARTBEAT_DAYS=str(heartbeat_days))
    shard.clear()
    shard.set_now(NOW)
    shard.receive(builders.configure_account(ALICE))
    (creation,) = shard.take_messages()
    now = NOW + interval_days * DAY
    shard.set_now(now)
    shard.scan_accounts()
    assert shard.take_messages() == []
    shard.set_now(now + MICROSECOND)
    shard.scan_accounts()
    (heartbeat,) = shard.take_messages()
    assert heartbeat == {**creation, "ts": now + MICROSECOND}


def test_deleted_account_has_no_heartbeat(shard: Shard) -> None:
    open_books(shard, {ALICE: 0})
    delete_account(shard, ALICE, NOW + SECOND)
    shard.take_messages()
    shard.set_now(NOW + 100 * DAY)
    assert shard.scan_accounts() == []
    assert [m["creditor_id"] for m in shard.take_messages()] == [ROOT]


def test_purge(shard: Shard) -> None:
    open_books(shard, {ALICE: 0})
    shard.set_now(NOW + DAY)
    delete_account(shard, ALICE, NOW + DAY)
    shard.take_messages()
    now = NOW + DAY + (14 + 90 + 2) * DAY
    shard.set_now(now)
    shard.scan_accounts()
    assert sent(shard, "AccountPurge") == []
    shard.set_now(now + MICROSECOND)
    shard.scan_accounts()
    assert [row["creditor_id"] for row in shard.rows("account")] == [ROOT]
    assert sent(shard, "AccountPurge") == [
        {
            "type": "AccountPurge",
            "debtor_id": DEBTOR,
            "creditor_id": ALICE,
            "creation_date": NOW.date(),
            "ts": now + MICROSECOND,
        }
    ]


def test_purged_root_account_takes_its_configuration_with_it(shard: Shard) -> None:
    configure_root(shard, rate=5.5)
    delete_account(shard, ROOT, NOW + SECOND)
    shard.set_now(NOW + 400 * DAY)
    shard.scan_accounts()
    assert shard.rows("account") == shard.rows("root_config") == []


def test_young_account_is_not_purged(shard: Shard) -> None:
    open_books(shard, {ALICE: 0})
    delete_account(shard, ALICE, NOW + SECOND)
    shard.update_account(DEBTOR, ALICE, last_change_ts=T0)
    for days in (3, 4):
        assert account(shard, ALICE)["status_flags"] == 1
        shard.set_now(NOW + days * DAY)
        shard.scan_accounts()
    assert len(shard.rows("account")) == 1


def test_account_that_is_not_deleted_is_not_purged(shard: Shard) -> None:
    open_books(shard, {ALICE: 0})
    shard.set_now(NOW + 4000 * DAY)
    shard.scan_accounts()
    assert len(shard.rows("account")) == 2


def test_nothing_is_due(shard: Shard) -> None:
    open_books(shard, {ALICE: 10**6}, rate=5.5)
    shard.set_now(NOW + DAY)
    assert shard.scan_accounts() == []


def test_chores_that_are_due(shard: Shard) -> None:
    open_books(shard, {ALICE: 10**6}, rate=100.0)
    now = NOW + 14 * DAY
    shard.set_now(now)
    configure_root(shard, now, rate=3.123456789, info=ROOT_INFO)
    shard.receive(builders.configure_account(ALICE, now, config_flags=1, negligible_amount=1e30))
    chores = shard.scan_accounts()
    assert chores == [
        ids("TryToDeleteAccount"),
        ids("CapitalizeInterest"),
        {**ids("ChangeInterestRate"), "interest_rate": 3.123456789, "ts": now},
        {**ids("UpdateDebtorInfo"), **INFO, "ts": now},
    ]
    for chore in reversed(chores):
        shard.perform_chore(chore)
    assert account(shard, ALICE)["status_flags"] == 1
    assert shard.scan_accounts() == []


def test_rate_changes_are_8_days_apart(shard: Shard) -> None:
    open_books(shard, {ALICE: 0}, rate=5.5)
    configure_root(shard, NOW + DAY, rate=7.0)
    shard.set_now(NOW + 8 * DAY - MICROSECOND)
    assert shard.scan_accounts() == []
    shard.set_now(NOW + 8 * DAY)
    (chore,) = shard.scan_accounts()
    shard.perform_chore(chore)
    assert account(shard, ALICE)["interest_rate"] == 7.0


def test_info_is_withdrawn_with_the_configuration(shard: Shard) -> None:
    open_books(shard, {ALICE: 0})
    shard.perform_chore(builders.chore("UpdateDebtorInfo", ALICE, **INFO, ts=NOW))
    (chore,) = shard.scan_accounts()
    shard.perform_chore(chore)
    assert account(shard, ALICE)["debtor_info_sha256"] == b""


def test_without_a_root_account_nothing_is_known(shard: Shard) -> None:
    open_books(shard, {ALICE: 0}, rate=5.5)
    shard.update_account(DEBTOR, ROOT, status_flags=1)
    shard.connection.raw.execute("DELETE FROM account_update_signal")
    shard.set_now(NOW + 400 * DAY)
    shard.scan_accounts()
    assert [row["creditor_id"] for row in shard.rows("account")] == [ALICE]
    assert shard.scan_accounts() == []


def test_root_account_that_was_never_configured_has_the_defaults(shard: Shard) -> None:
    shard.receive(builders.configure_account(ALICE))
    shard.update_account(DEBTOR, ALICE, interest_rate=5.5)
    shard.receive(builders.pending_balance_change(ROOT, 5, other_creditor_id=ALICE))
    shard.process_balance_changes()
    assert account(shard, ROOT)["config_data"] == ""
    assert shard.scan_accounts() == [{**ids("ChangeInterestRate"), "interest_rate": 0.0, "ts": NOW}]


def test_account_of_another_debtor(shard: Shard) -> None:
    open_books(shard, {ALICE: 0})
    shard.receive({**builders.configure_account(ALICE), "debtor_id": 2})
    configure_root(shard, NOW + SECOND, rate=5.5)
    shard.set_now(NOW + 20 * DAY)
    (chore,) = shard.scan_accounts()
    assert chore["debtor_id"] == DEBTOR


@pytest.mark.parametrize(
    ("principal", "interest", "is_due"),
    [
        (9998, "1.5", True),
        (9999, "1.5", False),
        (-9998, "1.5", True),
        (-9999, "1.5", False),
        (9998, "-0.5", True),
        (9999, "-0.5", False),
        (0, "0.99999", False),
        (MAX_INT64, "922337203685478.0", True),
        (MAX_INT64, "922337203685477.99", False),
    ],
)
def test_capitalization_waits_for_enough_interest(
    shard: Shard, principal: int, interest: str, is_due: bool
) -> None:
    open_books(shard, {ALICE: 0})
    shard.update_account(DEBTOR, ALICE, principal=principal, interest=Decimal(interest))
    shard.set_now(NOW + 14 * DAY - MICROSECOND)
    assert shard.scan_accounts() == []
    shard.set_now(NOW + 14 * DAY)
    assert shard.scan_accounts() == [ids("CapitalizeInterest")] * is_due


def test_deletion_is_attempted_again_after_a_while(shard: Shard) -> None:
    open_books(shard, {ALICE: 0, BOB: 0})
    prepare(shard, ALICE, BOB, 0)
    shard.set_now(NOW + DAY)
    shard.receive(builders.configure_account(ALICE, NOW + DAY, config_flags=1))
    (chore,) = shard.scan_accounts()
    shard.perform_chore(chore)
    shard.set_now(NOW + 15 * DAY - MICROSECOND)
    assert shard.scan_accounts() == []
    shard.set_now(NOW + 15 * DAY)
    assert shard.scan_accounts() == [chore]


@pytest.mark.parametrize(("amount", "is_due"), [(0, True), (5, False)])
def test_deletion_of_the_root_account(shard: Shard, amount: int, is_due: bool) -> None:
    open_books(shard, {ALICE: amount})
    shard.receive(
        builders.configure_account(ROOT, NOW + DAY, config_flags=1, negligible_amount=1e30)
    )
    assert shard.scan_accounts() == [ids("TryToDeleteAccount", ROOT)] * is_due


def test_prompt_updates(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    shard.set_now(NOW + HOUR)
    assert shard.send_prompt_account_updates() == 0
    shard.set_now(NOW + HOUR + MICROSECOND)
    assert shard.send_prompt_account_updates() == 2
    assert shard.send_prompt_account_updates() == 0
    assert sorted(m["creditor_id"] for m in shard.take_messages()) == [ROOT, ALICE]


def test_prompt_updates_come_in_batches_the_oldest_first(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 100})
    shard.update_account(DEBTOR, BOB, last_heartbeat_ts=NOW - SECOND)
    shard.set_now(NOW + DAY)
    for creditor_id in (BOB, None):
        (count,) = shard.connection.call("send_prompt_account_updates_v1", HOUR, 1)
        assert count == 1
        updates = shard.take_messages()
        assert creditor_id in (None, updates[0]["creditor_id"])


@pytest.mark.parametrize(("reminder_days", "interval_days"), [(10, 10), (3, 7)])
def test_reminders(
    connection: DatabaseConnection, settings: Settings, reminder_days: int, interval_days: int
) -> None:
    variables = {"APP_PREPARED_TRANSFER_REMAINDER_DAYS": str(reminder_days)}
    shard = make_shard(connection, settings, "#", **variables)
    shard.clear()
    shard.set_now(NOW)
    open_books(shard, {ALICE: 100, BOB: 0})
    prepare(shard, ALICE, BOB, 60)
    (answer,) = shard.take_messages()
    first, second = (NOW + i * (interval_days * DAY + MICROSECOND) for i in (1, 2))
    for now in (first - MICROSECOND, first, second - MICROSECOND, second):
        shard.set_now(now)
        shard.scan_prepared_transfers()
    assert shard.take_messages() == [{**answer, "ts": first}, {**answer, "ts": second}]


def test_only_the_given_pages_are_looked_at(shard: Shard) -> None:
    shard.receive(
        *[builders.configure_account(creditor_id) for creditor_id in range(2**40, 2**40 + 400)]
    )
    shard.take_messages()
    shard.set_now(NOW + 8 * DAY)
    (pages_count,) = shard.connection.call("table_pages_v1", "account")
    assert pages_count > 3
    sent_by_page = []
    for page in range(pages_count):
        rows = shard.connection.raw.execute(
            "SELECT creditor_id FROM account WHERE ctid >= %s::tid AND ctid < %s::tid"
            " AND last_heartbeat_ts < current_ts()",
            [f"({page},0)", f"({page + 1},0)"],
        ).fetchall()
        shard.connection.call("send_due_account_updates_v1", page, page + 1, 7 * DAY)
        updates = shard.take_messages()
        assert {m["creditor_id"] for m in updates} == {creditor_id for (creditor_id,) in rows}
        sent_by_page.append(len(updates))
    assert sum(sent_by_page) == 400


def test_empty_table_has_no_pages(shard: Shard) -> None:
    shard.connection.raw.execute("TRUNCATE prepared_transfer")
    assert shard.connection.call("table_pages_v1", "prepared_transfer") == (0,)
    shard.scan_prepared_transfers()
