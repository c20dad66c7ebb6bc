"""Slots, heartbeats, and what is made of them."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from select import poll
from time import monotonic
from typing import Any

import pytest

from agentkit.processes import ROOT
from agentkit.waiting import wait_until
from swpt_accounts.observability import heartbeat, liveness
from swpt_accounts.observability.heartbeat import HeartbeatFile, read_process
from swpt_accounts.observability.liveness import degraded_loops, living_processes, stuck_loops
from swpt_accounts.observability.state_dir import (
    Slot,
    UnusableStateDir,
    is_held,
    open_folder,
    take_slot,
)
from swpt_accounts.workers.shutdown import ShutdownEvent

HOLDER = """
import sys
from pathlib import Path
from swpt_accounts.observability.state_dir import take_slot
print(take_slot(Path(sys.argv[1])).number, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return open_folder(str(tmp_path / "state"), "processes")


@pytest.fixture
def slot(folder: Path) -> Iterator[Slot]:
    made = take_slot(folder)
    yield made
    made.release()


@pytest.fixture
def heartbeat_file(slot: Slot) -> HeartbeatFile:
    return HeartbeatFile(slot, "flush_messages")


@pytest.fixture
def this_heartbeat(heartbeat_file: HeartbeatFile) -> Iterator[heartbeat.Heartbeat]:
    made = heartbeat_file.begin("loop")
    assert made is not None
    heartbeat.set_current_heartbeat(made)
    yield made
    heartbeat.set_current_heartbeat(None)


class Holder:
    """Another process that has a slot."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.slot = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_each_process_has_a_slot_and_a_dead_one_leaves_it(folder: Path) -> None:
    first, second = Holder(folder), Holder(folder)
    assert (first.slot, second.slot) == (0, 1)
    assert is_held(folder / "0")
    first.kill()
    assert [is_held(folder / name) for name in "01"] == [False, True]
    third = Holder(folder)
    assert third.slot == 0
    for holder in (second, third):
        holder.kill()
    assert sorted(path.name for path in folder.iterdir()) == ["0", "1"]


@pytest.mark.usefixtures("this_heartbeat")
def test_looking_at_slots_takes_none_of_them_away(folder: Path, slot: Slot) -> None:
    """Its own neither: the exporter reads what it has recorded itself."""
    assert is_held(slot.path)
    assert only_process(folder).pid == os.getpid()
    another = Holder(folder)
    assert another.slot == 1
    another.kill()
    assert not is_held(folder / "7")


def test_a_slot_is_not_inherited(folder: Path, slot: Slot) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0 if take_slot(folder).number == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(UnusableStateDir, match="others may write"):
        open_folder(str(tmp_path), "processes")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableStateDir, match=r"STATE_DIR .* cannot be used"):
        open_folder(str(tmp_path / "file"), "processes")


def only_process(folder: Path) -> heartbeat.ProcessState:
    (process,) = living_processes(str(folder.parent))
    return process


def test_what_a_loop_says_can_be_read(
    folder: Path, heartbeat_file: HeartbeatFile, slot: Slot
) -> None:
    first, second = heartbeat_file.begin("one"), heartbeat_file.begin("zwölf")
    assert first is not None
    assert second is not None
    process = only_process(folder)
    assert (process.pid, process.command, process.slot) == (os.getpid(), "flush_messages", 0)
    assert [loop.name for loop in process.loops] == ["one", "zwölf"]
    assert {loop.fault for loop in process.loops} == {"starting"}
    first.degrade("key", "cannot use the broker: no")
    second.recover(None)
    one, two = only_process(folder).loops
    assert (one.fault, two.fault) == ("cannot use the broker: no", "")
    assert [str(p).partition(", since")[0] for p in degraded_loops([only_process(folder)])] == [
        "one: cannot use the broker: no"
    ]
    first.recover("another key")
    assert only_process(folder).loops[0].fault
    first.recover("key")
    heartbeat_file.end(second)
    assert [(loop.name, loop.fault) for loop in only_process(folder).loops] == [("one", "")]
    third = heartbeat_file.begin("three")
    assert third is not None
    assert third.number == second.number
    slot.release()
    assert living_processes(str(folder.parent)) == []


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = monotonic()
    monkeypatch.setattr(liveness, "monotonic", lambda: now + seconds)


def test_a_loop_that_breaks_its_promise_is_stuck(
    folder: Path, this_heartbeat: heartbeat.Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    this_heartbeat.recover(None)
    later(monkeypatch, 29)
    assert list(stuck_loops([only_process(folder)])) == []
    later(monkeypatch, 31)
    (problem,) = stuck_loops([only_process(folder)])
    assert problem.subject == f"loop of flush_messages (pid {os.getpid()})"
    assert problem.what == "frozen: no heartbeat for 31 s"
    heartbeat.beat(100)
    assert list(stuck_loops([only_process(folder)])) == []


def test_who_waits_for_a_server_is_not_stuck_but_not_ready(
    folder: Path, this_heartbeat: heartbeat.Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    this_heartbeat.recover(None)
    with heartbeat.awaiting("the database"):
        with heartbeat.awaiting("the broker"):
            assert only_process(folder).loops[0].awaits == "the broker"
        assert only_process(folder).loops[0].awaits == "the database"
        later(monkeypatch, 29)
        assert list(degraded_loops([only_process(folder)])) == []
        later(monkeypatch, 10_000)
        assert list(stuck_loops([only_process(folder)])) == []
        (problem,) = degraded_loops([only_process(folder)])
        assert problem.what == "waiting for the database"
    assert only_process(folder).loops[0].awaits == ""
    assert list(stuck_loops([only_process(folder)])) != []


def test_a_long_wait_gives_signs(
    folder: Path, this_heartbeat: heartbeat.Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "SLICE_SECONDS", 0.01)
    shutdown, signs = ShutdownEvent(), 0

    class Waiting:
        def poll(self, milliseconds: float) -> list[Any]:
            nonlocal signs
            signs += 1
            assert milliseconds <= 10
            return [1] if signs == 5 else []

    assert heartbeat.watched_poll(Waiting(), None)  # type: ignore[arg-type]
    assert signs == 5
    assert not heartbeat.watched_poll(poll(), 0.02)
    waiter = threading.Thread(target=lambda: shutdown.wait(None))
    waiter.start()
    shutdown.request()
    wait_until(lambda: not waiter.is_alive(), 60, "the wait is over")


def test_there_are_never_too_many_loops(
    folder: Path, heartbeat_file: HeartbeatFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "LOOPS_COUNT_MAX", 2)
    made = [heartbeat_file.begin("loop") for _ in range(3)]
    assert [m is None for m in made] == [False, False, True]
    assert len(only_process(folder).loops) == 2


def test_a_file_that_has_just_been_made_says_nothing(folder: Path) -> None:
    path = folder / "0"
    path.write_bytes(b"")
    assert read_process(path) is None
