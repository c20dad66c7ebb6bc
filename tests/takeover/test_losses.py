"""What the reference cannot hold is told before, and needs to be accepted."""

import json
import math
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.db.installer import procedures_schema
from swpt_accounts.db.schema_discovery import BOOKS, KEPT_REFERENCE
from swpt_accounts.outbox.tables import outbox_table, wire_cursor
from swpt_accounts.smp.outgoing import SIGNALS, encode
from swpt_accounts.takeover.archive import bring_archive_up_to_date
from swpt_accounts.takeover.incompatibilities import EXAMPLES_MAX
from swpt_accounts.takeover.move_out import LossRefusedError
from tests.takeover.giving_back import give_back, reference_rows, snapshot
from tests.takeover.reference import Place, ReferenceDatabases, move

FLOAT_MAX: Final = 3.4028234663852886e38


@pytest.fixture
def ours(reference: ReferenceDatabases) -> Place:
    """A database that has been taken over."""
    return reference.create("moved")


def account_of(place: Place, debtor_id: int, creditor_id: int) -> Any:
    (row,) = place.query(
        "SELECT negligible_amount::text, interest_rate::text, interest::text FROM account"
        " WHERE debtor_id = %s AND creditor_id = %s",
        debtor_id,
        creditor_id,
    )
    return row


def account_no(place: Place, number: int = 0) -> tuple[int, int]:
    """One that is no root account."""
    (row,) = place.books(
        "SELECT debtor_id, creditor_id FROM account WHERE creditor_id > 0 ORDER BY 1, 2"
        " LIMIT 1 OFFSET %s",
        number,
    )
    return row[0], row[1]


def change(column: str, value: str, number: int = 0) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        place.books(
            f"UPDATE account SET {column} = {value} WHERE debtor_id = %s AND creditor_id = %s",
            *account_no(place, number),
        )

    return make


def make_config_with_version(place: Place) -> None:
    """As ours takes it, and the reference does not."""
    place.books(
        "UPDATE account SET config_data = %s WHERE creditor_id = 0 AND debtor_id = -3",
        '{"type": "RootConfigData-v1", "rate": 2.5, "limit": 750000}',
    )


def request_again(place: Place) -> None:
    place.books(
        "INSERT INTO finalization_request (debtor_id, creditor_id, transfer_id, coordinator_type,"
        " coordinator_id, coordinator_request_id, committed_amount, transfer_note,"
        " transfer_note_format)"
        " SELECT debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,"
        " coordinator_request_id, committed_amount + 1, transfer_note, transfer_note_format"
        " FROM finalization_request ORDER BY id LIMIT 1"
    )


def request_with_answer_to_come(place: Place) -> None:
    place.books(
        "INSERT INTO unverified_transfer_request (debtor_id, creditor_id, coordinator_type,"
        " coordinator_id, coordinator_request_id, received_at, next_attempt_at,"
        " min_locked_amount, max_locked_amount, recipient_creditor_id, final_interest_rate_ts,"
        " deadline) VALUES (-3, 77, 'direct', 5, 6, now(), now(), 1, 2, -1, now(), now())"
    )


def tell_exact_rate(place: Place) -> None:
    place.books("UPDATE account_update_signal SET interest_rate = 3.123456789")


# What is lost, with its kind, and what an example says.
LOSSES: Final = [
    (change("negligible_amount", "123456789"), "rounded_amounts", "123456789"),
    (change("negligible_amount", "1e-46", 1), "rounded_amounts", "1e-46"),
    (change("interest_rate", "3.123456789"), "rounded_rates", "3.123456789"),
    (change("previous_interest_rate", "3.123456789", 1), "rounded_rates", "debtor"),
    (change("interest", "-5.1e23"), "contained_interest", "-510000000000000000000000"),
    (make_config_with_version, "unread_configs", "debtor -3: "),
    (request_again, "later_requests", "transfer "),
    (request_with_answer_to_come, "unverified_requests", "2 to 18446744073709551615"),
    (tell_exact_rate, "rounded_messages", "AccountUpdate of debtor "),
]


def test_losses_are_told_with_examples(ours: Place) -> None:
    for make, _, _ in LOSSES:
        make(ours)
    before = snapshot(ours)
    with pytest.raises(LossRefusedError) as caught:
        give_back(ours)
    losses = {loss.kind: loss for loss in caught.value.losses}
    counts = Counter(kind for _, kind, _ in LOSSES)
    assert {**counts, "rounded_messages": 0} == {
        **{kind: loss.count for kind, loss in losses.items()},
        "rounded_messages": 0,
    }
    for _, kind, example in LOSSES:
        assert any(example in told for told in losses[kind].examples)
    for loss in losses.values():
        assert len(loss.examples) == min(loss.count, EXAMPLES_MAX)
        assert str(loss) in str(caught.value)
    assert "--accept-loss" in str(caught.value)
    after = snapshot(ours)
    archive = (KEPT_REFERENCE, "registered_balance_change")
    assert {**after, archive: None} == {**before, archive: None}


def test_what_is_accepted_becomes_the_nearest_that_there_is(ours: Place) -> None:
    debtor_id, creditor_id = account_no(ours)
    change("negligible_amount", "1e300")(ours)
    change("interest", "1e30")(ours)
    change("interest_rate", "3.123456789")(ours)
    make_config_with_version(ours)
    request_again(ours)
    request_with_answer_to_come(ours)
    requests = ours.books(
        "SELECT transfer_id, committed_amount FROM finalization_request ORDER BY id"
    )
    moved = give_back(ours, accept_loss=True)
    assert moved is not None
    assert len(moved.losses) == 6
    assert account_of(ours, debtor_id, creditor_id) == ("3.4028235e+38", "3.1234567", "5e+23")
    assert (
        ours.query("SELECT transfer_id, committed_amount FROM finalization_request ORDER BY ts")
        == (requests[:-1])
    )
    assert ours.query(
        "SELECT sender_creditor_id, coordinator_id, coordinator_request_id, total_locked_amount"
        " FROM rejected_transfer_signal WHERE status_code = 'RECIPIENT_IS_UNREACHABLE'"
        " AND debtor_id = -3 AND sender_creditor_id = 77"
    ) == [(77, 5, 6, 0)]
    proof = dict(
        ours.query(
            "SELECT subject, before_amount FROM swpt_accounts_left.move_proof"
            " WHERE before_amount = after_amount AND debtor_id IS NULL"
        )
    )
    assert proof["later finalization requests, dropped"] == 1
    assert proof["unverified requests, rejected"] == 1


def test_the_first_request_with_the_right_coordinator_stays(ours: Place) -> None:
    """Also when one with a wrong coordinator came before."""
    ((transfer_id, amount),) = ours.books(
        "SELECT q.transfer_id, q.committed_amount FROM finalization_request AS q"
        " JOIN prepared_transfer AS p USING (debtor_id, creditor_id, transfer_id,"
        " coordinator_type, coordinator_id, coordinator_request_id) WHERE q.committed_amount > 0"
    )
    ours.books(
        "INSERT INTO finalization_request (id, debtor_id, creditor_id, transfer_id,"
        " coordinator_type, coordinator_id, coordinator_request_id, committed_amount,"
        " transfer_note, transfer_note_format) OVERRIDING SYSTEM VALUE"
        " SELECT 0, debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,"
        " coordinator_request_id + 1, 0, '', '' FROM finalization_request WHERE transfer_id = %s",
        transfer_id,
    )
    give_back(ours, accept_loss=True)
    assert ours.query(
        "SELECT committed_amount FROM finalization_request WHERE transfer_id = %s", transfer_id
    ) == [(amount,)]


@pytest.mark.parametrize("make", [request_again, change("interest_rate", "3.123456789")])
def test_what_is_lost_under_the_lock_is_refused_too(
    ours: Place, monkeypatch: pytest.MonkeyPatch, make: Callable[[Place], None]
) -> None:
    """Something may come after the list was made."""

    def bring(*arguments: Any) -> None:
        make(ours)
        bring_archive_up_to_date(*arguments)

    name = "swpt_accounts.takeover.move_out.bring_archive_up_to_date"
    monkeypatch.setattr(name, bring)
    with pytest.raises(LossRefusedError):
        give_back(ours)
    assert ours.books(f"SELECT to_regnamespace('{BOOKS}') IS NOT NULL") == [(True,)]


@pytest.mark.parametrize(
    "config_data",
    ['{"type": "RootConfigData", "rate": 2.5, "limit": 750000}', "[]"],
)
def test_a_configuration_that_both_read_alike_is_no_loss(ours: Place, config_data: str) -> None:
    """Nor one that gives nothing for both."""
    rate = 2.5 if config_data.startswith("{") else 0
    ours.books(
        "UPDATE account SET config_data = %s, minimal_balance ="
        " CASE WHEN %s THEN -750000 ELSE -16777216 END WHERE creditor_id = 0 AND debtor_id = -3",
        config_data,
        rate == 2.5,
    )
    ours.books("UPDATE root_config SET interest_rate = %s WHERE debtor_id = -3", rate)
    moved = give_back(ours)
    assert moved is not None
    assert moved.losses == []


# Numbers


@pytest.fixture(scope="module")
def functions(reference: ReferenceDatabases) -> Iterator[psycopg.Connection[Any]]:
    """A session with our procedures."""
    place = reference.create("no rows")
    move(place)
    with place.session(f"{procedures_schema()}, {BOOKS}") as connection:
        yield connection


def call(connection: psycopg.Connection[Any], expression: str, value: object) -> Any:
    row = connection.execute(f"SELECT {expression}".encode(), [value]).fetchone()
    assert row is not None
    return row[0]


def bits(number: float) -> bytes:
    return struct.pack(">d", number)


@given(pattern=st.integers(0, 2**32 - 1))
def test_each_real_comes_back(functions: psycopg.Connection[Any], pattern: int) -> None:
    """What the reference told of a number becomes the same number."""
    (number,) = struct.unpack(">f", struct.pack(">I", pattern))
    if not math.isfinite(number):
        return
    there_and_back = call(
        functions, "contain_real(told_number(%s::real))::double precision", number
    )
    assert bits(there_and_back) == bits(number)


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_each_number_becomes_the_nearest_real(
    functions: psycopg.Connection[Any], number: float
) -> None:
    found = call(functions, "contain_real(%s)::double precision", number)
    contained = max(min(number, FLOAT_MAX), -FLOAT_MAX)
    (nearest,) = struct.unpack(">f", struct.pack(">f", contained))
    # (through the decimal text, which may be just beside the middle of two of them)
    tolerance = math.ulp(nearest) if abs(nearest) > 1e-37 else 1.5e-45
    assert abs(found - nearest) <= tolerance * 2**29
    assert abs(found) <= FLOAT_MAX


@given(interest=st.decimals(allow_nan=False, allow_infinity=False, places=20))
def test_interest_is_contained(functions: psycopg.Connection[Any], interest: Decimal) -> None:
    found = call(functions, "contain_interest(%s)", interest)
    assert found == float(max(min(interest, Decimal("5e23")), Decimal("-5e23")))


@given(creditor_id=st.integers(-(2**63), 2**63 - 1))
def test_each_creditor_has_an_account_id(
    functions: psycopg.Connection[Any], creditor_id: int
) -> None:
    assert call(functions, "creditor_of(account_id(%s))", creditor_id) == creditor_id


# Messages that the broker did not take


def put_everything_aside(place: Place) -> int:
    """Turn all rows of the outboxes into the bodies of their messages, as a flusher does."""
    count = 0
    path = f"{procedures_schema()}, {BOOKS}"
    with place.session(path) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name in SIGNALS:
            outbox = outbox_table(name, place.settings())
            rows = (
                wire_cursor(connection)
                .execute(outbox.take_query, {"after_id": 0, "count_max": 1000})
                .fetchall()
            )
            for row in sorted(rows):
                body = encode(outbox.message(row))
                assert json.loads(body)["type"] == SIGNALS[name].__name__
                connection.execute(
                    "INSERT INTO returned_message (signal_name, body, reason, next_attempt_at,"
                    " destination) VALUES (%s, %s, 'NO_ROUTE', now(), 'somebody')",
                    [name, body],
                )
                count += 1
    return count


def test_returned_messages_are_in_their_outboxes_again(ours: Place) -> None:
    ours.books(
        "UPDATE account_update_signal SET debtor_info_sha256 = %s WHERE id %% 2 = 0", b"\x01" * 32
    )
    ours.books("UPDATE account_update_signal SET negligible_amount = '-0' WHERE id % 3 = 0")
    give_back(ours)
    before = reference_rows(ours)
    move(ours, copies_archive=False)
    count = put_everything_aside(ours)
    assert count > 20
    give_back(ours)
    assert reference_rows(ours) == before
    assert ours.query(
        "SELECT before_amount, after_amount FROM swpt_accounts_left.move_proof"
        " WHERE subject LIKE 'returned messages%'"
    ) == [(count, count)]
