"""Currencies whose time a test moves. The services run all the while; their scans never rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from agentkit.authority import SERVICES, Authority
from agentkit.currency import Currency
from agentkit.outcomes import assert_sound
from tests.support.clock import Clock

START = datetime(2031, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
# A pass of each scan takes some tenths of a second.
RESTLESS = {
    "APP_ACCOUNTS_SCAN_HOURS": "0.00005",
    "APP_PREPARED_TRANSFERS_SCAN_DAYS": "0.000002",
    "APP_REGISTERED_BALANCE_CHANGES_SCAN_DAYS": "0.000002",
}


def start(authority: Authority) -> Clock:
    """Start all services but the web server, at a moment in the future."""
    clock = Clock(authority, START)
    authority.observe()
    authority.start(*SERVICES)
    clock.open_probe()
    return clock


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class TimedCurrency(Currency):
    """A currency whose agents have the time of the authority."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock.authority)
        self.clock = clock

    def configure(self, creditor_id: int, **changes: Any) -> dict[str, Any]:
        return super().configure(creditor_id, **{"ts": self.clock.text, **changes})

    def ask(self, sender: int, recipient: int, amount: int, /, **changes: Any) -> dict[str, Any]:
        return super().ask(sender, recipient, amount, **{"ts": self.clock.text, **changes})

    def finalize(self, prepared: dict[str, Any], amount: int, /, **changes: Any) -> dict[str, Any]:
        return super().finalize(prepared, amount, **{"ts": self.clock.text, **changes})

    def mark(self) -> int:
        """How many messages there have been: the place from which to look for later ones."""
        self.observer.receive_all()
        return len(self.observer.messages)

    def find(self, message_type: str, since: int = 0, /, **fields: Any) -> list[dict[str, Any]]:
        """The messages that have come by now, without repetitions."""
        self.observer.receive_all()
        found = self.observer.find(message_type, since, debtor_id=self.debtor_id, **fields)
        return list({m.body: m.data for m in found}.values())

    def let_pass(self, duration: timedelta) -> None:
        """Let time pass, and the scans and chores do what has to be done by then."""
        self.clock.advance(duration)
        self.clock.wait_for_upkeep()


@contextmanager
def checked_currency(clock: Clock) -> Iterator[TimedCurrency]:
    """A new currency. Whatever the authority sends meanwhile is checked, field by field."""
    currency = TimedCurrency(clock)
    since = currency.mark()
    yield currency
    currency.mark()
    assert_sound(currency.observer.messages, since, now=clock.now)
