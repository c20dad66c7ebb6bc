"""The network between the workers and their servers."""

from collections.abc import Callable
from functools import partial

from agentkit.fault_proxy import FaultProxy
from verification.chaos.place import Place
from verification.chaos.plan import Kind, Step

Choose = Callable[[Place], FaultProxy]
_BYTES_PER_SECOND = 30_000
_RESETS_COUNT = 3
# PostgreSQL ends an open transaction after two minutes, RabbitMQ a silent connection after
# two or three heartbeats; what they hold is locked, or not delivered, until then.
_HALF_OPEN_SECONDS_MAX = 240.0


def cut(choose: Choose, place: Place, step: Step) -> None:
    link = choose(place)
    link.cut()
    place.wait(step.seconds)
    link.heal()


def slow(choose: Choose, place: Place, step: Step) -> None:
    link = choose(place)
    link.bytes_per_second = _BYTES_PER_SECOND
    place.wait(step.seconds)
    link.bytes_per_second = None


def reset(choose: Choose, place: Place, step: Step) -> None:
    for _ in range(_RESETS_COUNT):
        choose(place).reset()
        place.wait(step.seconds / _RESETS_COUNT)


def half_open(choose: Choose, place: Place, step: Step) -> None:
    choose(place).half_open()


def _kinds(prefix: str, server: str, choose: Choose) -> dict[Kind, Callable[[Place, Step], None]]:
    hold = f"the link to {server}"
    return {
        Kind(
            f"{prefix}-cut",
            f"no packet passes between the workers and {server}",
            (0.5, 4.0),
            (),
            hold,
        ): partial(cut, choose),
        Kind(
            f"{prefix}-slow",
            f"{_BYTES_PER_SECOND // 1000} kB/s between the workers and {server}",
            (0.5, 4.0),
            (),
            hold,
            keeps_order=True,
        ): partial(slow, choose),
        Kind(
            f"{prefix}-reset",
            f"connections of the workers to {server} are reset",
            (0.5, 3.0),
            (),
            hold,
        ): partial(reset, choose),
        Kind(
            f"{prefix}-half-open",
            f"connections to {server} are half open, for ever",
            (0.0, 0.5),
            (),
            hold,
            drain_seconds_max=_HALF_OPEN_SECONDS_MAX,
        ): partial(half_open, choose),
    }


FAULTS = {
    **_kinds("net-pg", "PostgreSQL", lambda place: place.database_link),
    **_kinds("net-mq", "RabbitMQ", lambda place: place.broker_link),
}
