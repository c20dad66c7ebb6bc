"""Whatever was started or made is gone in the end, also when a signal asks for the end."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any, Self

from agentkit import processes


class Ending(ExitStack):
    """Undoes everything, the last thing first; then no process is left.

    A signal ends what is done with a `KeyboardInterrupt`, but not while something is made which
    has to be undone, and not the end itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_held = 0
        self._has_come = False
        self._processes: list[Popen[bytes]] = []

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        processes.launch = self._launch
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        self._is_held += 1
        try:
            super().__exit__(*error)
        finally:
            for process in self._processes:
                processes.end_group(process)

    def _on_signal(self, *_: object) -> None:
        if self._is_held:
            self._has_come = True
        else:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal comes afterwards."""
        self._is_held += 1
        try:
            yield
        finally:
            self._is_held -= 1
        if self._has_come and not self._is_held:
            self._has_come = False
            raise KeyboardInterrupt

    def make(self, make: Callable[[], object], undo: Callable[[], object]) -> None:
        """Make something, and note how to undo it."""
        with self.held():
            make()
            self.callback(undo)

    def _launch(
        self, command: list[str], environment: Mapping[str, str], log_path: Path
    ) -> Popen[bytes]:
        with self.held():
            process = processes.new_process(command, environment, log_path)
            self._processes.append(process)
            return process
