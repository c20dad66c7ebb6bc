"""supervisord, which forks the workers from itself: `python -m swpt_accounts.cli.supervisor`.

It runs docker/supervisord.conf, and starts, monitors and stops the services as usual. But a program
whose command is `python -m swpt_accounts COMMAND` does not start a new interpreter: it runs in the
child that supervisord has forked for it, with all modules loaded. So the workers share most of
their memory, and start immediately.
"""

import gc
import logging
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

from setproctitle import setproctitle
from supervisor import loggers
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.supervisord import Supervisor

from swpt_accounts.cli.forked import run_command
from swpt_accounts.cli.group import MODULES
from swpt_accounts.observability.events.lifecycle import SUPERVISOR
from swpt_accounts.observability.log import configure_logging
from swpt_accounts.settings import SettingsError, load_settings
from swpt_accounts.workers.setting_warnings import warn_of_misspelt_settings

_OWN_COMMAND = ["python", "-m", "swpt_accounts"]


class _Handler:
    """Hands supervisord's own lines to the log of the program, which is in one format then."""

    level = loggers.LevelsByName.WARN

    def emit(self, record: Any) -> None:
        text = record.asdict()["message"]
        # that it was asked to stop is not worth a warning
        is_stop = text.startswith("received SIG")
        level = logging.INFO if is_stop else min(record.level, logging.CRITICAL)
        SUPERVISOR.log(logging.getLogger("supervisord"), level=level, text=text)

    def close(self) -> None:
        """Nothing is open."""


class ForkingOptions(ServerOptions):  # type: ignore[misc]  # the library has no type hints
    """supervisord's options, which also make supervisord's system calls."""

    def make_logger(self) -> None:
        """Log what is worth a warning, from the moment on when the configuration is read."""
        self.logger = loggers.Logger(self.loglevel, [_Handler()])
        for text in self.parse_criticals:
            self.logger.critical(text)
        for text in self.parse_warnings:
            self.logger.warn(text)

    def execve(self, filename: str, argv: list[str], env: dict[str, str]) -> None:
        """Become the program. Called in a child whose file descriptors are in order."""
        if argv[: len(_OWN_COMMAND)] == _OWN_COMMAND:
            run_command(argv[len(_OWN_COMMAND) :], env)
        os.execve(filename, argv, env)  # noqa: S606 - no shell is wanted


class PromptSupervisor(Supervisor):  # type: ignore[misc]
    """supervisord, which starts its programs at once, and not after its first wait of a second."""

    def runforever(self) -> None:
        """Start the programs, then watch them until the end."""
        for group in sorted(self.process_groups.values()):
            group.transition()
        super().runforever()


def main() -> None:
    """Run supervisord, with the command line of supervisord."""
    options = ForkingOptions()
    if {"-h", "--help"}.intersection(sys.argv[1:]):
        options.realize(sys.argv[1:], doc=__doc__)  # exits; needs no settings
    try:
        settings = load_settings(os.environ)
        configure_logging(settings)
        warn_of_misspelt_settings(os.environ)
    except SettingsError as error:
        sys.exit(f"swpt_accounts: {error}")
    for module in set(MODULES.values()):
        import_module(f"swpt_accounts.cli.{module}")
    if settings.metrics_port:
        import_module("swpt_accounts.inspection.exporter.collector")
    # Now, for the library finds its place in memory when it is first used.
    setproctitle("python -m swpt_accounts.cli.supervisor")
    gc.collect()
    gc.freeze()  # never collected: what is loaded by now is not written to, and stays shared
    options.realize(sys.argv[1:], doc=__doc__)
    options.first = True
    options.test = False
    with suppress(ExitNow):
        PromptSupervisor(options).main()


if __name__ == "__main__":
    main()
