"""For how long the switch may last."""

from time import monotonic

from swpt_accounts.db.operator_session import PreconditionFailed


class Deadline:
    """One for all of its steps."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._began_at = monotonic()

    @property
    def passed_seconds(self) -> float:
        """How long it has lasted."""
        return monotonic() - self._began_at

    @property
    def rest_seconds(self) -> float:
        """How long it may still last."""
        return max(self.seconds - self.passed_seconds, 0.0)

    def check(self, problem: str) -> None:
        """Raise `PreconditionFailed` with what is still wrong, if the time is over."""
        if not self.rest_seconds:
            raise PreconditionFailed(f"after {self.seconds:.0f} s, {problem}")
