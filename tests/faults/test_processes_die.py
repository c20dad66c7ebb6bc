"""Services are killed at random moments, or told to stop, under load."""

from agentkit.authority import SERVICES, WEBSERVER
from agentkit.processes import STOP_SECONDS_MAX
from tests.faults.load import TRANSFERS_COUNT_MIN, Load

# The services through which a transfer goes.
WORKING = (
    "consume_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
)
KILLS_COUNT = 12


def test_services_are_killed_at_random(load: Load) -> None:
    authority = load.authority
    killed = set()
    for i in range(KILLS_COUNT):
        load.run_for(load.random.randrange(1, 30))
        # Each of them, and then whichever it may be.
        name = WORKING[i] if i < len(WORKING) else load.random.choice(WORKING)
        authority.kill(name)
        killed.add(name)
        load.run_for(load.random.randrange(0, 3))
        authority.revive()
    assert killed == set(WORKING)
    load.finish(TRANSFERS_COUNT_MIN)
    assert not load.extra_transfer_ids, "what was handled is not prepared a second time"


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
