"""A process that has loaded the program, and forks: each request is a command, each child one.

It answers with the process id, and later with the exit code.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
from importlib import import_module
from typing import NoReturn

from swpt_accounts.cli.group import MODULES
from swpt_accounts.cli.supervisor import run_command

_REQUEST_BYTES_MAX = 1 << 20


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
    run_command(request["arguments"], request["environment"])


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
    for module in sorted(set(MODULES.values())):
        import_module(f"swpt_accounts.cli.{module}")
    gc.freeze()
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    _serve(socket.socket(fileno=int(sys.argv[1])), woken)


if __name__ == "__main__":
    main()
