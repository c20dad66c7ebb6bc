"""The thread that looks after the health from time to time, so that nobody who asks has to wait."""

from time import monotonic, time
from typing import Final

from swpt_accounts.exporter.health import (
    PROBLEMS_COUNT_MAX,
    Question,
    check_live,
    check_needs,
)
from swpt_accounts.exporter.liveness import EXPORTER, Problem
from swpt_accounts.observability.metrics.recorder import all_is_well
from swpt_accounts.settings import Settings
from swpt_accounts.workers.shutdown import ShutdownEvent

LOOK_SECONDS: Final = 5.0
AGE_SECONDS_MAX: Final = 40.0


class HealthPoller:
    """Keeps what is wrong."""

    name = EXPORTER

    def __init__(self, settings: Settings, stop: ShutdownEvent) -> None:
        self._settings = settings
        self._stop = stop
        self._looked_at = monotonic()
        self._since: dict[tuple[str, str], float] = {}
        self._problems: dict[Question, list[Problem]] = {
            question: [Problem(EXPORTER, "it has not looked yet", time())] for question in Question
        }

    def run(self) -> None:
        """Look until the stop."""
        while not self._stop.is_requested():
            live = check_live(self._settings)
            ready = [*live, *check_needs(self._settings)][:PROBLEMS_COUNT_MAX]
            known = {(problem.subject, problem.kind) for problem in ready}
            self._since = {key: at for key, at in self._since.items() if key in known}
            self._problems = {
                Question.LIVE: [self._first_seen(problem) for problem in live][:PROBLEMS_COUNT_MAX],
                Question.READY: [self._first_seen(problem) for problem in ready],
            }
            self._looked_at = monotonic()
            all_is_well()
            self._stop.wait(LOOK_SECONDS)

    def _first_seen(self, problem: Problem) -> Problem:
        """The problem, since when it was first seen."""
        key = problem.subject, problem.kind
        since = self._since.setdefault(key, problem.since)
        return Problem(problem.subject, problem.what, min(since, problem.since), problem.kind)

    def problems(self, question: Question) -> list[Problem]:
        """What was wrong when it looked the last time."""
        silent_seconds = monotonic() - self._looked_at
        if silent_seconds > AGE_SECONDS_MAX:
            what = f"it has not looked for {silent_seconds:.0f} s"
            return [Problem(EXPORTER, what, time() - silent_seconds)]
        return self._problems[question]
