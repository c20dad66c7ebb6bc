"""Somebody locks accounts, requests and messages at random, for moments, under load."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import psycopg

from agentkit.messages import configure
from swpt_accounts.settings import load_settings
from tests.faults.load import TRANSFERS_COUNT_MIN, Load

TABLES = (
    "account",
    "account",
    "account",
    "prepared_transfer",
    "transfer_request",
    "finalization_request",
    "pending_balance_change",
    "prepared_transfer_signal",
    "account_transfer_signal",
)
SECONDS_MAX = 0.3
ROWS_COUNT_MAX = 5


def lock_at_random(dsn: str, finished: Event, seed: int) -> None:
    """Lock some rows for a moment, again and again."""
    chooser = random.Random(seed)
    with psycopg.connect(dsn) as connection:
        while not finished.is_set():
            table = chooser.choice(TABLES)
            connection.execute(
                f"SELECT FROM {table} WHERE random() < 0.3 LIMIT {ROWS_COUNT_MAX}"
                " FOR UPDATE SKIP LOCKED"
            )
            finished.wait(chooser.uniform(0, SECONDS_MAX))
            connection.rollback()


@contextmanager
def random_locks(load: Load) -> Iterator[None]:
    dsn = load_settings(load.authority.environment).postgres_dsn
    finished = Event()
    lockers = [Thread(target=lock_at_random, args=(dsn, finished, seed)) for seed in (1, 2)]
    for locker in lockers:
        locker.start()
    try:
        yield
    finally:
        finished.set()
        for locker in lockers:
            locker.join()


def test_nothing_is_lost_doubled_or_stuck(load: Load) -> None:
    with random_locks(load):
        while len(load.transfers) < TRANSFERS_COUNT_MIN:
            load.run_for(10)
            for creditor_id in load.random.sample(load.creditor_ids, 3):
                flags = load.random.randrange(2) << 1
                load.authority.send(configure(load.debtor_id, creditor_id, config_flags=flags))
        load.finish()
    assert load.authority.revive() == []
    assert not load.extra_transfer_ids
