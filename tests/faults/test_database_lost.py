"""The database drops its connections, or is away for a while, under load."""

import time

from tests.faults.load import TRANSFERS_COUNT_MIN, Load

DROPS_COUNT = 8
OUTAGE_SECONDS = 4.0


def assert_nothing_has_died(load: Load) -> None:
    assert load.authority.revive() == []


def test_connections_are_dropped_again_and_again(load: Load) -> None:
    for _ in range(DROPS_COUNT):
        load.run_for(load.random.randrange(1, 30))
        load.authority.database.drop_connections()
    load.finish(TRANSFERS_COUNT_MIN)
    assert_nothing_has_died(load)
    assert not load.extra_transfer_ids


def test_database_is_away_for_seconds(load: Load) -> None:
    load.run_for(40)
    load.authority.database.cut()
    end = time.monotonic() + OUTAGE_SECONDS
    try:
        while time.monotonic() < end:
            load.pump()
    finally:
        load.authority.database.restore()
    load.run_for(40)
    load.finish()
    assert_nothing_has_died(load)
    assert not load.extra_transfer_ids


def test_services_can_be_started_and_stopped_while_it_is_away(load: Load) -> None:
    authority = load.authority
    load.run_for(30)
    authority.database.cut()
    try:
        for name in ("process_balance_changes", "flush_messages", "consume_messages"):
            code, seconds = authority.terminate(name)
            assert code == 0, authority.log(name)
            assert seconds < 5, name
            authority.services[name].start(authority.environment)
    finally:
        authority.database.restore()
    authority.wait_ready(("process_balance_changes", "flush_messages", "consume_messages"))
    load.finish()
