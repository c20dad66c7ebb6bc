"""The broker closes the connections of the services under load."""

from agentkit.authority import QUEUE
from agentkit.management import Management
from agentkit.processes import STOP_SECONDS_MAX
from agentkit.waiting import wait_until
from tests.faults.load import TRANSFERS_COUNT_MIN, Load
from tests.support.authority import subscribe

ROUNDS_COUNT = 3


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
