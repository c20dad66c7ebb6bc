"""No scan waits for a row that somebody else has locked: it comes back for it in the next pass."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from swpt_accounts.db import procedures as p
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.settings import Settings
from tests.support.realms import find_creditors, make_shard
from tests.support.sessions import another_session
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.books import configure_root, delete_account, open_books, prepare
from verification.model.builders import ALICE, BOB, CAROL, DAY, DEBTOR, NOW, ROOT, SECOND

LATER = NOW + 400 * DAY
WHERE_IS = "debtor_id = {} AND creditor_id = {}"


@contextmanager
def locked(shard: Shard, table: str, condition: str) -> Iterator[None]:
    """Another session has locked a row, and whoever waits for it fails soon."""
    shard.connection.raw.execute("SET lock_timeout = '100ms'")
    with another_session(shard.settings) as other, other.connection.raw.transaction():
        found = other.connection.raw.execute(
            f"SELECT 1 FROM {table} WHERE {condition} FOR UPDATE"
        ).fetchall()
        assert len(found) == 1
        yield


def creditors(shard: Shard) -> set[int]:
    return {row["creditor_id"] for row in shard.rows("account")}


def keys(shard: Shard) -> set[int]:
    rows = shard.connection.raw.execute("SELECT creditor_id FROM account_key").fetchall()
    return {creditor_id for (creditor_id,) in rows}


@pytest.mark.parametrize("table", ["account", "account_key"])
def test_purge_leaves_what_is_locked(shard: Shard, table: str) -> None:
    configure_root(shard)
    for creditor_id in (ALICE, BOB):
        shard.receive(builders.configure_account(creditor_id))
        delete_account(shard, creditor_id, NOW + SECOND)
    shard.set_now(LATER)
    with locked(shard, table, WHERE_IS.format(DEBTOR, ALICE)):
        shard.scan_accounts()
        assert creditors(shard) == {ROOT, ALICE}
        assert keys(shard) == {ROOT, ALICE}
    shard.scan_accounts()
    assert creditors(shard) == {ROOT}
    purges = [m["creditor_id"] for m in shard.take_messages() if m["type"] == "AccountPurge"]
    assert purges == [BOB, ALICE]


def test_purge_leaves_a_root_account_whose_configuration_is_locked(shard: Shard) -> None:
    configure_root(shard)
    shard.receive(builders.configure_account(ALICE))
    for creditor_id in (ALICE, ROOT):
        delete_account(shard, creditor_id, NOW + SECOND)
    shard.set_now(LATER)
    with locked(shard, "root_config", f"debtor_id = {DEBTOR}"):
        shard.scan_accounts()
        assert creditors(shard) == {ROOT}
        assert len(keys(shard)) == len(shard.rows("root_config")) == 1
    shard.scan_accounts()
    assert creditors(shard) == keys(shard) == set()
    assert shard.rows("root_config") == []


def test_root_account_without_a_configuration_is_purged(shard: Shard) -> None:
    configure_root(shard)
    delete_account(shard, ROOT, NOW + SECOND)
    shard.connection.raw.execute("DELETE FROM root_config")
    shard.set_now(LATER)
    shard.scan_accounts()
    assert shard.rows("account") == []


@pytest.mark.parametrize("table", ["account", "account_key"])
def test_account_of_the_sibling_stays_while_it_is_locked(
    connection: DatabaseConnection, settings: Settings, shard: Shard, table: str
) -> None:
    kept, first, second = *find_creditors("0.1.#", 1), *find_creditors("0.0.#", 2)
    shard.receive(*map(builders.configure_account, (kept, first, second)))
    child = make_shard(connection, settings, "0.1.#", DELETE_PARENT_SHARD_RECORDS="true")
    with locked(child, table, WHERE_IS.format(DEBTOR, first)):
        child.scan_accounts()
        assert creditors(shard) == {kept, first}
    child.scan_accounts()
    assert creditors(shard) == {kept}
    assert keys(shard) == {kept}


def test_update_of_a_locked_account_waits_for_the_next_pass(shard: Shard) -> None:
    open_books(shard, {ALICE: 0, BOB: 0})
    shard.set_now(NOW + 20 * DAY)
    with locked(shard, "account", WHERE_IS.format(DEBTOR, ALICE)):
        shard.scan_accounts()
        assert {m["creditor_id"] for m in shard.take_messages()} == {ROOT, BOB}
    shard.scan_accounts()
    assert {m["creditor_id"] for m in shard.take_messages()} == {ALICE}


def test_prompt_update_of_a_locked_account_waits(shard: Shard) -> None:
    open_books(shard, {ALICE: 10, BOB: 10})
    shard.set_now(NOW + DAY)
    with locked(shard, "account", WHERE_IS.format(DEBTOR, ALICE)):
        assert shard.send_prompt_account_updates() == 2
    assert shard.send_prompt_account_updates() == 1


def test_reminder_of_a_locked_transfer_waits_for_the_next_pass(shard: Shard) -> None:
    open_books(shard, {ALICE: 10, BOB: 10})
    for creditor_id in (ALICE, BOB):
        prepare(shard, creditor_id, ROOT, 5)
    shard.take_messages()
    shard.set_now(NOW + 20 * DAY)
    with locked(shard, "prepared_transfer", WHERE_IS.format(DEBTOR, ALICE)):
        shard.scan_prepared_transfers()
        assert [m["creditor_id"] for m in shard.take_messages()] == [BOB]
    shard.scan_prepared_transfers()
    assert [m["creditor_id"] for m in shard.take_messages()] == [ALICE]


def test_entry_that_is_locked_stays_in_the_archive_until_the_next_pass(shard: Shard) -> None:
    open_books(shard, {ALICE: 0})
    changes = [builders.pending_balance_change(ALICE, 1, change_id=n) for n in (1, 2)]
    shard.receive(*changes)
    shard.process_balance_changes()
    call = {"first_page": 0, "end_page": 1000, "threshold_ts": LATER}
    with locked(shard, "registered_balance_change", "change_id = 1"):
        shard.connection.call(p.FORGET_BALANCE_CHANGES, **call)
        assert [row["change_id"] for row in shard.rows("registered_balance_change")] == [1]
    shard.connection.call(p.FORGET_BALANCE_CHANGES, **call)
    assert shard.rows("registered_balance_change") == []


def remember(shard: Shard, debtor_ids: list[int], rate: float, count_max: int = 10) -> None:
    shard.connection.call(
        p.REMEMBER_ROOT_CONFIGS,
        debtor_id=debtor_ids,
        interest_rate=[rate] * len(debtor_ids),
        info_iri=[None] * len(debtor_ids),
        info_content_type=[None] * len(debtor_ids),
        info_sha256=[None] * len(debtor_ids),
        count_max=count_max,
    )


def rates(shard: Shard) -> dict[int, float]:
    return {row["debtor_id"]: row["interest_rate"] for row in shard.rows("root_config")}


def test_answer_about_a_debtor_who_is_locked_is_learned_the_next_time(shard: Shard) -> None:
    remember(shard, [1, 2], 1.0)
    with locked(shard, "root_config", "debtor_id = 1"):
        remember(shard, [1, 2, 3], 2.0)
        assert rates(shard) == {1: 1.0, 2: 2.0, 3: 2.0}
    remember(shard, [1], 2.0)
    assert rates(shard) == dict.fromkeys((1, 2, 3), 2.0)


def test_debtor_who_is_locked_is_forgotten_later(shard: Shard) -> None:
    for i, debtor_id in enumerate((ALICE, BOB, CAROL)):
        shard.set_now(NOW + i * SECOND)
        remember(shard, [debtor_id], 1.0)
    with locked(shard, "root_config", f"debtor_id = {ALICE}"):
        remember(shard, [], 1.0, count_max=1)
        assert set(rates(shard)) == {ALICE, CAROL}
    remember(shard, [], 1.0, count_max=1)
    assert set(rates(shard)) == {CAROL}


def test_answer_from_before_the_clock_was_set_back_is_asked_for_again(
    connection: DatabaseConnection, settings: Settings, shard: Shard
) -> None:
    """Whatever the hour, it is no more than two hours old: nobody can tell."""
    half = make_shard(connection, settings, "0.#")
    debtor_id = next(n for n in range(1, 1000) if not half.settings.realm.contains(n, 0))
    (creditor_id,) = find_creditors("0.#", 1, debtor_id)
    half.receive({**builders.configure_account(creditor_id), "debtor_id": debtor_id})
    remember(half, [debtor_id], 1.0)
    for back, is_asked in ((0.0, False), (30.0, False), (3600.0, True)):
        half.set_now(NOW - back * SECOND)
        found = half.connection.call_table(
            p.FIND_UNKNOWN_DEBTORS_ON_PAGES,
            first_page=0,
            end_page=1000,
            **half.settings.realm.parameters,
            age_max=DAY / 12,
        )
        assert found == ([(debtor_id,)] if is_asked else [])
