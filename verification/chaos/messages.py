"""What happens to messages on their way through the network of the agents."""

from collections.abc import Callable
from typing import Any

from verification.chaos.place import Place
from verification.chaos.plan import Kind, Step

_SHARE = 0.5


def _let(place: Place, step: Step, name: str, value: Any, normal: Any) -> None:
    assert place.load is not None
    mishaps = place.load.mishaps
    setattr(mishaps, name, value)
    place.wait(step.seconds)
    setattr(mishaps, name, normal)


def double(place: Place, step: Step) -> None:
    _let(place, step, "doubled_share", _SHARE, 0.0)


def reorder(place: Place, step: Step) -> None:
    _let(place, step, "is_reordering", True, False)


def delay(place: Place, step: Step) -> None:
    _let(place, step, "late_share", _SHARE, 0.0)


FAULTS: dict[Kind, Callable[[Place, Step], None]] = {
    Kind("msg-doubled", "half of the messages come twice", (1.0, 4.0), keeps_order=True): double,
    Kind("msg-reordered", "messages come in another order", (1.0, 4.0)): reorder,
    Kind(
        "msg-late",
        "half of the transfers are finalized after their deadlines",
        (1.0, 4.0),
        keeps_order=True,
    ): delay,
}
