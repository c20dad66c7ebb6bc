"""The traps in a database of the reference, by the numbers that its description gives them.

Trap 11 (a heartbeat repeats all that was told) is the whole of test_from_dump.py. They are the same
when the database has been given back and taken over again: see test_any_database.py.
"""

import struct
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest

from swpt_accounts.db.installer import procedures_schema
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.db.procedures import GET_CONFIG_DATA, TRY_TO_DELETE_ACCOUNT
from swpt_accounts.outbox.tables import outbox_table, wire_cursor
from swpt_accounts.smp.outgoing import SIGNALS
from tests.takeover.giving_back import shard_of
from tests.takeover.reference import BOOKS, KEPT, Place, ReferenceDatabases, expected, move
from tests.takeover.rows import CREDITOR, DEBTOR, NOW, RECIPIENT, T0, insert
from verification.kit.shard import Shard

_ROOT: Final = '{"rate": 3.123456789}'
_NOTE: Final = "a\ttab, 'quotes' \"too\",\r\n a back\\slash \\N \\. {} %s and 😀"
# Creditors, by what is special about their accounts.
_SMALL, _ZERO, _DENORMAL, _HUGE, _RATED, _OVERFLOWN, _EAST, _WEST, _DYING, _NEGATIVE = range(
    CREDITOR + 10, CREDITOR + 20
)
_REALS: Final = {
    _SMALL: "0.1",
    _ZERO: "-0",
    _DENORMAL: "1e-45",
    _HUGE: "3.4028235e38",
    _RATED: "123456789.0",
    _NEGATIVE: "9007199254740992.0",
}
_TOLD: Final = {
    _SMALL: 0.1,
    _ZERO: -0.0,
    _DENORMAL: 1e-45,
    _HUGE: 3.4028235e38,
    _RATED: 123456790.0,
    _NEGATIVE: 9007199000000000.0,
}
_INTERESTS: Final = {
    _SMALL: "1.0000000050247593e-08",
    _ZERO: "0.1",
    _DENORMAL: "1.2345678901234567e-05",
    _HUGE: "4.9990000000000001e+23",
    _RATED: "0.30000000000000004",
    _NEGATIVE: "-0.20000000000000001",
}
_BC: Final = "0001-12-31 21:00:00+00 BC"
_YEAR_10000: Final = "10000-01-01 04:59:59+00"


def _fill(connection: psycopg.Connection[Any]) -> None:
    insert(connection, "account", creditor_id=0, config_data=_ROOT, negligible_amount=1e30)
    for creditor_id in range(_SMALL, _NEGATIVE + 1):
        changes: dict[str, Any] = {
            "negligible_amount": _REALS.get(creditor_id, 0),
            "interest": _INTERESTS.get(creditor_id, 0),
            "interest_rate": 3.123456789,
            "previous_interest_rate": -12.3456789,
        }
        match creditor_id:
            case value if value == _OVERFLOWN:
                changes |= {"principal": 2**63 - 1, "status_flags": 2}
            case value if value == _EAST:
                changes |= {"last_change_ts": "2026-08-09 23:30:00+00"}
            case value if value == _WEST:
                changes |= {"last_transfer_id": (20675 + 1) << 40}
            case value if value == _DYING:
                changes |= {"principal": 1, "config_flags": 1}
        insert(connection, "account", creditor_id=creditor_id, **changes)
    # a root account that is deleted
    insert(
        connection,
        "account",
        debtor_id=99,
        creditor_id=0,
        status_flags=1,
        config_flags=1,
        config_data=_ROOT,
        last_change_ts="2026-11-25 11:06:44+00",
    )
    # a sender with a lock, and requests
    insert(
        connection,
        "account",
        principal=1000,
        total_locked_amount=10,
        pending_transfers_count=2,
        last_transfer_id=22732402904268801,
    )
    insert(connection, "prepared_transfer", locked_amount=10, final_interest_rate_ts=_YEAR_10000)
    insert(
        connection,
        "prepared_transfer",
        transfer_id=22732402904268801,
        deadline=_BC,
        coordinator_type="x" * 30,
    )
    for number in (3, 1, 2):
        insert(
            connection,
            "transfer_request",
            transfer_request_id=number,
            coordinator_request_id=number,
            final_interest_rate_ts=_YEAR_10000,
            deadline=_BC,
        )
    insert(
        connection,
        "finalization_request",
        transfer_note=_NOTE,
        transfer_note_format="A\n",
        committed_amount=10,
    )
    # a change that was sent already, and is pending; and odd numbers
    for change_id in (7, -(2**63), 2**63 - 1):
        insert(connection, "registered_balance_change", change_id=change_id, is_applied=False)
        insert(
            connection,
            "pending_balance_change",
            change_id=change_id,
            transfer_note=_NOTE,
            transfer_note_format="A\n",
            principal_delta=5,
            committed_at=NOW,
        )
    insert(
        connection,
        "pending_balance_change_signal",
        change_id=7,
        principal_delta=5,
        transfer_note=_NOTE,
        transfer_note_format="A\n",
    )
    insert(connection, "prepared_transfer_signal", final_interest_rate_ts=_YEAR_10000, deadline=_BC)
    insert(
        connection,
        "account_update_signal",
        negligible_amount="0.1",
        interest_rate="3.1234567",
        interest="1.0000000050247593e-08",
    )
    insert(
        connection,
        "rejected_config_signal",
        negligible_amount="123456789.0",
        config_ts=_YEAR_10000,
        rejection_code="x" * 30,
    )


@pytest.fixture(scope="module")
def place(reference: ReferenceDatabases) -> Place:
    made = reference.create("no rows")
    with made.session() as connection:
        _fill(connection)
    assert move(made) is not None
    return made


@pytest.fixture
def shard(place: Place) -> Iterator[Shard]:
    """Whatever a test does with it is undone."""
    with shard_of(place) as made, made.connection.raw.transaction(force_rollback=True):
        yield made


def bits(number: float) -> bytes:
    return struct.pack(">d", number)


def messages(place: Place, name: str) -> list[Any]:
    """The messages that a flusher makes of an outbox."""
    outbox = outbox_table(name, place.settings())
    with place.session(f"{procedures_schema()}, {BOOKS}") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = wire_cursor(connection).execute(
            f"SELECT 0, {', '.join(outbox.columns)} FROM {outbox.table} ORDER BY id".encode()
        )
        return [outbox.message(row) for row in rows]


def test_trap_1_a_real_is_the_number_that_was_told(place: Place) -> None:
    found = dict(place.books("SELECT creditor_id, negligible_amount FROM account"))
    for creditor_id, told in _TOLD.items():
        assert bits(found[creditor_id]) == bits(told)
    (update,) = messages(place, "AccountUpdateSignal")
    assert (update.negligible_amount, update.interest_rate) == (0.1, 3.1234567)
    (rejected,) = messages(place, "RejectedConfigSignal")
    assert rejected.negligible_amount == 123456790.0


def test_trap_2_interest_is_the_same_double(place: Place) -> None:
    found = dict(place.books("SELECT creditor_id, interest::float8 FROM account"))
    for creditor_id, text in _INTERESTS.items():
        assert bits(found[creditor_id]) == bits(float(text))


def test_trap_3_rates_are_those_that_were_told(place: Place) -> None:
    rates = place.books(
        "SELECT interest_rate, previous_interest_rate, last_interest_rate_change_ts::text"
        " FROM account WHERE creditor_id = %s",
        _RATED,
    )
    assert rates == [(3.1234567, -12.345679, T0.replace(":00+00", ":00+00"))]
    assert place.books("SELECT interest_rate FROM root_config WHERE debtor_id = %s", DEBTOR) == [
        (3.123456789,)
    ]


def test_trap_4_a_change_that_was_sent_is_not_applied_twice(place: Place, shard: Shard) -> None:
    """It stays in the outbox, and is known when it comes."""
    (change,) = messages(place, "PendingBalanceChangeSignal")
    pending = "SELECT change_id, is_registered FROM pending_balance_change ORDER BY id"
    changes = shard.connection.raw.execute(pending).fetchall()
    assert (7, True) in changes
    shard.receive(
        {
            "type": "PendingBalanceChange",
            "debtor_id": DEBTOR,
            "creditor_id": CREDITOR,
            "other_creditor_id": change.other_creditor_id,
            "change_id": change.change_id,
            "principal_delta": 5,
            "coordinator_type": "direct",
            "transfer_note": _NOTE,
            "transfer_note_format": "A\n",
            "committed_at": change.committed_at,
            "ts": change.ts,
        }
    )
    assert shard.connection.raw.execute(pending).fetchall() == changes


def test_trap_5_new_ids_of_changes_are_above_those_of_the_sequence(place: Place) -> None:
    with place.session(f"{procedures_schema()}, {BOOKS}") as connection:
        ((new, old),) = connection.execute(
            f"SELECT next_change_id(), last_value"
            f" FROM {KEPT}.pending_balance_change_signal_change_id_seq"
        )
    assert new > 10**17 > old
    ids = {i for (i,) in place.books("SELECT change_id FROM registered_balance_change")}
    assert ids == {7, -(2**63), 2**63 - 1}


def test_trap_6_moments_beyond_the_calendar_are_contained(place: Place) -> None:
    last, first = "9999-12-31 23:59:59.999999+00", "0001-01-01 00:00:00+00"
    statement = "SELECT final_interest_rate_ts::text, deadline::text FROM {}"
    found = {
        row
        for t in ("prepared_transfer", "transfer_request")
        for row in place.books(statement.format(t))
    }
    assert found == {
        (last, "9999-12-31 23:59:59+00"),
        ("9999-12-31 23:59:59+00", first),
        (last, first),
    }
    (prepared,) = messages(place, "PreparedTransferSignal")
    assert prepared.final_interest_rate_ts == "9999-12-31T23:59:59.999999+00:00"
    assert prepared.deadline == "0001-01-01T00:00:00+00:00"


def test_trap_7_zeros_and_denormals_stay(place: Place) -> None:
    found = dict(place.books("SELECT creditor_id, negligible_amount FROM account"))
    assert bits(found[_ZERO]) == bits(-0.0)
    assert found[_DENORMAL] == 1e-45


def test_trap_8_locks_are_those_of_the_prepared_transfers(place: Place) -> None:
    assert place.books(
        "SELECT total_locked_amount, pending_transfers_count, sum(locked_amount), count(*)"
        " FROM account JOIN prepared_transfer USING (debtor_id, creditor_id) GROUP BY 1, 2"
    ) == [(10, 2, 10, 2)]


def test_traps_9_and_10_the_books_know_what_cannot_add_up(place: Place, moved: Place) -> None:
    """An overflown account, and changes that wait in the outbox."""
    with shard_of(place) as shard:
        assert [f for f in shard.find_book_errors() if "sum" in str(f)] == []
    with shard_of(moved) as shard:
        findings = [str(f) for f in shard.find_book_errors()]
    assert all("-9047928992609339912" in f for f in findings), findings


def test_trap_12_dates_are_kept(place: Place) -> None:
    """Also those that the reference took in the zone of its server: the books are right."""
    dates = place.books(
        "SELECT creation_date::text, last_transfer_id FROM account WHERE creditor_id = ANY (%s)"
        " ORDER BY creditor_id",
        [_EAST, _WEST],
    )
    assert dates == [("2026-08-10", 22732402904268800), ("2026-08-10", 20676 << 40)]
    with shard_of(place) as shard:
        findings = [str(f) for f in shard.find_book_errors()]
    assert [f for f in findings if str(_EAST) in f or str(_WEST) in f] == []


def test_trap_13_capitalization_goes_on(place: Place) -> None:
    """It has never happened; and what is below zero is a part of the balance."""
    ((ts, interest),) = place.books(
        "SELECT last_interest_capitalization_ts::text, interest::float8 FROM account"
        " WHERE creditor_id = %s",
        _NEGATIVE,
    )
    assert (ts, interest) == (T0, -0.2)


def test_trap_14_a_balance_that_is_not_negligible_keeps_the_account(
    place: Place, shard: Shard
) -> None:
    shard.connection.call(
        TRY_TO_DELETE_ACCOUNT,
        debtor_id=DEBTOR,
        creditor_id=_DYING,
        **shard.settings.realm.parameters,
    )
    assert shard.account(DEBTOR, _DYING)["principal"] == 1
    assert shard.account(DEBTOR, _DYING)["status_flags"] == 0


def test_trap_15_a_deleted_root_tells_no_configuration(place: Place, shard: Shard) -> None:
    """Though the rate of its currency stays in force."""
    call = shard.connection.call_value
    assert call(GET_CONFIG_DATA, debtor_id=99, creditor_id=0) is None
    assert call(GET_CONFIG_DATA, debtor_id=DEBTOR, creditor_id=0) == _ROOT
    assert place.books(
        "SELECT interest_rate, fetched_at FROM root_config WHERE debtor_id = 99"
    ) == [(3.123456789, None)]


def test_the_fetch_api_says_the_same(moved: Place) -> None:
    """But for the configurations of deleted accounts (trap 15)."""
    deleted = moved.books("SELECT debtor_id, creditor_id FROM account WHERE status_flags & 1 = 1")
    with shard_of(moved) as shard:
        call = shard.connection.call_value
        for account in expected()["accounts"]:
            key = {"debtor_id": account["debtor_id"], "creditor_id": account["creditor_id"]}
            told = account["fetch_api"]
            is_reachable = shard.connection.raw.execute(
                "SELECT is_reachable(%(debtor_id)s, %(creditor_id)s)", key
            ).fetchone()
            assert is_reachable == (told["reachable"] == 204,), account["label"]
            config_data = told.get("config_data") if told["config"] == 200 else None
            if tuple(key.values()) in deleted:
                config_data = None
            assert call(GET_CONFIG_DATA, **key) == config_data, account["label"]


def test_trap_16_a_change_belongs_to_its_sender(reference: ReferenceDatabases) -> None:
    """And each part of a split shard keeps the whole archive."""
    place = reference.create("no rows")
    realms = {
        realm: place.settings(PROTOCOL_BROKER_QUEUE_ROUTING_KEY=realm).realm
        for realm in ("0.#", "1.#")
    }
    ids = range(1 << 40, (1 << 40) + 50)
    here, there = (next(i for i in ids if r.contains(DEBTOR, i)) for r in realms.values())
    with place.session() as connection:
        insert(connection, "account", creditor_id=here)
        for sender in (here, there):
            insert(connection, "registered_balance_change", other_creditor_id=sender)
        insert(
            connection, "pending_balance_change_signal", other_creditor_id=here, creditor_id=there
        )
    with pytest.raises(PreconditionFailed, match="account: 1, for example"):
        move(place, PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.#")
    with place.session() as connection:
        insert(
            connection, "pending_balance_change_signal", other_creditor_id=there, creditor_id=here
        )
    with pytest.raises(PreconditionFailed, match="pending_balance_change_signal: 1, for example"):
        move(place, PROTOCOL_BROKER_QUEUE_ROUTING_KEY="0.#")
    place.query("DELETE FROM pending_balance_change_signal WHERE other_creditor_id = %s", there)
    assert move(place, PROTOCOL_BROKER_QUEUE_ROUTING_KEY="0.#") is not None
    assert place.books("SELECT count(*) FROM registered_balance_change") == [(2,)]
    assert place.books("SELECT creditor_id FROM pending_balance_change_signal") == [(there,)]


def test_trap_17_balances_are_the_same_to_the_last_digits(moved: Place) -> None:
    """By the functions of both, at one moment after the dump."""
    later = "timestamptz '2026-12-25 11:06:44+00'"
    rows = "debtor_id, creditor_id"
    with moved.session(KEPT) as connection:
        theirs = {
            r[:2]: r[2]
            for r in connection.execute(
                f"SELECT {rows}, calc_current_balance(creditor_id, principal, interest,"
                f" interest_rate::text::float8, last_change_ts, {later}) FROM account"
            )
        }
    with moved.session(f"{procedures_schema()}, {BOOKS}") as connection:
        ours = {
            r[:2]: r[2]
            for r in connection.execute(
                f"SELECT {rows}, CASE WHEN creditor_id = 0 THEN principal ELSE balance_at({later},"
                " principal, interest, interest_rate, last_change_ts) END FROM account"
            )
        }
    assert ours.keys() == theirs.keys()
    for key, balance in theirs.items():
        assert abs(ours[key] - balance) <= max(abs(balance) / 10**12, 1), key


def test_trap_18_texts_arrive_as_they_are(place: Place) -> None:
    note = (_NOTE, "A\n")
    for table in (
        "finalization_request",
        "pending_balance_change",
        "pending_balance_change_signal",
    ):
        rows = place.books(f"SELECT transfer_note, transfer_note_format FROM {table}")
        assert set(rows) == {note}
    (change,) = messages(place, "PendingBalanceChangeSignal")
    assert (change.transfer_note, change.transfer_note_format) == note
    assert ("x" * 30,) in place.books("SELECT coordinator_type FROM prepared_transfer")
    assert place.books("SELECT rejection_code FROM rejected_config_signal") == [("x" * 30,)]


def test_trap_19_requests_keep_their_order(place: Place) -> None:
    found = place.books("SELECT coordinator_request_id FROM transfer_request ORDER BY id")
    assert found == [(1,), (2,), (3,)]
    assert place.books("SELECT count(*) FROM unverified_transfer_request") == [(0,)]


def test_every_outbox_can_be_sent(place: Place, moved: Place) -> None:
    """No value stops a flusher."""
    for each in (place, moved):
        for name in SIGNALS:
            messages(each, name)


def test_the_recipient_is_unsigned(place: Place) -> None:
    (prepared,) = messages(place, "PreparedTransferSignal")
    assert prepared.recipient == str(RECIPIENT)
