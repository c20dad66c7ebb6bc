"""RabbitMQ restarts, is out of memory, closes connections, and loses a queue."""

import time
from collections.abc import Callable

import requests

from agentkit.authority import QUEUE
from verification.chaos.persisting import persist
from verification.chaos.place import Place
from verification.chaos.plan import Kind, Step
from verification.kit.servers import subscribe

_SERVER = "RabbitMQ's process"
_IDLE_SECONDS_MAX = 60.0
_CLOSING_SECONDS_MAX = 15.0


def restart(place: Place, step: Step) -> None:
    place.servers.run("rabbitmq-stop")
    place.wait(step.seconds)
    place.servers.run("rabbitmq-start")


def kill(place: Place, step: Step) -> None:
    place.servers.run("rabbitmq-kill")
    place.wait(step.seconds)
    place.servers.run("rabbitmq-start")


def memory_alarm(place: Place, step: Step) -> None:
    """Publishers are blocked, the agents too."""
    place.servers.run("rabbitmqctl", "set_vm_memory_high_watermark", "absolute", "1")
    place.wait(step.seconds)
    place.servers.run("rabbitmqctl", "set_vm_memory_high_watermark", "0.4")


def close_connections(place: Place, step: Step) -> None:
    """The list of the connections is some seconds old."""
    end = time.monotonic() + _CLOSING_SECONDS_MAX
    while time.monotonic() < end:
        try:
            if place.management.close_connections(place.name):
                return
        except requests.RequestException:
            pass  # another fault is at work
        place.wait(0.5)


def delete_queue(place: Place, step: Step) -> None:
    """Only when all is done: else messages would rightly be lost. The agents send on, and fail."""
    load = place.load
    assert load is not None
    load.mishaps.is_paused = True
    try:
        if not load.idle.wait(_IDLE_SECONDS_MAX):
            return  # another fault lasts
        persist(lambda: place.management.request("DELETE", "queues", place.name, QUEUE))
        load.mishaps.is_paused = False
        place.wait(step.seconds)
        persist(lambda: subscribe(place.authority))
    finally:
        load.mishaps.is_paused = False


FAULTS: dict[Kind, Callable[[Place, Step], None]] = {
    Kind("mq-restart", "RabbitMQ stops, and starts", (0.0, 1.0), (), _SERVER): restart,
    Kind("mq-kill", "kill -9 of RabbitMQ, and a start", (0.0, 1.0), (), _SERVER): kill,
    Kind("mq-memory", "the memory alarm of RabbitMQ", (0.5, 3.0), (), _SERVER): memory_alarm,
    Kind(
        "mq-close", "RabbitMQ closes the connections of the workers", (0.0, 0.0), (), _SERVER
    ): close_connections,
    # A queue that is declared anew moments before a kill -9 may never get a leader again, in
    # RabbitMQ 3.10 on one node: then nothing but deleting it once more helps.
    Kind(
        "mq-queue",
        "the empty queue is deleted, and subscribed anew",
        (0.5, 3.0),
        hold=_SERVER,
        apart_from=("mq-kill",),
    ): delete_queue,
}
