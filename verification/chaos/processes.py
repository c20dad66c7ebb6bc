"""Workers that are killed, frozen, and told to stop."""

import os
import signal
from collections.abc import Callable

from agentkit.authority import SERVICES
from verification.chaos.place import Place
from verification.chaos.plan import Kind, Step

WORKERS = tuple(SERVICES)


def kill(place: Place, step: Step) -> None:
    service = place.service(step.target)
    service.kill()
    place.wait(step.seconds)
    service.start(place.authority.environment)


def freeze(place: Place, step: Step) -> None:
    process = place.service(step.target).process
    assert process is not None
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        place.wait(step.seconds)
    finally:
        os.killpg(process.pid, signal.SIGCONT)


def terminate(place: Place, step: Step) -> None:
    """1 is the code of a worker that was cut off after its time, as it waited for a server."""
    service = place.service(step.target)
    code, _ = service.terminate()
    place.wait(step.seconds)
    service.start(place.authority.environment)
    assert code in (0, 1), f"{step.target} ended with code {code} when told to stop"


FAULTS: dict[Kind, Callable[[Place, Step], None]] = {
    Kind("kill", "kill -9 of a worker, which is started again", (0.0, 2.0), WORKERS): kill,
    Kind(
        "freeze",
        "a worker is stopped by SIGSTOP, and continues",
        (0.5, 4.0),
        WORKERS,
        "",
        keeps_order=True,
    ): freeze,
    Kind(
        "terminate", "a worker is told to stop, and started again", (0.0, 1.0), WORKERS
    ): terminate,
}
