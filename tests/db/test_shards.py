"""Two shards of one authority: money goes from one to the other; a shard is split into two."""

from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import pytest

from agentkit.databases import Databases
from swpt_accounts.core.realm import Realm
from swpt_accounts.db import procedures as p
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.errors import UnsuitableDatabase
from swpt_accounts.outbox.messages import OutboxMessage
from swpt_accounts.outbox.returned_messages import put_aside
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.smp.outgoing import AccountPurge, OutgoingMessage, PendingBalanceChange
from swpt_accounts.workers.shard_guard import ShardGuard
from tests.support.realms import find_creditors, find_debtor, make_shard
from verification.kit.rows import OUTBOXES
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.books import configure_root, prepared
from verification.model.builders import DAY, DEBTOR, NOW, ROOT
from verification.model.node import Row

KEYS = ("0.#", "1.#")
CREDITORS = {key: find_creditors(key, 3) for key in KEYS}
EVERYBODY = [creditor_id for creditors in CREDITORS.values() for creditor_id in creditors]
(FAR,) = find_creditors("1.#", 1)
ALL_ROWS = {"after_id": 0, "last_id": 2**63 - 1}
QUEUES = (
    "transfer_request",
    "unverified_transfer_request",
    "finalization_request",
    "pending_balance_change",
)


ALL_PAGES = {"first_page": 0, "end_page": 1000}


@pytest.fixture(scope="module")
def shards(databases: Databases) -> Iterator[dict[str, Shard]]:
    """Two shards, each with a database of its own."""
    made = {}
    for key in KEYS:
        settings = load_settings(
            {"SQLALCHEMY_DATABASE_URI": databases.as_runner(databases.create())}
        )
        made[key] = make_shard(connect(settings, "test"), settings, key)
    yield made
    for shard in made.values():
        shard.connection.close()


def shard_of(shards: dict[str, Shard], creditor_id: int) -> Shard:
    (found,) = (s for s in shards.values() if s.settings.realm.contains(DEBTOR, creditor_id))
    return found


def deliver(shards: dict[str, Shard], random: Random) -> None:
    """Bring the balance changes from one shard to the other: late, repeatedly, in any order."""
    messages = [
        message
        for shard in shards.values()
        for message in shard.take_messages()
        if message["type"] == "PendingBalanceChange"
    ]
    on_the_way = [m for m in messages for _ in range(random.randint(1, 5))]
    random.shuffle(on_the_way)
    for message in on_the_way:
        receiver = shard_of(shards, message["creditor_id"])
        receiver.receive(message)
        if random.random() < 0.3:
            receiver.process_balance_changes()
    for shard in shards.values():
        shard.process_balance_changes()


@pytest.mark.parametrize("seed", range(2))
def test_money_goes_from_one_shard_to_the_other(shards: dict[str, Shard], seed: int) -> None:
    random = Random(seed)
    for shard in shards.values():
        shard.clear()
        shard.set_now(NOW)
    configure_root(shard_of(shards, ROOT))
    for creditor_id in EVERYBODY:
        shard_of(shards, creditor_id).receive(builders.configure_account(creditor_id))
    pay(shards, [(ROOT, creditor_id, 1000) for creditor_id in EVERYBODY], "issuing")
    deliver(shards, random)
    expected = dict.fromkeys(EVERYBODY, 1000)
    for _ in range(5):
        payments = [draw_payment(random) for _ in range(10)]
        pay(shards, payments, "agent")
        for sender, recipient, amount in payments:
            expected[sender] -= amount
            expected[recipient] += amount
        deliver(shards, random)
    accounts = [row for shard in shards.values() for row in shard.rows("account")]
    assert {row["creditor_id"]: row["principal"] for row in accounts} == {
        **expected,
        ROOT: -1000 * len(EVERYBODY),
    }
    for shard in shards.values():
        assert all(row["is_applied"] for row in shard.rows("registered_balance_change"))
        assert all(not shard.rows(queue) for queue in QUEUES)


def draw_payment(random: Random) -> tuple[int, int, int]:
    """A sender, a recipient, and an amount."""
    sender, recipient = random.sample(EVERYBODY, 2)
    return sender, recipient, random.randint(1, 50)


def pay(
    shards: dict[str, Shard], payments: list[tuple[int, int, int]], coordinator_type: str
) -> None:
    """Make transfers, each of which succeeds."""
    for sender, recipient, amount in payments:
        shard = shard_of(shards, sender)
        message = builders.prepare_transfer(
            sender, recipient, amount, coordinator_type=coordinator_type
        )
        shard.receive(message)
        # Whether the recipient exists is asked elsewhere.
        shard.connection.call(
            p.NOTE_VERIFICATIONS,
            id=[row["id"] for row in shard.rows("unverified_transfer_request")],
            is_reachable=[True] * len(shard.rows("unverified_transfer_request")),
            patience=DAY,
        )
        shard.process_transfer_requests()
        (transfer,) = prepared(shard, sender)
        shard.receive(builders.finalize_transfer(transfer, amount))
        shard.process_finalization_requests()
        assert [r["status_code"] for r in shard.rows("finalized_transfer_signal")][-1] == "OK"


def test_change_for_another_shard(shards: dict[str, Shard]) -> None:
    sender, recipient = CREDITORS["0.#"][0], CREDITORS["1.#"][0]
    shard = shards["0.#"]
    shard.clear()
    shard.set_now(NOW)
    shard.receive(builders.configure_account(sender))
    shard.update_account(DEBTOR, sender, principal=100)
    pay(shards, [(sender, recipient, 40)], "direct")
    assert shard.rows("pending_balance_change") == []
    (change,) = (m for m in shard.take_messages() if m["type"] == "PendingBalanceChange")
    assert change.pop("change_id") > 0
    assert change == {
        "type": "PendingBalanceChange",
        "debtor_id": DEBTOR,
        "creditor_id": recipient,
        "other_creditor_id": sender,
        "principal_delta": 40,
        "coordinator_type": "direct",
        "transfer_note": "a note",
        "transfer_note_format": "-",
        "committed_at": NOW,
        "ts": NOW,
    }


@pytest.mark.parametrize("chore_type", ["CapitalizeInterest", "TryToDeleteAccount"])
def test_root_account_may_live_in_another_shard(shards: dict[str, Shard], chore_type: str) -> None:
    debtor_id = find_debtor("1.#")
    (creditor_id,) = find_creditors("0.#", 1, debtor_id)
    shard = shards["0.#"]
    shard.clear()
    shard.set_now(NOW)
    message = builders.configure_account(creditor_id, config_flags=1, negligible_amount=100.0)
    shard.receive({**message, "debtor_id": debtor_id})
    shard.update_account(debtor_id, creditor_id, principal=100, interest=-5)
    shard.take_messages()
    shard.set_now(NOW + 14 * DAY)
    shard.perform_chore({**builders.chore(chore_type, creditor_id), "debtor_id": debtor_id})
    assert shard.rows("pending_balance_change") == []
    (change,) = (m for m in shard.take_messages() if m["type"] == "PendingBalanceChange")
    assert (
        change.items()
        >= {
            "debtor_id": debtor_id,
            "creditor_id": ROOT,
            "other_creditor_id": creditor_id,
            "principal_delta": {"CapitalizeInterest": 5, "TryToDeleteAccount": 100}[chore_type],
            "coordinator_type": {"CapitalizeInterest": "interest"}.get(chore_type, "delete"),
            "transfer_note": "",
            "transfer_note_format": "",
            "committed_at": NOW + 14 * DAY,
        }.items()
    )


class TestSplit:
    """A database that was copied from the parent, with a realm that is one bit longer."""

    PARENT, KEY, SIBLING = "0.#", "0.1.#", "0.0.#"

    @pytest.fixture
    def parent(self, connection: DatabaseConnection, settings: Settings) -> Shard:
        """A shard with rows of both children in every table."""
        made = make_shard(connection, settings, self.PARENT)
        made.clear()
        made.set_now(NOW)
        pairs = [find_creditors(key, 2) for key in (self.KEY, self.SIBLING)]
        for first, second in pairs:
            self.pay(made, first, second)
        for first, second in pairs:
            self.leave_work(made, first, second)
            self.put_aside(made, first)
        return made

    def pay(self, shard: Shard, first: int, second: int) -> None:
        """Leave prepared transfers, and the messages about those that are finalized."""
        shard.receive(*map(builders.configure_account, (first, second)))
        for creditor_id in (first, second):
            shard.update_account(DEBTOR, creditor_id, principal=1000)
        for recipient in (second, FAR, FAR):
            shard.receive(builders.prepare_transfer(first, recipient, 10, coordinator_type="agent"))
        shard.process_transfer_requests()
        *transfers, _ = prepared(shard, first)
        shard.receive(*[builders.finalize_transfer(t, 10) for t in transfers])
        shard.process_finalization_requests()

    def leave_work(self, shard: Shard, first: int, second: int) -> None:
        """Leave a row in every queue, and messages of the rarer types."""
        shard.receive(
            builders.prepare_transfer(first, second, 10),
            builders.prepare_transfer(first, FAR, 10),
            builders.prepare_transfer(first, "x", 10),
            builders.finalize_transfer(prepared(shard, first)[0], 10),
            builders.configure_account(first, config_data="x", seqnum=1),
        )
        shard.connection.raw.execute(
            "INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)"
            " VALUES (%s, %s, current_date, current_ts())",
            [DEBTOR, first],
        )

    def put_aside(self, shard: Shard, creditor_id: int) -> None:
        """Leave messages that the broker did not take."""
        ts = "2024-05-20T13:15:09+00:00"
        messages: list[OutgoingMessage] = [
            AccountPurge(DEBTOR, creditor_id, "2024-05-20", ts),
            PendingBalanceChange(DEBTOR, FAR, creditor_id, 1, "direct", "", "", ts, 5, ts),
        ]
        outgoing = [OutboxMessage.of(m) for m in messages]
        put_aside(shard.connection, outgoing, {0: "", 1: ""})

    def owner(self, table: str, row: Row) -> int:
        """The creditor whose shard a row belongs to."""
        is_change = table == "pending_balance_change_signal"
        creditor_id: int = row["other_creditor_id" if is_change else "creditor_id"]
        return creditor_id

    def test_each_row_is_left_in_one_child(self, parent: Shard) -> None:
        for table, key in product((*QUEUES, *OUTBOXES), (self.KEY, self.SIBLING)):
            rows, realm = parent.rows(table), Realm.parse(key)
            kept = [row for row in rows if realm.contains(DEBTOR, self.owner(table, row))]
            assert 0 < len(kept) < len(rows)
            with parent.connection.raw.transaction(force_rollback=True):
                found = self.find_foreign(parent, table, realm)
                assert not realm.contains(*found[0])
                self.drop(parent, table, realm)
                assert parent.rows(table) == kept
                assert self.find_foreign(parent, table, realm) == []

    def test_returned_messages(self, parent: Shard) -> None:
        realm = Realm.parse(self.KEY)
        assert len(parent.rows("returned_message")) == 4
        assert len(self.find_foreign(parent, "returned_message", realm)) == 1
        assert self.drop(parent, "returned_message", realm) == 2
        for row in parent.rows("returned_message"):
            assert str(find_creditors(self.KEY, 1)[0]).encode() in row["body"]
        assert self.find_foreign(parent, "returned_message", realm) == []

    def drop(self, shard: Shard, table: str, realm: Realm) -> Any:
        return shard.connection.call_value(
            p.DROP_PARENT_ROWS, table=table, **ALL_ROWS, **realm.parameters
        )

    def find_foreign(self, shard: Shard, table: str, realm: Realm) -> list[tuple[Any, ...]]:
        return shard.connection.call_table(
            p.FIND_FOREIGN_ROW, table=table, **ALL_ROWS, **realm.parameters
        )

    @pytest.mark.parametrize("deletes", [True, False])
    def test_scans_handle_what_is_their_own(
        self, connection: DatabaseConnection, settings: Settings, parent: Shard, deletes: bool
    ) -> None:
        variables = {"DELETE_PARENT_SHARD_RECORDS": str(deletes).lower()}
        child = make_shard(connection, settings, self.KEY, **variables)
        child.set_now(NOW + 400 * DAY)
        realm = child.settings.realm
        accounts, transfers = child.rows("account"), child.rows("prepared_transfer")
        child.take_messages()
        child.scan_prepared_transfers()
        chores = child.scan_accounts()
        messages = child.take_messages()
        for record in (*chores, *messages):
            assert realm.contains(record["debtor_id"], record["creditor_id"])
        assert len(messages) == 2 + 1
        creditors = [row["creditor_id"] for row in child.rows("account")]
        assert creditors == [
            row["creditor_id"]
            for row in accounts
            if not deletes or realm.contains(DEBTOR, row["creditor_id"])
        ]
        assert len(child.rows("prepared_transfer")) == len(transfers) // (2 if deletes else 1)

    def test_accounts_of_strangers_are_not_deleted(
        self, connection: DatabaseConnection, settings: Settings, parent: Shard
    ) -> None:
        variables = {"DELETE_PARENT_SHARD_RECORDS": "true"}
        stranger = make_shard(connection, settings, "1.1.#", **variables)
        before = stranger.rows("account"), stranger.rows("prepared_transfer")
        stranger.scan_accounts()
        stranger.scan_prepared_transfers()
        with pytest.raises(UnsuitableDatabase, match="transfer_request"):
            ShardGuard().guard(connection, stranger.settings, ["transfer_request"])
        assert (stranger.rows("account"), stranger.rows("prepared_transfer")) == before

    def test_workers_refuse_what_is_not_their_own(
        self, connection: DatabaseConnection, settings: Settings, parent: Shard
    ) -> None:
        child = make_shard(connection, settings, self.KEY)
        tables = [*QUEUES, *OUTBOXES, "returned_message"]
        ShardGuard().guard(connection, parent.settings, tables)
        for table in tables:
            with pytest.raises(UnsuitableDatabase, match=table):
                ShardGuard().guard(connection, child.settings, [table])
        heir = make_shard(connection, settings, self.KEY, DELETE_PARENT_SHARD_RECORDS="true")
        ShardGuard().guard(connection, heir.settings, tables)
        ShardGuard().guard(connection, child.settings, tables)


class TestCurrencies:
    """What is known of debtors whose accounts are in other shards."""

    DEBTORS = (find_debtor("1.#"), find_debtor("1.1.#"))

    @pytest.fixture
    def half(self, connection: DatabaseConnection, settings: Settings) -> Shard:
        made = make_shard(connection, settings, "0.#")
        made.clear()
        made.set_now(NOW)
        return made

    def remember(self, shard: Shard, rate: float = 5.5, count_max: int = 10) -> None:
        debtors = sorted(set(self.DEBTORS))
        shard.connection.call(
            p.REMEMBER_ROOT_CONFIGS,
            debtor_id=debtors,
            interest_rate=[rate] * len(debtors),
            info_iri=["https://example.com/"] * len(debtors),
            info_content_type=[None] * len(debtors),
            info_sha256=[None] * len(debtors),
            count_max=count_max,
        )

    def open_account(self, shard: Shard, debtor_id: int) -> Row:
        (creditor_id,) = find_creditors("0.#", 1, debtor_id)
        shard.receive({**builders.configure_account(creditor_id), "debtor_id": debtor_id})
        return shard.account(debtor_id, creditor_id)

    def unknown(self, shard: Shard, debtor_id: int) -> list[int]:
        """The debtors to be asked about before a new account is opened."""
        (creditor_id,) = find_creditors("0.#", 1, debtor_id)
        rows = shard.connection.call_table(
            p.FIND_UNKNOWN_DEBTORS_OF_NEW_ACCOUNTS,
            debtor_id=[debtor_id],
            creditor_id=[creditor_id],
            **shard.settings.realm.parameters,
            age_max=DAY / 12,
        )
        return [found for (found,) in rows]

    def test_new_account_has_the_rate_that_was_fetched(self, half: Shard) -> None:
        debtor_id = self.DEBTORS[0]
        assert self.unknown(half, debtor_id) == [debtor_id]
        self.remember(half)
        assert self.unknown(half, debtor_id) == []
        assert self.open_account(half, debtor_id)["interest_rate"] == 5.5

    def test_debtor_is_asked_about_again_after_two_hours(self, half: Shard) -> None:
        debtor_id = self.DEBTORS[0]
        self.remember(half)
        for hours, unknown in ((1.99, []), (2, [debtor_id])):
            half.set_now(NOW + hours * DAY / 24)
            assert self.unknown(half, debtor_id) == unknown

    def test_nobody_asks_about_an_account_that_exists(self, half: Shard) -> None:
        debtor_id = self.DEBTORS[0]
        found = self.open_account(half, debtor_id)
        assert self.unknown(half, debtor_id) == []
        half.update_account(debtor_id, found["creditor_id"], status_flags=1)
        assert self.unknown(half, debtor_id) == [debtor_id]

    def test_scan_asks_about_the_debtors_of_its_accounts(self, half: Shard) -> None:
        debtor_id = self.DEBTORS[0]
        self.open_account(half, debtor_id)
        self.open_account(half, find_debtor("0.#"))
        for expected in ([(debtor_id,)], []):
            rows = half.connection.call_table(
                p.FIND_UNKNOWN_DEBTORS_ON_PAGES,
                **ALL_PAGES,
                **half.settings.realm.parameters,
                age_max=DAY / 12,
            )
            assert rows == expected
            self.remember(half)

    def find_chores(self, half: Shard) -> list[Any]:
        return half.connection.call_table(
            p.FIND_ACCOUNT_CHORES,
            **ALL_PAGES,
            deletion_attempts_interval=DAY,
            capitalization_interval=DAY,
            interest_to_principal_ratio_max=0.1,
            rate_change_interval=DAY,
            root_config_age_max=DAY / 12,
            **half.settings.realm.parameters,
        )

    def test_chores_follow_from_what_was_fetched_lately(self, half: Shard) -> None:
        debtor_id = self.DEBTORS[0]
        self.open_account(half, debtor_id)
        half.set_now(NOW + DAY)
        self.remember(half, 7.0)
        chores = self.find_chores(half)
        assert [chore[0] for chore in chores] == ["ChangeInterestRate", "UpdateDebtorInfo"]
        half.set_now(NOW + 1.1 * DAY)
        chores = self.find_chores(half)
        assert chores == []

    def test_only_so_many_debtors_are_remembered(self, half: Shard) -> None:
        configure_root(half, rate=1)
        for i in range(5):
            half.set_now(NOW + i * DAY)
            half.connection.call(
                p.REMEMBER_ROOT_CONFIGS,
                debtor_id=[1000 + i],
                interest_rate=[0.0],
                info_iri=[None],
                info_content_type=[None],
                info_sha256=[None],
                count_max=3,
            )
        rows = half.rows("root_config")
        assert [row["debtor_id"] for row in rows] == [DEBTOR, 1002, 1003, 1004]

    def test_second_answer_replaces_the_first(self, half: Shard) -> None:
        for rate in (5.5, 3.123456789):
            self.remember(half, rate)
        assert {row["interest_rate"] for row in half.rows("root_config")} == {3.123456789}
