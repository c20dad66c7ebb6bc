"""Tests in a forked process, which has a mutant: what they say about it."""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

_OPTIONS: Final = (
    *("-x", "-q", "-p", "no:xdist", "-p", "no:cov"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
    *("--hypothesis-seed=0", "--timeout=60", "--no-header", "--tb=short", "--show-capture=no"),
)
_RUN, _FAILED, _BROKEN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: killed, survived, timeout, or invalid; and by what."""

    state: str
    by: str
    seconds: float


class _Watcher:
    """Says which test failed first.

    With `only_servers`, tests run that need a PostgreSQL, and no RabbitMQ.
    """

    def __init__(self, only_servers: bool) -> None:
        self.failed = ""
        self.is_broken = False
        self._only_servers = only_servers

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        if self._only_servers:
            items[:] = [item for item in items if _is_about_database(item)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid
            self.is_broken = True


def _is_about_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("servers") is not None and "management" not in fixtures


def run_tests(
    groups: Sequence[Sequence[str]], options: Sequence[str], only_servers: bool
) -> str | None:
    """Run groups of tests until one fails. Returns the test, or None; raises where none can run.

    A mutant that cannot even be imported raises `ImportError`.
    """
    for group in groups:
        watcher = _Watcher(only_servers)
        code = pytest.main([*_OPTIONS, *options, *group], plugins=[watcher])
        if watcher.is_broken:
            raise ImportError(watcher.failed)
        if watcher.failed:
            return watcher.failed
        if code != pytest.ExitCode.OK:
            raise RuntimeError(f"pytest ended with {code!r}")
    return None


class Child:
    """A process that runs `tests` (see `run_tests`), with a limit of time. `log` has its output."""

    def __init__(self, tests: Callable[[], str | None], log: Path, seconds_max: float) -> None:
        self._log = log
        self._begin = time.monotonic()
        self._end = self._begin + seconds_max
        self._answer, answer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(self._be_a_child(tests, answer))
        os.close(answer)

    def _be_a_child(self, tests: Callable[[], str | None], answer: int) -> int:
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(self._answer)
            output = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(output, 1)
            os.dup2(output, 2)
            failed = tests()
            code = _RUN if failed is None else _FAILED
        except ImportError as error:
            failed, code = str(error), _BROKEN
        except BaseException as error:
            failed, code = repr(error), 3
        os.write(answer, (failed or "").encode()[:2000])
        sys.stdout.flush()
        sys.stderr.flush()
        return code

    def outcome(self) -> Outcome | None:
        """What has come out; None while it runs. Raises `RuntimeError` where no test could run."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        seconds = time.monotonic() - self._begin
        if pid == 0:
            if time.monotonic() < self._end:
                return None
            self.stop()
            return Outcome("timeout", f"after {seconds:.0f} s", seconds)
        failed = os.read(self._answer, 2000).decode()
        os.close(self._answer)
        match os.waitstatus_to_exitcode(status):
            case 0:
                return Outcome("survived", "", seconds)
            case 1:
                return Outcome("killed", failed, seconds)
            case 2:
                return Outcome("invalid", f"not importable: {failed}", seconds)
        raise RuntimeError(f"no test could run: {failed}; see {self._log}")

    def stop(self) -> None:
        """Kill it, and what it has started."""
        for kill, target in ((os.killpg, self.pid), (os.kill, self.pid)):
            try:
                kill(target, signal.SIGKILL)
            except ProcessLookupError:
                pass
        os.waitpid(self.pid, 0)
        os.close(self._answer)
