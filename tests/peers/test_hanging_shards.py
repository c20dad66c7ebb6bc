"""A shard whose fetch API hangs delays only what is asked of it, and not the stop."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import msgspec
import pytest

from agentkit.fetch_api import FetchApi
from agentkit.waiting import wait_until
from swpt_accounts.core.realm import Realm
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.scans.accounts import AccountsScan
from swpt_accounts.scans.chores_poster import ChoresPoster
from swpt_accounts.settings import Settings
from swpt_accounts.stages.recipient_verification import RecipientVerifier
from swpt_accounts.workers.runner import STOP_SECONDS_MAX
from swpt_accounts.workers.shutdown import ShutdownEvent
from tests.support.realms import find_creditors, find_debtor, make_shard
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.builders import DAY

KEY = "0.#"
HANGING = "1.0.#"
(SENDER,) = find_creditors(KEY, 1)
CONNECTIONS_COUNT = 20
# Nobody waits for so long in these tests: what hangs, hangs until the shard is back.
TIMEOUT_SECONDS = "100"
PASS_HOURS = 0.0001
HUNG_COUNT = 400
WELL_COUNT = 100


class Worker(Protocol):
    def run(self) -> None: ...


@pytest.fixture
def half(connection: DatabaseConnection, settings: Settings, fetch_api: FetchApi) -> Shard:
    """A shard with half of the world, at the time of the clock. The others are small."""
    fetch_api.hanging = Realm.parse(HANGING)
    made = make_shard(
        connection,
        settings,
        KEY,
        FETCH_API_URL=fetch_api.url,
        APP_FETCH_CONNECTIONS=str(CONNECTIONS_COUNT),
        APP_FETCH_API_TIMEOUT_SECONDS=TIMEOUT_SECONDS,
    )
    made.clear()
    made.set_now(None)
    open_account(made, builders.DEBTOR)
    made.take_messages()
    return made


@contextmanager
def running(make_worker: Callable[[ShutdownEvent], Worker]) -> Iterator[None]:
    """A worker in a thread, which in the end must stop in time."""
    shutdown = ShutdownEvent()
    thread = threading.Thread(target=make_worker(shutdown).run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        shutdown.request()
        thread.join(STOP_SECONDS_MAX)
    assert not thread.is_alive(), "it has not stopped in time"


def make_accounts_scan(settings: Settings, shutdown: ShutdownEvent) -> AccountsScan:
    changed = msgspec.structs.replace(settings, app_accounts_scan_hours=PASS_HOURS)
    return AccountsScan(changed, shutdown)


def open_account(shard: Shard, debtor_id: int) -> None:
    """Open the first account of a debtor's creditors."""
    (creditor_id,) = find_creditors(KEY, 1, debtor_id)
    message = builders.configure_account(creditor_id, datetime.now(UTC))
    shard.receive({**message, "debtor_id": debtor_id})


def ask(shard: Shard, key: str, count: int) -> None:
    """Ask to prepare transfers to accounts of another shard."""
    shard.receive(
        *[
            builders.prepare_transfer(SENDER, recipient, 0, coordinator_request_id=recipient)
            for recipient in find_creditors(key, count)
        ]
    )


def count(shard: Shard, table: str) -> int:
    return len(shard.rows(table))


def are_queued(shard: Shard, requests_count: int) -> bool:
    return count(shard, "transfer_request") == requests_count


def test_others_are_asked_while_hundreds_of_questions_hang(
    half: Shard, fetch_api: FetchApi
) -> None:
    with running(lambda shutdown: RecipientVerifier(half.settings, shutdown)):
        ask(half, HANGING, HUNG_COUNT)
        wait_until(lambda: fetch_api.counting.count > 0)
        for i in range(1, 4):
            for key in ("1.1.0.#", "1.1.1.#"):
                ask(half, key, WELL_COUNT)
            wait_until(partial(are_queued, half, 2 * WELL_COUNT * i))
            assert count(half, "unverified_transfer_request") == HUNG_COUNT
        # one that is cut off is open there for a moment more
        assert fetch_api.counting.most <= 2 * CONNECTIONS_COUNT
        fetch_api.is_back.set()
        wait_until(lambda: count(half, "unverified_transfer_request") == 0, 30)
    assert count(half, "transfer_request") == HUNG_COUNT + 6 * WELL_COUNT


def test_one_shard_of_sixteen_hangs(half: Shard, fetch_api: FetchApi) -> None:
    """The others get their answers, whoever they are."""
    keys = [f"1.{a}.{b}.{c}.#" for a in "01" for b in "01" for c in "01"]
    fetch_api.hanging = Realm.parse(keys[5])
    with running(lambda shutdown: RecipientVerifier(half.settings, shutdown)):
        for _ in range(10):
            for key in keys:
                ask(half, key, 10)
        wait_until(lambda: count(half, "transfer_request") == 700)
        assert count(half, "unverified_transfer_request") == 100


def test_connections_are_kept_for_the_next_questions(half: Shard, fetch_api: FetchApi) -> None:
    """Though there was nothing to ask for a moment."""
    with running(lambda shutdown: RecipientVerifier(half.settings, shutdown)):
        for i, recipient in enumerate(find_creditors("1.1.#", 10), 1):
            message = builders.prepare_transfer(SENDER, recipient, 0, coordinator_request_id=i)
            half.receive(message)
            wait_until(partial(are_queued, half, i))
    assert fetch_api.counting.total == 10
    assert fetch_api.connections_count == 1


def test_debtors_of_other_shards_are_asked_about_while_one_hangs(
    half: Shard, fetch_api: FetchApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass goes on at once, and the chores follow when the answers come."""
    realms = {key: Realm.parse(key) for key in (HANGING, "1.1.#")}
    debtors = {
        key: [n for n in range(1, 3000) if realm.contains(n, 0)][:50]
        for key, realm in realms.items()
    }
    for debtor_id in (*debtors[HANGING], *debtors["1.1.#"]):
        open_account(half, debtor_id)
    half.take_messages()
    half.connection.raw.execute(
        "UPDATE account SET last_heartbeat_ts = last_heartbeat_ts - interval '20 days'"
    )
    posted: list[int] = []

    monkeypatch.setattr(
        ChoresPoster, "post", lambda _, chores: posted.extend(c.debtor_id for c in chores)
    )

    with running(lambda shutdown: make_accounts_scan(half.settings, shutdown)):
        wait_until(lambda: count(half, "account_update_signal") == 101)
        wait_until(
            lambda: {r["debtor_id"] for r in half.rows("root_config")} >= {*debtors["1.1.#"]}
        )
        wait_until(lambda: {*posted} == {*debtors["1.1.#"]})
        assert not {r["debtor_id"] for r in half.rows("root_config")} & {*debtors[HANGING]}


@pytest.fixture
def hanging_name_server(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[str, threading.Event]]:
    """The URL of a host whose name is not resolved before the end of the test, and whether
    somebody has asked for it.
    """
    is_over = threading.Event()
    asked = threading.Event()
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **options: Any) -> Any:
        if host != "hanging.example":
            return real(host, *args, **options)
        asked.set()
        is_over.wait()
        raise socket.gaierror("not found")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield "http://hanging.example", asked
    is_over.set()


def verify(settings: Settings) -> Callable[[ShutdownEvent], Worker]:
    return lambda shutdown: RecipientVerifier(settings, shutdown)


def scan(settings: Settings) -> Callable[[ShutdownEvent], Worker]:
    return lambda shutdown: make_accounts_scan(settings, shutdown)


@pytest.mark.parametrize("make", [verify, scan])
def test_stop_waits_for_no_answer(
    half: Shard, fetch_api: FetchApi, make: Callable[[Settings], Callable[[ShutdownEvent], Worker]]
) -> None:
    fetch_api.hanging = Realm.parse("#")
    leave_questions(half)
    with running(make(half.settings)):
        wait_until(lambda: fetch_api.counting.count > 0)


@pytest.mark.parametrize("make", [verify, scan])
def test_stop_waits_for_no_name_server(
    half: Shard,
    connection: DatabaseConnection,
    settings: Settings,
    hanging_name_server: tuple[str, threading.Event],
    make: Callable[[Settings], Callable[[ShutdownEvent], Worker]],
) -> None:
    url, asked = hanging_name_server
    leave_questions(half)
    lost = make_shard(
        connection,
        settings,
        KEY,
        FETCH_API_URL=url,
        APP_FETCH_API_TIMEOUT_SECONDS=TIMEOUT_SECONDS,
    )
    with running(make(lost.settings)):
        wait_until(asked.is_set)


def leave_questions(shard: Shard) -> None:
    """Something to ask, for the stage and for the scan."""
    ask(shard, HANGING, 10)
    open_account(shard, find_debtor(HANGING))


def test_stop_does_not_wait_for_the_end_of_the_queue(half: Shard, fetch_api: FetchApi) -> None:
    class Endless(RecipientVerifier):
        """There is always something that is due."""

        def _lease_due(self, _connection: DatabaseConnection, *, is_woken: bool) -> Any:
            return [(1, builders.DEBTOR, next(recipients))]

    recipients = iter(find_creditors("1.1.#", 10_000))
    with running(lambda shutdown: Endless(half.settings, shutdown)):
        wait_until(lambda: fetch_api.counting.total > 20)


def test_what_is_not_answered_before_the_stop_is_asked_soon_again(
    half: Shard, fetch_api: FetchApi
) -> None:
    ask(half, HANGING, 30)
    with running(lambda shutdown: RecipientVerifier(half.settings, shutdown)):
        wait_until(lambda: fetch_api.counting.count > 0)
    half.set_now(None)
    (latest,) = half.connection.raw.execute(
        "SELECT max(next_attempt_at) - now() FROM unverified_transfer_request"
    ).fetchone() or (None,)
    assert latest is not None
    assert latest < DAY / 24 / 360, "not after the lease of 110 seconds"
