"""After the move: what the reference would have done with its queues and outboxes, ours does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import sql

from agentkit.authority import Authority
from agentkit.database import dsn_of, execute
from agentkit.databases import Databases
from agentkit.waiting import wait_until
from tests.takeover.reference import Place, ReferenceDatabases, expected, run_move_in
from verification.kit.servers import subscribe

# When the reference went on with the rows of the dump.
_WENT_ON_AT = "2026-11-25 11:06:44+00"
_OF_CHANCE = {"ts", "committed_at", "prepared_at", "deadline", "interest", "routing_key"}
_WORKERS = (
    "consume_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
    "scan_accounts",
    "scan_registered_balance_changes",
)


@pytest.fixture(scope="module")
def place(reference: ReferenceDatabases, databases: Databases) -> Place:
    """A database that was taken over by the command, for workers of another role."""
    made = reference.create("role")
    result = run_move_in(
        made, "--unless-moved", "--quiet", POSTGRES_RUNNING_ROLE=databases.create_role()
    )
    assert result.returncode == 0, result.stdout
    name = made.query("SELECT current_database()")[0][0]
    statement = sql.SQL("ALTER DATABASE {} SET swpt_accounts.now = {}")
    execute(dsn_of(made.admin_url), statement.format(sql.Identifier(name), _WENT_ON_AT))
    return made


@pytest.fixture(scope="module")
def authority(
    place: Place, databases: Databases, broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Authority]:
    """All workers, at the moment when the reference went on."""
    settings = {
        "SQLALCHEMY_DATABASE_URI": databases.as_runner(place.url),
        "APP_ACCOUNTS_SCAN_HOURS": "0.0002",
        "APP_REGISTERED_BALANCE_CHANGES_SCAN_DAYS": "0.00002",
    }
    made = Authority(place.admin_url, broker_url, tmp_path_factory.mktemp("authority"), settings)
    try:
        subscribe(made)
        made.observe()
        made.start(*_WORKERS)
        yield made
    finally:
        made.close()


def by_type(messages: list[dict[str, Any]], *types: str) -> list[str]:
    """Those of these types, without what chance decides. In an order of their own."""
    return sorted(
        json.dumps({k: v for k, v in m.items() if k not in _OF_CHANCE}, sort_keys=True)
        for m in messages
        if m["type"] in types
    )


def test_all_that_was_under_way_comes_to_the_same_end(authority: Authority, place: Place) -> None:
    observer = authority.observer
    assert observer is not None
    wanted = [*expected()["outboxes"], *expected()["after_everything"]]
    types = (
        "RejectedTransfer",
        "PreparedTransfer",
        "FinalizedTransfer",
        "AccountTransfer",
        "AccountPurge",
        "RejectedConfig",
    )
    count = len(by_type(wanted, *types))
    # changes inside the shard are no messages of ours
    last = {
        (a["debtor_id"], a["creditor_id"]): a["told_after_everything"]["account_update"]
        for a in expected()["accounts"]
        if not a["told_after_everything"]["is_purged"]
    }

    def told() -> dict[tuple[int, int], dict[str, Any]]:
        updates = [m.data for m in observer.find("AccountUpdate")]
        updates.sort(key=lambda m: (m["creation_date"], m["last_change_ts"], m["ts"]))
        return {(m["debtor_id"], m["creditor_id"]): m for m in updates}

    def is_done(_: object) -> bool:
        now = told()
        return (
            len(by_type([m.data for m in observer.messages], *types)) >= count
            and all(
                key not in now or now[key]["principal"] == update["principal"]
                for key, update in last.items()
            )
            and len(now) >= 13
        )

    observer.wait_for(is_done, what="all messages of the reference")
    assert by_type([m.data for m in observer.messages], *types) == by_type(wanted, *types)

    fields = (
        "principal",
        "last_transfer_number",
        "interest_rate",
        "negligible_amount",
        "config_data",
        "config_flags",
        "creation_date",
        "last_config_seqnum",
        "account_id",
    )
    for key, update in told().items():
        assert {f: update[f] for f in fields} == {f: last[key][f] for f in fields}
        assert update["interest"] == pytest.approx(last[key]["interest"], rel=1e-5, abs=1e-4)
    rows = place.books(
        "SELECT debtor_id, creditor_id, principal, last_transfer_number FROM account"
    )
    assert {row[:2]: row[2:] for row in rows} == {
        key: (u["principal"], u["last_transfer_number"]) for key, u in last.items()
    }


def test_the_scan_copies_the_archive(authority: Authority, place: Place) -> None:
    def is_copied() -> bool:
        return place.books("SELECT is_copied FROM move") == [(True,)]

    wait_until(is_copied, what="the archive is copied")
    missing = place.books(
        "SELECT r FROM swpt_accounts_reference.registered_balance_change r WHERE NOT EXISTS ("
        " SELECT FROM registered_balance_change b WHERE (b.debtor_id, b.other_creditor_id,"
        " b.change_id, b.committed_at) = (r.debtor_id, r.other_creditor_id, r.change_id,"
        " r.committed_at))"
    )
    assert missing == []
    assert authority.log("scan_registered_balance_changes").count("ERROR") == 0
