"""Commands with more than one process: none outlives the others."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.authority import CHORES_QUEUE, QUEUE, Authority
from agentkit.processes import ROOT, Service, program_command
from agentkit.waiting import wait_until

END_SECONDS_MAX = 30.0


def children_of(pid: int) -> list[int]:
    """The ids of the living child processes."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that has ended, and is not waited for, is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def of(command: str) -> pytest.MarkDecorator:
    """Which command the test is for: all of them are run by the same function."""
    return pytest.mark.parametrize("service", [command], indirect=True)


@pytest.fixture
def service(
    idle_authority: Authority, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Service]:
    """A command with two processes, both at work."""
    authority = idle_authority
    made = Service("two", program_command(request.param, "-p", "2"), tmp_path / "log")
    made.start(authority.environment)

    def is_ready() -> bool:
        match request.param:
            case "consume_messages":
                return authority.broker.consumers_count(QUEUE) == 2
            case "consume_chore_messages":
                return authority.broker.consumers_count(CHORES_QUEUE) == 2
        (connections,) = authority.query(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE %s",
            f"%{request.param}",
        )
        return connections == (2,)

    wait_until(is_ready, what="two processes are at work")
    yield made
    made.kill()


def pid_of(service: Service) -> int:
    assert service.process is not None
    pid: int = service.process.pid
    return pid


@of("consume_messages")
def test_killed_process_takes_its_command_down(service: Service) -> None:
    assert service.process is not None
    first, second = children_of(pid_of(service))
    os.kill(first, signal.SIGKILL)
    assert service.process.wait(END_SECONDS_MAX) == 1
    assert not is_running(second)
    assert "died" in service.log


@of("consume_chore_messages")
def test_processes_end_with_their_parent(service: Service) -> None:
    assert service.process is not None
    children = children_of(pid_of(service))
    assert len(children) == 2
    os.kill(pid_of(service), signal.SIGKILL)
    service.process.wait()
    wait_until(lambda: not any(map(is_running, children)), END_SECONDS_MAX)


@of("flush_messages")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_all_processes_stop_when_told(service: Service, number: signal.Signals) -> None:
    assert service.process is not None
    children = children_of(pid_of(service))
    service.process.send_signal(number)
    assert service.process.wait(END_SECONDS_MAX) == 0
    assert not any(map(is_running, children))


def test_a_signal_that_is_ignored_stays_so(idle_authority: Authority) -> None:
    """`nohup` starts a command that is to outlive its terminal."""
    script = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)

class Patient:
    name = "patient"

    def __init__(self, stop):
        self.stop = stop

    def run(self):
        os.kill(os.getpid(), signal.SIGHUP)
        print("still here:", not self.stop.wait(0.5), flush=True)

run_workers(lambda stop: [Patient(stop)])
"""
    result = run_script(idle_authority, script)
    assert (result.returncode, result.stdout) == (0, "still here: True\n")


@of("consume_messages")
def test_signal_for_the_whole_group(service: Service) -> None:
    """What Ctrl-C in a terminal does: each process gets two signals, one from its parent.

    Of two signals that come together, the main thread, asleep, may see none.
    """
    assert service.process is not None
    os.killpg(pid_of(service), signal.SIGINT)
    assert service.process.wait(END_SECONDS_MAX) == 0


def test_dead_process_takes_its_command_down_every_time(idle_authority: Authority) -> None:
    """The end of a process can show in many ways, and in any order: it is always noticed."""
    script = """
import multiprocessing

class Mortal:
    name = "mortal"

    def __init__(self, stop):
        self.stop = stop

    def run(self):
        if multiprocessing.current_process().name == "worker-1":
            os._exit(9)
        self.stop.wait(None)

for _ in range(30):
    pid = os.fork()
    if pid == 0:
        run_workers(lambda stop: [Mortal(stop)], processes_count=3)
    _, status = os.waitpid(pid, 0)
    print("ended with", os.waitstatus_to_exitcode(status), flush=True)
"""
    result = run_script(idle_authority, script, seconds_max=100.0)
    ends = [line for line in result.stdout.splitlines() if line.startswith("ended")]
    assert ends == ["ended with 1"] * 30


def test_dead_thread_takes_its_command_down(idle_authority: Authority) -> None:
    """A worker that dies of a bug is no different."""
    script = """
from swpt_accounts.inbox import worker
worker.BatchConsumer.next_batch = lambda self, *_: 1 / 0
run_workers(lambda stop: [worker.InboxWorker(settings, stop) for _ in range(3)])
"""
    result = run_script(idle_authority, script)
    assert result.returncode == 1, result.stdout
    assert "ZeroDivisionError" in result.stdout


def test_stop_in_the_moment_of_the_start(idle_authority: Authority) -> None:
    """The signal comes while the processes are being started."""
    script = """
from swpt_accounts.inbox.worker import InboxWorker
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGTERM))
run_workers(lambda stop: [InboxWorker(settings, stop)], processes_count=4)
"""
    result = run_script(idle_authority, script)
    assert result.returncode == 0, result.stdout


def test_signal_for_the_group_in_the_moment_of_the_start(idle_authority: Authority) -> None:
    """Each new process gets the signal before it has done anything. It must end all the same."""
    script = """
from swpt_accounts.inbox.worker import InboxWorker
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
run_workers(lambda stop: [InboxWorker(settings, stop)], processes_count=2)
"""
    run_script(idle_authority, script)


SCRIPT_HEAD = """
import os, signal
from swpt_accounts.settings import load_settings
from swpt_accounts.workers.runner import run_workers
settings = load_settings(os.environ)
"""


def run_script(
    authority: Authority, script: str, seconds_max: float = END_SECONDS_MAX
) -> subprocess.CompletedProcess[str]:
    """Run a script that runs workers; it has to end in time."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT_HEAD + script],
        cwd=ROOT,
        env=authority.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds_max)
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    return subprocess.CompletedProcess(script, process.returncode, output)
