"""Nodes of a RabbitMQ cluster are killed, frozen, and cut off."""

import signal
import time
from collections.abc import Callable
from typing import Any

from agentkit.authority import QUEUE
from agentkit.waiting import wait_until
from verification.chaos.cluster import NODES, Cluster, send
from verification.chaos.persisting import persist
from verification.chaos.place import Place
from verification.chaos.plan import Kind, Step

_HOLD = "the nodes of RabbitMQ"
_TARGETS = ("leader", "follower")
"""Of the queue of incoming messages."""
_WHOLE_SECONDS_MAX = 60.0
_JOINING_SECONDS_MAX = 15.0


def _cluster(place: Place) -> Cluster:
    assert isinstance(place.servers, Cluster)
    return place.servers


def _chosen(place: Place, step: Step) -> int:
    found: list[Any] = []
    persist(lambda: found.append(place.management.queue(place.name, QUEUE)))
    leader = int(found[0]["leader"].rpartition(".")[2])
    if step.target == "leader":
        return leader
    return sorted(set(NODES) - {leader})[step.seed % 2]


def _is_whole(place: Place) -> bool:
    """Whether all nodes are up, and see one another."""
    try:
        nodes = place.management.request("GET", "nodes")
    except OSError:
        return False
    return len(nodes) == len(NODES) and all(
        node.get("running") and not node.get("partitions") for node in nodes
    )


def _wait_whole(place: Place, seconds_max: float = _WHOLE_SECONDS_MAX) -> None:
    wait_until(lambda: _is_whole(place), seconds_max, "RabbitMQ has all its nodes")


def kill(place: Place, step: Step) -> None:
    node = _chosen(place, step)
    send(signal.SIGKILL, [_cluster(place).node_pid(node)])
    place.wait(step.seconds)
    place.servers.run("node-start", str(node))
    _wait_whole(place)


def cut(place: Place, step: Step) -> None:
    """It comes back by itself."""
    node = str(_chosen(place, step))
    place.servers.run("node-cut", node)
    try:
        place.wait(step.seconds)
    finally:
        place.servers.run("node-heal", node)
    _wait_whole(place)


def freeze(place: Place, step: Step) -> None:
    """Where the others have given it up, it is started anew, as an operator has to do."""
    node = _chosen(place, step)
    pid = _cluster(place).node_pid(node)
    send(signal.SIGSTOP, [pid])
    try:
        place.wait(step.seconds)
    finally:
        send(signal.SIGCONT, [pid])
    end = time.monotonic() + _JOINING_SECONDS_MAX
    # What the nodes say of one another may be some seconds old.
    place.wait(_JOINING_SECONDS_MAX / 3)
    while not _is_whole(place) and time.monotonic() < end:
        place.wait(0.5)
    if not _is_whole(place):
        place.servers.run("node-stop", str(node))
        place.servers.run("node-start", str(node))
    _wait_whole(place)


FAULTS: dict[Kind, Callable[[Place, Step], None]] = {
    Kind(
        "mq-node-kill", "kill -9 of a node of RabbitMQ, and a start", (0.0, 4.0), _TARGETS, _HOLD
    ): kill,
    Kind(
        "mq-node-cut",
        "no packet passes between a node of RabbitMQ and the two others",
        (1.0, 15.0),
        _TARGETS,
        _HOLD,
    ): cut,
    Kind(
        "mq-node-freeze",
        "a node of RabbitMQ is stopped by SIGSTOP, and continues",
        (1.0, 12.0),
        _TARGETS,
        _HOLD,
    ): freeze,
}
