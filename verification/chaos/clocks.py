"""The clock of the database makes a step, and comes back."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from agentkit.waiting import wait_until
from verification.chaos.persisting import persist
from verification.chaos.place import Place
from verification.chaos.plan import Kind, Step

_SECONDS_MAX = 30.0
_MINUTES = (-10.0, 10.0)


def step_clock(place: Place, step: Step) -> None:
    """New sessions have another time than the old ones, and there it stands still.

    About half of the workers get new ones. In the end all have the right time.
    """
    chooser = random.Random(step.seed)
    now = datetime.now(UTC) + timedelta(minutes=chooser.uniform(*_MINUTES))
    database = place.name
    set_now = f"ALTER DATABASE {database} SET swpt_accounts.now = {{}}"
    persist(lambda: place.administrate(set_now, now.isoformat()))
    persist(lambda: place.end_backends("random() < 0.5"))
    place.wait(step.seconds)
    persist(lambda: place.administrate(f"ALTER DATABASE {database} RESET swpt_accounts.now"))
    persist(lambda: _end_old_sessions(place))


def _end_old_sessions(place: Place) -> None:
    ((since,),) = place.administrate("SELECT clock_timestamp()")
    old = f"backend_start <= '{since}'"
    wait_until(lambda: not place.end_backends(old), _SECONDS_MAX, "old sessions have ended")


FAULTS: dict[Kind, Callable[[Place, Step], None]] = {
    Kind(
        "clock", "the database's clock makes a step of up to 10 minutes, and one back", (0.5, 4.0)
    ): step_clock,
}
