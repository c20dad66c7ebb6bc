"""Processes, connections and servers are lost under load."""

import time

from agentkit.authority import QUEUE, SERVICES, WEBSERVER
from agentkit.management import Management
from agentkit.processes import STOP_SECONDS_MAX
from agentkit.waiting import wait_until
from tests.faults.load import TRANSFERS_COUNT_MIN, Load
from tests.support.authority import subscribe

OUTAGE_SECONDS = 4.0
ROUNDS_COUNT = 3


def test_everything_is_killed_at_once(load: Load) -> None:
    for _ in range(2):
        load.run_for(load.random.randrange(20, 60))
        load.authority.kill()
        load.pump()
        load.authority.revive()
    load.finish()
    assert not load.extra_transfer_ids


def test_services_stop_in_time_when_told(load: Load) -> None:
    """A code of 1 would tell that a worker did not stop, and was cut off."""
    authority = load.authority
    ends = {}
    for name in (*SERVICES, WEBSERVER):
        load.run_for(20)
        ends[name] = authority.terminate(name)
        authority.services[name].start(authority.environment)
    authority.wait_ready(ends)
    assert {code for code, _ in ends.values()} == {0}, ends
    assert max(seconds for _, seconds in ends.values()) < STOP_SECONDS_MAX, ends


def test_connections_are_closed_again_and_again(
    load: Load, management: Management, vhost: str
) -> None:
    for _ in range(ROUNDS_COUNT):
        # The list of the connections is some seconds old.
        load.run_until(lambda: management.close_connections(vhost) > 0)
        load.run_for(load.random.randrange(1, 30))
    load.finish(TRANSFERS_COUNT_MIN)
    assert load.authority.revive() == [], "nothing has died"
    assert not load.extra_transfer_ids, "what was handled is not prepared a second time"
    assert "Retrying" in load.authority.log("flush_messages")
    assert "Retrying" in load.authority.log("consume_messages")
    # one that has nothing to do says so, too
    wait_until(lambda: "recovered after" in load.authority.log("consume_chore_messages"))


def test_queue_is_missing_for_a_while(load: Load) -> None:
    """The consumer says so once; it stops in time meanwhile, and finds the new queue."""
    authority = load.authority
    load.run_for(30)
    load.finish()
    authority.broker.channel.queue_delete(QUEUE)
    wait_until(lambda: "NOT_FOUND" in authority.log("consume_messages"))
    code, seconds = authority.terminate("consume_messages")
    assert code == 0
    assert seconds < STOP_SECONDS_MAX
    authority.services["consume_messages"].start(authority.environment)
    wait_until(lambda: authority.log("consume_messages").count("NOT_FOUND") > 1)
    subscribe(authority)
    wait_until(lambda: authority.broker.consumers_count(QUEUE) == 1)
    load.run_for(30)
    load.finish()
    assert authority.revive() == [], "nothing has died"


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
    assert load.authority.revive() == [], "nothing has died"
    assert not load.extra_transfer_ids


def test_services_can_be_started_and_stopped_while_it_is_away(load: Load) -> None:
    authority = load.authority
    load.run_for(30)
    authority.database.cut()
    try:
        for name in ("process_balance_changes", "flush_messages", "consume_messages"):
            code, seconds = authority.terminate(name)
            assert code == 0, authority.log(name)
            assert seconds < STOP_SECONDS_MAX, name
            authority.services[name].start(authority.environment)
    finally:
        authority.database.restore()
    authority.wait_ready(("process_balance_changes", "flush_messages", "consume_messages"))
    load.finish()
