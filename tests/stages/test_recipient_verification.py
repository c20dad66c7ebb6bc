"""PrepareTransfer, for recipients of other shards: they wait for the answer of the fetch API."""

from datetime import timedelta

import pytest

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import LEASE_UNVERIFIED_REQUESTS, NOTE_VERIFICATIONS
from swpt_accounts.db.queries import query
from swpt_accounts.settings import Settings
from swpt_accounts.stages.recipient_verification import PATIENCE
from tests.support.realms import find_creditors, make_shard
from tests.support.sessions import another_session
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.builders import DEBTOR, MICROSECOND, NOW, ROOT, SECOND
from verification.model.money import LATEST, MAX_INT32

LEASE = timedelta(seconds=15)
ALICE, BOB = find_creditors("0.#", 2)
FAR, FARTHER = find_creditors("1.#", 2)


@pytest.fixture
def half(connection: DatabaseConnection, settings: Settings) -> Shard:
    """A shard with half of the world, in which Alice and Bob have accounts."""
    made = make_shard(connection, settings, "0.#")
    made.clear()
    made.set_now(NOW)
    made.receive(builders.configure_account(ALICE), builders.configure_account(BOB))
    made.take_messages()
    return made


def request(shard: Shard, *recipients: int) -> None:
    """Ask to prepare transfers of nothing to these recipients; the requests are numbered."""
    shard.receive(
        *[
            builders.prepare_transfer(ALICE, recipient, 0, coordinator_request_id=i)
            for i, recipient in enumerate(recipients)
        ]
    )


def lease(shard: Shard, count_max: int = 10) -> list[tuple[int, int]]:
    """Take requests that are due. Returns their ids, and the recipients to be asked about."""
    rows = shard.connection.call_table(LEASE_UNVERIFIED_REQUESTS, count_max=count_max, lease=LEASE)
    assert all(debtor_id == DEBTOR for _, debtor_id, _ in rows)
    return sorted((request_id, recipient) for request_id, _, recipient in rows)


def note(shard: Shard, answers: dict[int, bool | None]) -> int:
    """Note the answers to requests. Returns how many were given up."""
    given_up: int = shard.connection.call_value(
        NOTE_VERIFICATIONS,
        id=list(answers),
        is_reachable=list(answers.values()),
        patience=PATIENCE,
    )
    return given_up


def test_recipients_of_other_shards_wait(half: Shard) -> None:
    request(half, BOB, FAR, ROOT, FARTHER)
    assert [r["recipient_creditor_id"] for r in half.rows("transfer_request")] == [BOB, ROOT]
    waiting = half.rows("unverified_transfer_request")
    assert [r["recipient_creditor_id"] for r in waiting] == [FAR, FARTHER]
    for row in waiting:
        assert row["received_at"] == row["next_attempt_at"] == NOW
        assert row["attempts_count"] == 0
    assert [recipient for _, recipient in lease(half)] == [FAR, FARTHER]


def test_agents_need_no_answer(half: Shard) -> None:
    half.receive(builders.prepare_transfer(ALICE, FAR, 0, coordinator_type="agent"))
    assert half.rows("unverified_transfer_request") == []
    assert len(half.rows("transfer_request")) == 1


def test_positive_answer_lets_the_request_go_on(half: Shard) -> None:
    message = builders.prepare_transfer(
        ALICE, FAR, 7, NOW - SECOND, min_locked_amount=0, max_commit_delay=60
    )
    half.receive(message)
    (waiting,) = half.rows("unverified_transfer_request")
    ((request_id, _),) = lease(half)
    assert note(half, {request_id: True}) == 0
    assert half.rows("unverified_transfer_request") == []
    (queued,) = half.rows("transfer_request")
    assert {**waiting, **queued} == {**waiting, "id": queued["id"]}
    half.process_transfer_requests()
    (answer,) = half.take_messages()
    assert answer["recipient"] == str(FAR)
    assert answer["deadline"] == NOW + 59 * SECOND


def test_negative_answer_rejects_the_request(half: Shard) -> None:
    request(half, FAR, FARTHER)
    (first, _), (second, _) = lease(half)
    assert note(half, {first: False, second: True}) == 0
    assert half.rows("unverified_transfer_request") == []
    assert half.take_messages() == [
        {
            "type": "RejectedTransfer",
            "debtor_id": DEBTOR,
            "creditor_id": ALICE,
            "coordinator_type": "direct",
            "coordinator_id": ALICE,
            "coordinator_request_id": 0,
            "status_code": "RECIPIENT_IS_UNREACHABLE",
            "total_locked_amount": 0,
            "ts": NOW,
        }
    ]


def test_requests_go_on_in_the_order_in_which_they_came(half: Shard) -> None:
    request(half, *[FAR] * 5)
    ids = [request_id for request_id, _ in lease(half)]
    note(half, dict.fromkeys(reversed(ids), True))
    queued = half.rows("transfer_request")
    assert [row["coordinator_request_id"] for row in queued] == list(range(5))


def test_leased_request_is_not_leased_again_before_its_time(half: Shard) -> None:
    request(half, FAR)
    assert len(lease(half)) == 1
    half.set_now(NOW + LEASE - MICROSECOND)
    assert lease(half) == []
    half.set_now(NOW + LEASE)
    assert len(lease(half)) == 1


def test_those_who_wait_longest_come_first(half: Shard) -> None:
    for i, recipient in enumerate([FAR, FARTHER, FAR]):
        half.set_now(NOW + i * SECOND)
        request(half, recipient)
    assert [recipient for _, recipient in lease(half, 2)] == [FAR, FARTHER]
    assert [recipient for _, recipient in lease(half, 2)] == [FAR]


def test_request_without_an_answer_is_asked_again(half: Shard) -> None:
    request(half, FAR)
    now = NOW
    for attempts_count in range(1, 10):
        ((request_id, _),) = lease(half)
        assert note(half, {request_id: None}) == 0
        (row,) = half.rows("unverified_transfer_request")
        assert row["attempts_count"] == attempts_count
        assert row["received_at"] == NOW
        assert row["next_attempt_at"] > now
        assert lease(half) == []
        now = row["next_attempt_at"]
        half.set_now(now)


@pytest.mark.parametrize(
    ("attempts_count", "pause_seconds"),
    [(0, 0.2), (1, 0.4), (5, 6.4), (6, 10), (MAX_INT32 - 1, 10)],
)
def test_pauses_grow(half: Shard, attempts_count: int, pause_seconds: float) -> None:
    request(half, FAR)
    half.connection.raw.execute(
        "UPDATE unverified_transfer_request SET attempts_count = %s", [attempts_count]
    )
    ((request_id, _),) = lease(half)
    note(half, {request_id: None})
    (row,) = half.rows("unverified_transfer_request")
    assert row["next_attempt_at"] == NOW + timedelta(seconds=pause_seconds)


def attempt(shard: Shard, count: int) -> list[int]:
    """Ask for everything so often in vain, one time short. Returns the ids to be noted last."""
    statement = "UPDATE unverified_transfer_request SET attempts_count = %s"
    shard.connection.raw.execute(statement, [count - 1])
    return [request_id for request_id, _ in lease(shard)]


def test_request_is_given_up_after_two_minutes(half: Shard) -> None:
    request(half, FAR, FAR)
    first, second = attempt(half, 3)
    half.set_now(NOW + timedelta(minutes=2) - MICROSECOND)
    assert note(half, {first: None}) == 0
    half.set_now(NOW + timedelta(minutes=2))
    assert note(half, {first: None, second: None}) == 2
    assert half.rows("unverified_transfer_request") == []
    rejections = half.take_messages()
    assert [m["status_code"] for m in rejections] == ["RECIPIENT_IS_UNREACHABLE"] * 2


def test_clock_that_is_set_forward_rejects_nothing_at_once(half: Shard) -> None:
    request(half, FAR)
    half.set_now(NOW + timedelta(hours=1))
    for _ in range(2):
        ((request_id, _),) = lease(half)
        assert note(half, {request_id: None}) == 0
        half.set_now(half.rows("unverified_transfer_request")[0]["next_attempt_at"])
    ((request_id, _),) = lease(half)
    assert note(half, {request_id: None}) == 1


def test_clock_that_is_set_back_delays_nothing(half: Shard) -> None:
    request(half, FAR)
    ((request_id, _),) = lease(half)
    note(half, {request_id: None})
    half.set_now(NOW - timedelta(hours=1))
    assert half.connection.probe(query("has_due_requests").encode()) == ["1"]
    assert [found for found, _ in lease(half)] == [request_id]
    # its lease holds, at the new time
    assert lease(half) == []
    assert half.connection.probe(query("has_due_requests").encode()) == []
    half.set_now(NOW - timedelta(hours=1) + LEASE)
    assert len(lease(half)) == 1


@pytest.mark.parametrize("behind", [timedelta(), timedelta(hours=1)])
def test_no_more_are_leased_than_asked_for(half: Shard, behind: timedelta) -> None:
    request(half, *[FAR] * 3)
    half.set_now(NOW - timedelta(hours=1))
    request(half, *[FARTHER] * 3)
    half.set_now(NOW - behind)
    for count_max, count in ((2, 2), (0, 0), (3, 3), (3, 1)):
        assert len(lease(half, count_max)) == count


def test_request_from_the_future_is_given_up_all_the_same(half: Shard) -> None:
    request(half, FAR)
    half.set_now(NOW - timedelta(hours=1))
    (request_id,) = attempt(half, 19)
    assert note(half, {request_id: None}) == 0
    half.set_now(half.rows("unverified_transfer_request")[0]["next_attempt_at"])
    (request_id,) = attempt(half, 20)
    assert note(half, {request_id: None}) == 1


def test_nobody_waits_for_a_request_that_is_locked(half: Shard, settings: Settings) -> None:
    request(half, FAR, FARTHER)
    (first, _), (second, _) = lease(half)
    with another_session(settings) as other, other.connection.raw.transaction():
        other.connection.raw.execute(
            "SELECT FROM unverified_transfer_request WHERE id = %s FOR UPDATE", [first]
        )
        half.connection.raw.execute("SET lock_timeout = '100ms'")
        note(half, {first: True, second: True})
    assert [row["recipient_creditor_id"] for row in half.rows("transfer_request")] == [FARTHER]
    half.set_now(NOW + LEASE)
    assert [request_id for request_id, _ in lease(half)] == [first]


def test_late_answer_counts_all_the_same(half: Shard) -> None:
    request(half, FAR, FARTHER)
    (first, _), (second, _) = lease(half)
    half.set_now(NOW + timedelta(days=1))
    assert note(half, {first: True, second: False}) == 0
    assert len(half.rows("transfer_request")) == 1
    assert len(half.take_messages()) == 1


def test_second_answer_changes_nothing(half: Shard) -> None:
    request(half, FAR)
    ((request_id, _),) = lease(half)
    for answer in (True, False, None, True):
        note(half, {request_id: answer})
    assert len(half.rows("transfer_request")) == 1
    assert half.take_messages() == []


def test_deadline_beyond_the_calendar_survives_the_wait(half: Shard) -> None:
    message = builders.prepare_transfer(ALICE, FAR, 0, LATEST, max_commit_delay=MAX_INT32)
    half.receive(message)
    ((request_id, _),) = lease(half)
    note(half, {request_id: True})
    half.process_transfer_requests()
    (answer,) = half.take_messages()
    assert answer["deadline"] == NOW + timedelta(days=90)
