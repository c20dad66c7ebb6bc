"""A process that has loaded the program, with steps, and forks workers from itself.

It reads orders from its input, and writes what becomes of them to its output, as lines of JSON.
A worker goes on as one of supervisord's does.
"""

import gc
import json
import os
import select
import signal
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from verification.crash_points import stepping
from verification.crash_points.control import Control

# They come to the whole group. The workers, which have groups of their own, would live on.
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _become(order: dict[str, Any]) -> NoReturn:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for signal_number in (signal.SIGCHLD, *_IGNORED):
        signal.signal(signal_number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _IGNORED)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(number, target)
    stepping.obey(Control(Path(order["folder"]), order["name"]))
    from swpt_accounts.cli.forked import run_command

    for place, value in order["constants"].items():
        name, constant = place.split(":")
        module = import_module(name)
        is_duration = isinstance(getattr(module, constant), timedelta)
        setattr(module, constant, timedelta(seconds=value) if is_duration else value)
    run_command(order["arguments"], order["environment"])


def _say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


_running: set[int] = set()


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _running.discard(pid)
        _say(ended=pid, code=os.waitstatus_to_exitcode(status))


def _serve() -> None:
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    buffer = b""
    while True:
        ready, _, _ = select.select([0, wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 100)
        _reap()
        if 0 in ready:
            part = os.read(0, 1 << 16)
            if not part:
                break
            *lines, buffer = (buffer + part).split(b"\n")
            for line in lines:
                # what comes before a worker has its own handlers must not be ignored
                signal.pthread_sigmask(signal.SIG_BLOCK, _IGNORED)
                pid = os.fork()
                if pid == 0:
                    _become(json.loads(line))
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _IGNORED)
                _running.add(pid)
                _say(started=pid)
    for pid in _running:
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Load the program, and serve until the input ends."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    stepping.install()
    from swpt_accounts.cli.group import MODULES

    for module in set(MODULES.values()):
        import_module(f"swpt_accounts.cli.{module}")
    import_module("swpt_accounts.cli.supervisor")
    import_module("swpt_accounts.peers.fetch_client")
    gc.collect()
    gc.freeze()
    _say(ready=True)
    _serve()


if __name__ == "__main__":
    main()
