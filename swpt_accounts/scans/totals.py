"""What a pass of the accounts scan adds up for metrics."""

from collections import Counter
from decimal import Decimal
from typing import Any

from swpt_accounts.observability.metrics.definitions import ACCOUNTS, MONEY_ISSUED, MONEY_LOCKED
from swpt_accounts.observability.metrics.recorder import set_value


class Totals:
    """The sums over the pages of a pass. They are told when it is complete."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._issued = self._locked = Decimal(0)

    def add(self, found: Any) -> None:
        """Add what was found on some pages."""
        for state in ("normal", "deleted", "overflown"):
            self._counts[state] += getattr(found, f"{state}_count")
        self._issued += found.issued
        self._locked += found.locked

    def tell(self) -> None:
        """Set the metrics."""
        for state, count in self._counts.items():
            set_value(ACCOUNTS, count, state)
        set_value(MONEY_ISSUED, float(self._issued))
        set_value(MONEY_LOCKED, float(self._locked))
