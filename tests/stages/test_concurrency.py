"""Several workers on one database neither repeat nor block each other."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from random import Random

import pytest

from agentkit.waiting import wait_until
from swpt_accounts.outbox.returned_messages import put_aside, take_due_messages
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.stages.worker import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
    Stage,
    StageWorker,
)
from swpt_accounts.workers.shutdown import ShutdownEvent
from tests.outbox.test_flush import make_purge
from tests.support.sessions import Blocked, another_session
from verification.kit.shard import Shard
from verification.kit.wire import Message
from verification.model import builders
from verification.model.books import account, open_books, prepare, prepared, sent
from verification.model.builders import ALICE, BOB, CAROL, DAY, NOW, ROOT, SECOND

STAGES = [TRANSFER_REQUESTS, FINALIZATION_REQUESTS, BALANCE_CHANGES]
CREDITORS = (ALICE, BOB, CAROL)


@pytest.fixture
def other(settings: Settings) -> Iterator[Shard]:
    """Another worker."""
    with another_session(settings) as made:
        yield made


@pytest.fixture
def third(settings: Settings) -> Iterator[Shard]:
    """One more."""
    with another_session(settings) as made:
        yield made


def leave_work(shard: Shard, stage: Stage) -> None:
    """Leave two requests of each creditor to a stage."""
    open_books(shard, dict.fromkeys(CREDITORS, 1000))
    if stage is TRANSFER_REQUESTS:
        requests = [builders.prepare_transfer(c, ROOT, 10) for c in CREDITORS]
    elif stage is FINALIZATION_REQUESTS:
        requests = [
            builders.finalize_transfer(prepare(shard, c, ROOT, 10), 10)
            for c in CREDITORS
            for _ in range(2)
        ]
    else:
        requests = [
            builders.pending_balance_change(c, 10, change_id=c * i)
            for c in CREDITORS
            for i in (1, 2)
        ]
    if stage is TRANSFER_REQUESTS:
        requests *= 2
    shard.take_messages()
    shard.receive(*requests)


def done(shard: Shard, stage: Stage) -> dict[int, int]:
    """How many requests of each creditor a stage has done: each has one message for an answer."""
    table = {
        TRANSFER_REQUESTS: "prepared_transfer_signal",
        FINALIZATION_REQUESTS: "finalized_transfer_signal",
        BALANCE_CHANGES: "account_transfer_signal",
    }[stage]
    rows = shard.rows(table)
    return {c: sum(1 for row in rows if row["creditor_id"] == c) for c in CREDITORS}


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.name)
class TestStages:
    """The stages, in the presence of others."""

    def test_two_workers_do_not_do_the_same(self, shard: Shard, other: Shard, stage: Stage) -> None:
        leave_work(shard, stage)
        with shard.connection.raw.transaction():
            assert shard.run_stage(stage)[:2] == (6, 6)
            assert other.run_stage(stage)[:2] == (0, 6)
        assert other.run_stage(stage)[:2] == (0, 0)
        assert done(shard, stage) == dict.fromkeys(CREDITORS, 2)

    def test_work_of_a_worker_that_fails_is_done_by_another(
        self, shard: Shard, other: Shard, stage: Stage
    ) -> None:
        leave_work(shard, stage)
        with shard.connection.raw.transaction(force_rollback=True):
            shard.run_stage(stage)
        assert other.run_stage(stage)[:2] == (6, 6)
        assert done(shard, stage) == dict.fromkeys(CREDITORS, 2)

    def test_neighbours_of_a_locked_account_proceed(
        self, shard: Shard, other: Shard, stage: Stage
    ) -> None:
        leave_work(shard, stage)
        with shard.connection.raw.transaction():
            shard.lock_account(BOB)
            assert other.run_stage(stage)[:2] == (4, 6)
            assert done(other, stage) == {ALICE: 2, BOB: 0, CAROL: 2}
            assert other.run_stage(stage)[:2] == (0, 2)
        assert other.run_stage(stage)[:2] == (2, 2)
        assert done(other, stage) == dict.fromkeys(CREDITORS, 2)

    def test_skipped_request_is_free_for_others(
        self, shard: Shard, other: Shard, third: Shard, stage: Stage
    ) -> None:
        """Who cannot lock the account must not hold on to its requests: they would get mixed up."""
        leave_work(shard, stage)
        with other.connection.raw.transaction():
            with shard.connection.raw.transaction():
                shard.lock_account(BOB)
                assert other.run_stage(stage)[:2] == (4, 6)
            assert third.run_stage(stage)[0] == 2
            assert done(third, stage) == {ALICE: 0, BOB: 2, CAROL: 0}

    def test_worker_does_not_quit_before_what_it_had_to_leave(
        self, shard: Shard, settings: Settings, stage: Stage
    ) -> None:
        """Its batches are just as long as the queue: the look ends with an empty one."""
        leave_work(shard, stage)
        worker = threading.Thread(target=work(in_batches_of(6, settings), [stage]))
        with shard.connection.raw.transaction():
            shard.lock_account(BOB)
            worker.start()
            wait_until(lambda: done(shard, stage) == {ALICE: 2, BOB: 0, CAROL: 2})
        worker.join()
        assert done(shard, stage) == dict.fromkeys(CREDITORS, 2)

    def test_work_that_came_meanwhile_is_not_lost(
        self, shard: Shard, other: Shard, stage: Stage
    ) -> None:
        leave_work(shard, stage)
        rows = shard.rows(stage.table)
        with other.connection.raw.transaction(force_rollback=True):
            # An id that was given out before those that are committed already.
            other.connection.raw.execute(
                f"DELETE FROM {stage.table} WHERE id = %s", [rows[0]["id"]]
            )
            assert shard.run_stage(stage)[:2] == (5, 6)
        assert shard.run_stage(stage)[:2] == (1, 1)
        assert done(shard, stage) == dict.fromkeys(CREDITORS, 2)


def test_stage_leaves_an_account_that_is_configured(shard: Shard, other: Shard) -> None:
    leave_work(shard, TRANSFER_REQUESTS)
    with shard.connection.raw.transaction():
        shard.receive(builders.configure_account(ALICE, NOW + SECOND, negligible_amount=5.0))
        assert other.run_stage(TRANSFER_REQUESTS)[:2] == (4, 6)
    assert other.run_stage(TRANSFER_REQUESTS)[:2] == (2, 2)
    alice = account(shard, ALICE)
    assert (alice["negligible_amount"], alice["total_locked_amount"]) == (5.0, 20)


def test_configuration_waits_for_a_stage(shard: Shard, other: Shard, third: Shard) -> None:
    leave_work(shard, BALANCE_CHANGES)
    with shard.connection.raw.transaction():
        shard.run_stage(BALANCE_CHANGES)
        configuration = builders.configure_account(ALICE, NOW + SECOND, negligible_amount=5.0)
        blocked = Blocked(third, other, lambda: other.receive(configuration))
    blocked.finish()
    alice = account(shard, ALICE)
    assert (alice["negligible_amount"], alice["principal"]) == (5.0, 1020)
    assert alice["last_change_seqnum"] == 3


@pytest.mark.parametrize(
    "chore",
    [
        builders.chore("ChangeInterestRate", ALICE, interest_rate=5.5, ts=NOW + 14 * DAY),
        builders.chore("CapitalizeInterest", ALICE),
        builders.chore("TryToDeleteAccount", ALICE),
    ],
    ids=lambda chore: chore["type"],
)
def test_chore_gives_way_to_a_stage(shard: Shard, other: Shard, chore: Message) -> None:
    open_books(shard, {ALICE: 1000}, rate=100.0)
    configuration = builders.configure_account(
        ALICE, NOW + SECOND, negligible_amount=2000.0, config_flags=1
    )
    shard.receive(configuration, builders.pending_balance_change(ALICE, 10**6))
    other.set_now(NOW + 14 * DAY)
    other.connection.raw.execute("SET lock_timeout = '100ms'")
    with shard.connection.raw.transaction():
        shard.run_stage(BALANCE_CHANGES)
        assert not other.try_chore(chore)
    assert other.try_chore(chore)
    alice = account(shard, ALICE)
    assert alice["principal"] + alice["interest"] >= 1001000
    assert alice["status_flags"] == 0


class TestOpening:
    """An account is opened by two at a time."""

    def test_later_configuration_wins(self, shard: Shard, other: Shard, third: Shard) -> None:
        with shard.connection.raw.transaction():
            shard.receive(builders.configure_account(ALICE, NOW, config_flags=2))
            earlier = builders.configure_account(ALICE, NOW - SECOND, config_flags=4)
            blocked = Blocked(third, other, lambda: other.receive(earlier))
        blocked.finish()
        alice = account(shard, ALICE)
        assert (alice["config_flags"], alice["last_config_ts"]) == (2, NOW)
        assert [m["config_flags"] for m in shard.take_messages()] == [2]

    def test_both_configurations_are_applied_in_order(
        self, shard: Shard, other: Shard, third: Shard
    ) -> None:
        with shard.connection.raw.transaction():
            shard.receive(builders.configure_account(ALICE, NOW - SECOND, config_flags=2))
            later = builders.configure_account(ALICE, NOW, config_flags=4)
            blocked = Blocked(third, other, lambda: other.receive(later))
        blocked.finish()
        updates = shard.take_messages()
        assert [m["config_flags"] for m in updates] == [2, 4]
        assert [m["last_change_seqnum"] for m in updates] == [0, 1]

    def test_later_configuration_of_a_root_account_wins(
        self, shard: Shard, other: Shard, third: Shard
    ) -> None:
        def configure(ts_offset: int, rate: float) -> Message:
            return builders.configure_account(
                ROOT,
                NOW + ts_offset * SECOND,
                config_data='{"type": "RootConfigData", "rate": %s}' % rate,
            )

        with shard.connection.raw.transaction():
            shard.receive(configure(1, 7.0))
            blocked = Blocked(third, other, lambda: other.receive(configure(0, 5.5)))
        blocked.finish()
        assert [row["interest_rate"] for row in shard.rows("root_config")] == [7.0]
        assert "7.0" in account(shard, ROOT)["config_data"]

    @pytest.mark.parametrize("creditor_id", [ALICE, ROOT])
    def test_configured_account_keeps_what_it_received(
        self, shard: Shard, other: Shard, third: Shard, creditor_id: int
    ) -> None:
        shard.receive(builders.pending_balance_change(creditor_id, 5, other_creditor_id=BOB))
        with shard.connection.raw.transaction():
            shard.run_stage(BALANCE_CHANGES)
            configuration = builders.configure_account(creditor_id, negligible_amount=7.0)
            blocked = Blocked(third, other, lambda: other.receive(configuration))
        blocked.finish()
        found = account(shard, creditor_id)
        assert (found["principal"], found["negligible_amount"]) == (5, 7.0)
        updates = sent(shard, "AccountUpdate")
        assert [m["last_change_seqnum"] for m in updates] == [1, 2]

    def test_account_receives_what_came_while_it_was_configured(
        self, shard: Shard, other: Shard
    ) -> None:
        shard.receive(builders.pending_balance_change(ALICE, 5))
        with shard.connection.raw.transaction():
            shard.receive(builders.configure_account(ALICE, config_flags=2))
            # it does not wait: there may be others
            assert other.run_stage(BALANCE_CHANGES)[:2] == (0, 1)
        other.run_stage(BALANCE_CHANGES, left_ids=other.left_ids)
        alice = account(shard, ALICE)
        assert (alice["principal"], alice["config_flags"]) == (5, 2)

    def test_neighbours_of_an_account_that_is_opened_proceed(
        self, shard: Shard, other: Shard
    ) -> None:
        shard.receive(*[builders.pending_balance_change(c, 5, change_id=c) for c in CREDITORS])
        with shard.connection.raw.transaction():
            shard.receive(builders.configure_account(BOB))
            assert other.run_stage(BALANCE_CHANGES)[:2] == (2, 3)
            assert {row["creditor_id"] for row in other.rows("account")} == {ALICE, CAROL}
        other.run_stage(BALANCE_CHANGES, left_ids=other.left_ids)
        assert account(other, BOB)["principal"] == 5

    def test_two_changes_open_one_account(self, shard: Shard, other: Shard) -> None:
        shard.receive(*[builders.pending_balance_change(ALICE, 5, change_id=i) for i in (1, 2)])
        with shard.connection.raw.transaction():
            assert shard.run_stage(BALANCE_CHANGES, count_max=1)[0] == 1
            assert other.run_stage(BALANCE_CHANGES)[0] == 0
        other.run_stage(BALANCE_CHANGES, left_ids=other.left_ids)
        assert account(shard, ALICE)["principal"] == 10
        messages = shard.take_messages()
        numbers = [m["transfer_number"] for m in messages if m["type"] == "AccountTransfer"]
        assert numbers == [1, 2]
        assert len([m for m in messages if m["type"] == "AccountUpdate"]) == 1


def test_change_that_two_receive_is_registered_once(
    shard: Shard, other: Shard, third: Shard
) -> None:
    message = builders.pending_balance_change(ALICE, 5)
    with shard.connection.raw.transaction():
        shard.receive(message)
        blocked = Blocked(third, other, lambda: other.receive(message))
    blocked.finish()
    assert len(shard.rows("pending_balance_change")) == 1


def test_scan_leaves_a_locked_account_for_the_next_pass(shard: Shard, other: Shard) -> None:
    open_books(shard, dict.fromkeys(CREDITORS, 1000))
    other.set_now(NOW + DAY)
    with shard.connection.raw.transaction():
        shard.lock_account(BOB)
        other.scan_accounts()
        assert other.send_prompt_account_updates() == 0
        assert {m["creditor_id"] for m in sent(other, "AccountUpdate")} == {ROOT, ALICE, CAROL}
    other.scan_accounts()
    assert {m["creditor_id"] for m in sent(other, "AccountUpdate")} == {BOB}


def test_two_flushers_do_not_send_the_same(shard: Shard, other: Shard) -> None:
    open_books(shard, {})
    for creditor_id in CREDITORS:
        shard.receive(builders.configure_account(creditor_id))
    with shard.connection.raw.transaction(force_rollback=True):
        assert len(shard.take_messages()) == 3
        assert other.take_messages() == []
        shard.receive(builders.configure_account(7))
    assert len(other.take_messages()) == 3
    assert shard.take_messages() == []


def test_two_flushers_do_not_send_a_returned_message_twice(shard: Shard, other: Shard) -> None:
    put_aside(shard.connection, [make_purge(1)], {0: "no route"})
    for session in (shard, other):
        session.set_now(NOW + DAY)

    def take(session: Shard) -> int:
        return len(take_due_messages(session.connection, ["AccountPurgeSignal"], 10))

    with shard.connection.raw.transaction(force_rollback=True):
        assert take(shard) == 1
        assert take(other) == 0
    assert take(other) == 1


def in_batches_of(count: int, settings: Settings) -> Settings:
    """Settings with a maximum of rows for each stage."""
    return load_settings(
        {
            "SQLALCHEMY_DATABASE_URI": settings.database_url,
            **{f"APP_{stage.name.upper()}_MAX_COUNT": str(count) for stage in STAGES},
        }
    )


def work(settings: Settings, stages: list[Stage]) -> Callable[[], None]:
    """What a process does that has little work: a thread for each stage, until there is none."""

    def run() -> None:
        for stage in stages:
            StageWorker(settings, ShutdownEvent(), stage, quit_early=True).run()

    return run


class _InterruptedWorker(StageWorker):
    """Calls a function after each of its batches."""

    def __init__(
        self,
        settings: Settings,
        shutdown: ShutdownEvent,
        stage: Stage,
        after_batch: Callable[[], None],
    ) -> None:
        super().__init__(settings, shutdown, stage, quit_early=True)
        self._after_batch = after_batch

    def note_success(self) -> None:
        super().note_success()
        self._after_batch()


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.name)
def test_locked_account_does_not_wait_for_the_end_of_a_backlog(
    shard: Shard, other: Shard, settings: Settings, stage: Stage
) -> None:
    """It is locked while its requests are first seen; the backlog is far from its end then."""
    leave_work(shard, stage)
    # one after the other, and Bob's again in between
    batches = 0
    done_after: list[dict[int, int]] = []
    shutdown = ShutdownEvent()
    with ExitStack() as locks:
        locks.enter_context(other.connection.raw.transaction())
        other.lock_account(ALICE)

        def after_batch() -> None:
            nonlocal batches
            batches += 1
            done_after.append(done(shard, stage))
            if batches == 3:
                locks.close()
            if batches == 4:
                shutdown.request()

        _InterruptedWorker(in_batches_of(1, settings), shutdown, stage, after_batch).run()
    assert [counts[ALICE] for counts in done_after] == [0, 0, 0, 2]
    assert sum(done_after[-1].values()) < 6


def test_commits_are_not_overtaken_by_dismissals(shard: Shard, settings: Settings) -> None:
    """Whatever locks the senders, and however many work: the first request counts."""
    shard.set_now(None)
    now = datetime.now(UTC)
    shard.receive(
        *[builders.configure_account(c, now) for c in CREDITORS],
        *[builders.pending_balance_change(c, 10**6, change_id=c) for c in CREDITORS],
    )
    hasty = in_batches_of(7, settings)
    work(hasty, [BALANCE_CHANGES])()
    shard.receive(
        *[
            builders.prepare_transfer(c, ROOT, 1, now, coordinator_request_id=i)
            for i in range(60)
            for c in CREDITORS
        ]
    )
    work(hasty, [TRANSFER_REQUESTS])()
    transfers = [t for c in CREDITORS for t in prepared(shard, c)]
    shard.receive(*[builders.finalize_transfer(t, 1) for t in transfers])
    shard.receive(*[builders.finalize_transfer(t, 0) for t in transfers])
    finished = threading.Event()

    def lock_now_and_then() -> None:
        random = Random(5)
        with another_session(settings) as session:
            while not finished.is_set():
                with session.connection.raw.transaction():
                    session.lock_account(random.choice(CREDITORS))
                    finished.wait(random.uniform(0, 0.02))

    locker = threading.Thread(target=lock_now_and_then)
    locker.start()
    try:
        in_threads([work(hasty, [FINALIZATION_REQUESTS]) for _ in range(4)])
    finally:
        finished.set()
        locker.join()
    amounts = [m["committed_amount"] for m in sent(shard, "FinalizedTransfer")]
    assert amounts == [1] * len(transfers)
    assert shard.rows("finalization_request") == []


def test_many_workers_lose_and_repeat_nothing(shard: Shard, settings: Settings) -> None:
    """Four workers, in small batches, on three accounts that pay each other all the time."""
    shard.set_now(None)
    now = datetime.now(UTC)
    hasty = in_batches_of(7, settings)
    shard.receive(
        *[builders.configure_account(c, now) for c in CREDITORS],
        *[builders.pending_balance_change(c, 10**6, change_id=c) for c in CREDITORS],
    )
    work(hasty, [BALANCE_CHANGES])()
    random = Random(7)
    pairs = [random.sample(CREDITORS, 2) for _ in range(300)]
    shard.receive(
        *[
            builders.prepare_transfer(sender, recipient, 100, now, coordinator_request_id=i)
            for i, (sender, recipient) in enumerate(pairs)
        ]
    )
    in_threads([work(hasty, [TRANSFER_REQUESTS]) for _ in range(4)])
    answers = sent(shard, "PreparedTransfer")
    assert sorted(m["coordinator_request_id"] for m in answers) == list(range(300))
    shard.receive(
        *[
            builders.finalize_transfer(transfer, 1 + transfer.coordinator_request_id % 100)
            for creditor_id in CREDITORS
            for transfer in prepared(shard, creditor_id)
        ]
    )
    in_threads([work(hasty, [FINALIZATION_REQUESTS, BALANCE_CHANGES]) for _ in range(4)])
    work(hasty, STAGES)()
    messages = shard.take_messages()
    finalized = [m for m in messages if m["type"] == "FinalizedTransfer"]
    assert [m["status_code"] for m in finalized] == ["OK"] * 300
    check_accounts(shard, pairs)
    check_chains([m for m in messages if m["type"] == "AccountTransfer"])


def check_accounts(shard: Shard, pairs: list[list[int]]) -> None:
    """The balances are what the transfers make of them; nothing is left."""
    balances = dict.fromkeys(CREDITORS, 10**6)
    for i, (sender, recipient) in enumerate(pairs):
        balances[sender] -= 1 + i % 100
        balances[recipient] += 1 + i % 100
    for creditor_id, balance in balances.items():
        found = account(shard, creditor_id)
        assert found["principal"] == balance
        assert (found["total_locked_amount"], found["pending_transfers_count"]) == (0, 0)
    for stage in STAGES:
        assert shard.rows(stage.table) == []


def check_chains(transfers: list[Message]) -> None:
    """Each account's transfers make a chain, in the order in which they go out."""
    for creditor_id in CREDITORS:
        chain = [m for m in transfers if m["creditor_id"] == creditor_id]
        # the first link went out before
        principal = 10**6
        for number, message in enumerate(chain, 2):
            principal += message["acquired_amount"]
            assert message["principal"] == principal
            assert message["transfer_number"] == message["previous_transfer_number"] + 1 == number


def in_threads(calls: list[Callable[[], None]]) -> None:
    """Make calls at the same time."""
    errors: list[BaseException] = []

    def run(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
