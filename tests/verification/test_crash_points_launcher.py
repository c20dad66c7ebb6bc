"""What `./dev verify crash_points` has started ends with it."""

import os
import signal
from pathlib import Path

import pytest

from agentkit.processes import free_port
from agentkit.waiting import wait_until
from verification.crash_points.workers import Launcher, Worker


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_to_the_group_leave_no_worker_behind(tmp_path: Path, number: int) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    environment = {
        "POSTGRES_URL": f"postgresql://nobody@{nobody}/nothing",
        "PROTOCOL_BROKER_URL": f"amqp://{nobody}",
    }
    launcher = Launcher(tmp_path)
    before, after = (
        Worker(launcher, name, [name], environment, {})
        for name in ("process_transfer_requests", "process_balance_changes")
    )
    try:
        before.start()
        wait_until(lambda: before.log, what="a worker that waits for its database")
        os.kill(launcher.process.pid, number)
        after.start()
        wait_until(lambda: after.log, what="a worker that waits for its database")
        assert (before.code, after.code) == (None, None), before.log + after.log
    finally:
        launcher.close()
    wait_until(lambda: not _exists(before.pid) and not _exists(after.pid))
