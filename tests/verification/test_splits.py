"""A split whose commands fail: a short part of `./dev verify splits`."""

from collections import Counter
from pathlib import Path

import pytest

from verification.splits.engine import places
from verification.splits.failing import FAULTS
from verification.splits.rehearsal import Point, Rehearsal, Round

STEPS = {
    "prepare": {"parent:make_slot": 2},
    "undo": {"child:empty": 1},
    # the parent is closed, and messages wait for the children
    "switch": {"parent:close": 1},
    "finish": {"child:drop_state": 2},
}
SEED = 1


@pytest.mark.servers
@pytest.mark.timeout(900)
def test_commands_fail(tmp_path: Path) -> None:
    rehearsal = Rehearsal({name: Counter(steps) for name, steps in STEPS.items()})
    with places(tmp_path) as made, made.open() as (place, folder):
        Round(place, folder, rehearsal, SEED).play(2)
    assert {point.command for point in rehearsal.done} == STEPS.keys()
    assert rehearsal.outcomes.keys() >= {"goes on"}


def test_what_can_be_taken_back_comes_first() -> None:
    steps = {"switch": Counter({"parent:close": 1, "child:open": 2}), "finish": Counter(["run"])}
    rehearsal = Rehearsal({"prepare": Counter(), "undo": Counter(), **steps}, {"child:open"})
    early = {Point("switch", fault, "parent:close") for fault in FAULTS}
    late = {Point("switch", fault, "child:open") for fault in FAULTS}
    assert {*rehearsal.points("switch", is_last=False)} == early
    assert {*rehearsal.points("switch")} == late
    # nothing needs a slot in the end
    assert rehearsal.left_count == len(early | late) + len(FAULTS) - 1
    rehearsal.done.update(late)
    assert {*rehearsal.points("switch")} == early
