"""Commands in processes that are forked from one that has loaded the program: they share memory."""

import logging
import os
import signal
import sys
from typing import Any, NoReturn

from setproctitle import setproctitle

from swpt_accounts.cli.group import swpt_accounts

_SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGCHLD,
    signal.SIGUSR2,
)


def run_command(arguments: list[str], env: dict[str, str]) -> NoReturn:
    """Run one of our own commands, as a new interpreter would. Does not return."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["swpt_accounts", *arguments]
    setproctitle(" ".join(sys.argv))
    code: Any = 1
    try:
        swpt_accounts(arguments, prog_name="swpt_accounts")
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # What the parent has registered to be done at its exit is not for its children.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)
