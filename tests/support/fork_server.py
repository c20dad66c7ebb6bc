"""A process that has loaded the program, and forks: each request is a module, each child one.

It answers with the process id, and later with the exit code.
"""

import gc
import json
import logging
import os
import runpy
import select
import signal
import socket
import sys
from importlib import import_module
from typing import NoReturn

from swpt_accounts.cli.forked import run_command
from swpt_accounts.cli.group import MODULES

_REQUEST_BYTES_MAX = 1 << 20
# What takes long to load, of the modules that are asked for.
_LOADED = ("flask.cli", "flask_migrate", "alembic.command", "gunicorn.app.wsgiapp")


def _serve(connection: socket.socket, children: socket.socket) -> None:
    """Fork, until the tests are over."""
    while True:
        ready, _, _ = select.select([connection, children], [], [])
        if children in ready:
            children.recv(4096)
            _report_ended(connection)
        if connection in ready:
            message, descriptors, _, _ = socket.recv_fds(connection, _REQUEST_BYTES_MAX, 1)
            if not message:
                return
            _answer(connection, started=_fork(message, *descriptors))


def _fork(message: bytes, log: int) -> int:
    pid = os.fork()
    if pid == 0:
        _become_program(message, log)
    os.close(log)
    return pid


def _become_program(message: bytes, log: int) -> NoReturn:
    signal.set_wakeup_fd(-1)
    os.setsid()
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.closerange(sys.stderr.fileno() + 1, log + 1)
    request = json.loads(message)
    if request["module"] == "swpt_accounts":
        run_command(request["arguments"], request["environment"])
    _run_module(**request)


def _run_module(module: str, arguments: list[str], environment: dict[str, str]) -> NoReturn:
    """What `python -m MODULE` does."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    code: object = 1
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _report_ended(connection: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _answer(connection, ended=pid, code=os.waitstatus_to_exitcode(status))


def _answer(connection: socket.socket, **answer: int) -> None:
    connection.send(json.dumps(answer).encode())


def main() -> None:
    """Serve the socket whose file descriptor is the argument."""
    for module in (
        *(f"swpt_accounts.cli.{name}" for name in sorted(set(MODULES.values()))),
        *_LOADED,
    ):
        import_module(module)
    gc.freeze()
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    _serve(socket.socket(fileno=int(sys.argv[1])), woken)


if __name__ == "__main__":
    main()
