"""The list of crash points, and what decides about them: without any server."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from agentkit.messages import encode, prepare
from agentkit.processes import ROOT
from agentkit.received import Received
from swpt_accounts.db.procedures import PROCEDURES
from verification.crash_points.catalogue import PACKAGES, STEP_FUNCTION, catalogue, mark
from verification.crash_points.control import DEATH, Control, Crossing, Point
from verification.crash_points.outcome import Naming, told, untold
from verification.crash_points.place import COMMANDS, SERVICES
from verification.crash_points.plan import ShortPlan, goals
from verification.crash_points.required import UNCALLED, UNVISITED, required
from verification.crash_points.scenarios import SCENARIOS
from verification.crash_points.visits import Rehearsal, Rehearsals, compare

# They only read, or are what the steps call, or know no server; moves are killed in tests/takeover,
# and what is sent again is a copy.
WITHOUT_STEPS = {
    *("web", "audit", "inspection", "db", "smp", "settings", "core", "takeover"),
    *("observability", "console", "sharding"),
}

SOURCE = """
def work(connection, channel, name):
    with connection.transaction():
        connection.call(PROCEDURE, a=1)
        connection.call(PROCEDURE, a=2)
    channel.basic_consume(name, on_delivery)
    if name.call:
        return connection.close()
"""


def test_every_package_is_in_the_catalogue_or_has_no_steps() -> None:
    folders = {path.parent.name for path in (ROOT / "swpt_accounts").glob("*/__init__.py")}
    assert folders == {*PACKAGES, *WITHOUT_STEPS}


def test_what_is_not_visited_is_still_there() -> None:
    assert catalogue().keys() >= UNVISITED.keys()
    assert {procedure.name for procedure in PROCEDURES} >= UNCALLED.keys()


def test_every_worker_and_command_may_die() -> None:
    victims = {victim for scenario in SCENARIOS.values() for victim in scenario.victims}
    assert victims == {*SERVICES, *COMMANDS} - {"verify_books --quiet"}


def test_steps_are_found_by_the_names_of_what_is_called() -> None:
    _, sites = mark(SOURCE, "a.b")
    assert [site.key for site in sites] == [
        "a.b:work:transaction",
        "a.b:work:call PROCEDURE",
        "a.b:work:call PROCEDURE#2",
        "a.b:work:basic_consume",
        "a.b:work:>on_delivery",
    ]
    assert [len(site.phases) for site in sites] == [4, 2, 2, 2, 2]


def test_a_marked_module_does_the_same() -> None:
    tree, sites = mark("def work(c, x):\n    return [c.call(x, y=y) for y in (1, 2)]\n", "m")
    taken = []

    def step(keys: tuple[str, ...], function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        taken.append(keys)
        return function(*args, **kwargs)

    class Called:
        def call(self, x: int, y: int) -> int:
            return x * y

    names: dict[str, Any] = {STEP_FUNCTION: step}
    exec(compile(tree, "m", "exec"), names)  # noqa: S102 - the module above
    assert names["work"](Called(), 5) == [5, 10]
    assert taken == [(sites[0].key,)] * 2


def rehearsals(*crossings: Crossing) -> Rehearsals:
    return {("scene", "worker"): Rehearsal({}, list(crossings), 1.0)}


def test_a_new_step_without_a_scene_fails() -> None:
    with pytest.raises(LookupError, match="basic_ack"):
        ShortPlan(rehearsals(Crossing("inbox.worker:f:connect", "before", ("",))), 1)


def everything() -> Rehearsals:
    """A scene in which a worker comes by at all points that are required."""
    found = [
        Crossing(goal.site or "a", goal.phase or "before", (goal.subject or "",))
        for goal in required()
    ]
    return rehearsals(*found)


def test_the_short_plan_meets_all_goals_and_is_decided_by_the_seed() -> None:
    def points(seed: int) -> list[Any]:
        plan = ShortPlan(everything(), seed)
        made = []
        for visit in plan.visits():
            made.append(visit)
            plan.note([point for point, _ in visit.points])
        assert not plan.unmet
        return made

    assert points(1) == points(1)
    assert points(1) != points(2)
    assert len(points(1)) * 3 < len(goals(everything()))


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path, "worker")
    yield made
    made.close()


def test_a_worker_dies_at_its_point_and_at_the_right_time(
    control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *arguments: signals.append(arguments))
    worker = Control(tmp_path, "worker")
    here = Crossing("a", "before", ("x", "y"))
    worker.cross(here)
    control.arm(Point("a", "before", "y"), 2)
    for crossing in (here, Crossing("a", "after", ("y",)), Crossing("a", "before", ("x",))):
        worker.cross(crossing)
    assert not signals
    worker.cross(here)
    assert signals == [(os.getpid(), signal.SIGKILL)]
    assert control.lines[-1] == f"{DEATH}{here}"
    control.stand_down()
    assert control.death == here
    control.disarm()
    assert [control.death, control.is_dying] == [None, False]
    worker.close()


def received(message: dict[str, Any]) -> Received:
    properties = pika.BasicProperties(type=message["type"])
    return Received("exchange", "key", properties, encode(message))


def test_what_is_said_again_in_other_words_is_found() -> None:
    naming = Naming()
    naming.name(5, "a")
    request = prepare(1, 5, 7, 10)
    naming.request(request["coordinator_request_id"])
    once = told(naming, [received(request)])
    assert not list(compare(once, told(naming, [received(request)] * 2)))
    again = {**request, "ts": "2030-01-01T00:00:00+00:00"}
    (difference,) = compare(once, told(naming, [received(request), received(again)]))
    assert difference.startswith("exchange PrepareTransfer 1 a: expected [")
    assert list(compare(once, {}))


def test_a_principal_of_which_nobody_is_told_is_found() -> None:
    def update(principal: int, seqnum: int) -> Received:
        fields = {"principal": principal, "last_change_seqnum": seqnum}
        ids = {"type": "AccountUpdate", "debtor_id": 1, "creditor_id": 5}
        return received({**ids, **fields, "last_change_ts": "2030-01-01T00:00:00+00:00"})

    row = {"debtor_id": 1, "creditor_id": 5, "principal": 7, "pending_account_update": False}
    assert untold([update(7, 2), update(6, 1)], [row]) == []
    assert untold([update(7, 1), update(6, 2)], [row]) == [5]
    assert untold([update(6, 2)], [{**row, "pending_account_update": True}]) == []
