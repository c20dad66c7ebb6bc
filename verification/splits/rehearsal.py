"""A command of a split fails; what must be true then, and how it goes on."""

import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from agentkit.processes import run
from agentkit.traffic import WAIT_SECONDS_MAX
from agentkit.waiting import wait_until
from verification.splits.commands import COMMAND_SECONDS_MAX
from verification.splits.failing import FAULTS
from verification.splits.place import Place, wait_for_children, wait_for_no_slot
from verification.splits.traffic_checks import (
    check_shards,
    check_traffic,
    is_verified,
    settle,
    succeed,
    wait_for_every_way,
)

COMMANDS = ("prepare", "undo", "switch", "finish")
AS_BEFORE = "All is as before `shards switch`"
_START_OVER = "undo`, and start over"


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """A fault at a step of a command."""

    command: str
    fault: str
    step: str


@dataclass
class Rehearsal:
    """Which steps there are, and which have failed, in all rounds."""

    steps: dict[str, Counter[str]] = field(default_factory=dict)
    """Of each command: how often each step comes in a run without faults, in their order."""
    late_steps: set[str] = field(default_factory=set)
    """Those of the switch that come after a child has begun."""
    done: Counter[Point] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    longest_silence: float = 0.0

    def points(self, command: str, *, is_last: bool = True) -> list[Point]:
        """Those of a command that have not been visited; only those after which one can go back,
        unless it is the last one of a round.
        """
        own = [Point(command, fault, step) for fault in FAULTS for step in self.steps[command]]
        left = [p for p in own if not self.done[p] and (command, p.fault) not in _HARMLESS]
        if command != "switch":
            return left
        late = [p for p in left if p.step in self.late_steps]
        return late or left if is_last else [p for p in left if p not in late]

    @property
    def left_count(self) -> int:
        switch = len(self.points("switch", is_last=False))
        switch += sum(p.step in self.late_steps for p in self.points("switch"))
        return switch + sum(len(self.points(c)) for c in COMMANDS if c != "switch")


# Nothing needs the slot any more.
_HARMLESS = {("finish", "slot")}


class Round:
    """One shard, which is split in the end."""

    def __init__(self, place: Place, folder: Path, rehearsal: Rehearsal, seed: int) -> None:
        self._place = place
        self._file = folder / "steps"
        self._rehearsal = rehearsal
        self._random = random.Random(seed)
        self._is_last = True

    def learn(self) -> None:
        """All commands without a fault: the steps of each."""
        for command in ("prepare", "undo", "prepare", "switch", "finish"):
            if command == "switch":
                self._place.start_children()
            output = self._run(command, None)
            assert output[0] == 0, output[1]
            names = self._file.read_text().splitlines()
            self._rehearsal.steps[command] = Counter(names)
            if command == "switch":
                first = {name: names.index(name) for name in names}
                opened_at = first["child:open"]
                self._rehearsal.late_steps = {n for n, i in first.items() if i >= opened_at}
            if command == "switch":
                wait_for_children(self._place.split)
                self._place.parent.stop()
        self._end()

    def play(self, faults_count: int) -> None:
        """Faults one after the other, until the children work."""
        for left_count in reversed(range(faults_count)):
            self._is_last = left_count == 0
            self._fail("prepare")
            self._fail("undo")
            self._require("prepare")
            if self._is_last:
                self._place.start_children()
            self._fail("switch")
            if self._place.step() == "switched":
                break
        if self._place.step() is None:
            self._require("prepare")
            self._require("switch")
        self._place.start_children()
        wait_for_children(self._place.split)
        self._place.await_transfers()
        self._place.parent.stop()
        self._fail("finish")
        self._end()

    # -- commands -----------------------------------------------------------------

    def _run(self, command: str, point: Point | None) -> tuple[int, str]:
        self._file.unlink(missing_ok=True)
        step, fault, number = "-", "none", 1
        if point is not None:
            most = self._rehearsal.steps[command][point.step]
            step, fault, number = point.step, point.fault, self._random.randint(1, most)
        arguments = [str(self._file), fault, step, str(number)]
        module = [sys.executable, "-m", "verification.splits.failing", *arguments]
        commands = self._place.commands
        result = run(
            [*module, *commands.arguments(command)], commands.environment, COMMAND_SECONDS_MAX
        )
        return result.returncode, result.stdout

    def _require(self, command: str) -> None:
        code, output = self._run(command, None)
        assert code == 0, f"{command}: {output}"

    def _fail(self, command: str) -> None:
        """Let a command fail, check what is true then, and do what an operator does."""
        left = self._rehearsal.points(command, is_last=self._is_last)
        if not left:
            is_too_early = command == "switch" and not self._is_last
            self._require("undo" if is_too_early else command)
            return
        point = self._random.choice(left)
        code, output = self._run(command, point)
        self._rehearsal.done[point] += 1
        told = f"{point}: exit code {code}, {self._place.step()}: {output}"
        assert code in (0, 1, -signal.SIGKILL), told
        assert "Traceback" not in output, told
        getattr(self, f"_go_on_with_{command}")(code, output, told)

    def _note(self, outcome: str) -> None:
        self._rehearsal.outcomes[outcome] += 1

    def _go_on_with_prepare(self, code: int, _output: str, told: str) -> None:
        """It goes on, or it says that one has to start over."""
        self._place.await_transfers()
        again, output = self._run("prepare", None)
        if again == 0:
            self._note("goes on")
            return
        assert _START_OVER in output, f"{told}\n{output}"
        self._note("starts over")
        self._require("undo")
        self._require("prepare")

    def _go_on_with_undo(self, code: int, _output: str, told: str) -> None:
        self._place.await_transfers()
        self._note("goes on")
        if code != 0 and self._place.step() is not None:
            self._require("undo")
        assert self._place.step() is None, told
        wait_for_no_slot(self._place.parent)

    def _go_on_with_switch(self, code: int, output: str, told: str) -> None:
        step = self._place.step()
        assert step in ("preparing", "switching", "opening", "switched"), told
        if code == 1 and step == "preparing":
            self._note("as before")
        elif self._is_last or step in ("opening", "switched"):
            self._forward(told)
            return
        # all work is where it was, and can be undone
        self._stop_and_undo(told)

    def _forward(self, told: str) -> None:
        code, output = self._run("switch", None)
        assert code == 0 or AS_BEFORE in output or _START_OVER in output, f"{told}\n{output}"
        self._note("goes on" if code == 0 else "as before")
        if code:
            self._stop_and_undo(told)

    def _stop_and_undo(self, told: str) -> None:
        if self._place.step() == "preparing":
            self._place.await_transfers()
        if self._is_last:
            self._place.stop_children()
        code, output = self._run("undo", None)
        assert code == 0, f"{told}\n{output}"
        self._note("undone")
        self._place.await_transfers()

    def _go_on_with_finish(self, code: int, _output: str, _told: str) -> None:
        self._note("goes on")
        self._require("finish")

    # -- the oracle ---------------------------------------------------------------

    def _end(self) -> None:
        """Nothing was lost, and nothing happened twice."""
        split, traffic = self._place.split, self._place.traffic
        wait_for_every_way(split.final_shards, traffic, traffic.debtor_id, len(traffic.transfers))
        traffic.wind_up()
        settle(split.final_shards, traffic.debtor_id)
        traffic.end()
        silence = self._place.longest_silence()
        self._rehearsal.longest_silence = max(self._rehearsal.longest_silence, silence)
        check_traffic(traffic)
        for child in split.children:
            wait_until(partial(is_verified, child), WAIT_SECONDS_MAX, "records are its own")
            succeed(child, "verify_books")
        check_shards(split, traffic)
