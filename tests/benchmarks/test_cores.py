"""What several processes, or cores, carry: how it is measured, and what is made of it."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from benchmarks.cpus import APART_MIN, can_throttle, layout, pin, throttled
from benchmarks.report.cores import draw_cores, laws, rows_of_machines, rows_of_several
from benchmarks.scalability import Law, fit
from benchmarks.scenarios.cores import KINDS, ONE, PARTS, SEVERAL

BUSY = "import time\nend = time.monotonic() + 1\nwhile time.monotonic() < end: pass"


@pytest.fixture
def process() -> Iterator[Popen[bytes]]:
    found = subprocess.Popen([sys.executable, "-c", BUSY])
    yield found
    found.kill()
    found.wait()


def test_the_law_is_found_again() -> None:
    law = Law(100.0, 0.05, 0.02, 0.0)
    found = fit([(n, law.at(n)) for n in (1, 2, 3, 4)])
    assert (found.one, found.sigma, found.kappa) == pytest.approx((100.0, 0.05, 0.02), rel=0.01)
    assert found.error < 0.001


def test_the_law_says_how_far_it_is_off() -> None:
    found = fit([(1, 100.0), (2, 220.0), (3, 300.0), (4, 400.0)])
    assert min(found.sigma, found.kappa) >= 0
    assert found.error > 0.02


def test_each_part_has_cores_of_its_own_where_there_are_enough() -> None:
    assert layout(range(APART_MIN - 1)) is None
    for count in (APART_MIN, 16, 64):
        parts = layout(range(count))
        assert parts is not None
        assert all(parts.values())
        assert sorted(core for cores in parts.values() for core in cores) == list(range(count))


def test_a_process_is_pinned(process: Popen[bytes]) -> None:
    (core, *_) = sorted(os.sched_getaffinity(0))
    pin([process.pid], [core])
    assert os.sched_getaffinity(process.pid) == {core}


@pytest.mark.skipif(can_throttle() != "", reason="no cgroup with a limit can be made here")
def test_a_process_has_a_part_of_a_core(process: Popen[bytes]) -> None:
    home = Path(f"/proc/{process.pid}/cgroup").read_text()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with throttled([(0.05, [process.pid])]):
        assert Path(f"/proc/{process.pid}/cgroup").read_text() != home
        process.wait()
    # a second of a core, without the limit
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.5


def _run(cpu_ms: float) -> dict[str, Any]:
    return {"per_second": 2000.0, "cpu_ms_total": cpu_ms}


def _results(**carried: float) -> dict[str, Any]:
    """Of each part: what one carries; two carry twice as much."""
    parts = {
        part: [
            {"n": n, "core": 0.1, "per_second": 0.1 * n * carried.get(part, 1e6)} for n in (1, 2)
        ]
        for part in PARTS
    }
    several = {name: _run(0.5 if name == ONE else 0.6) for name in SEVERAL}
    limits = {"publish_window": 40_000.0, "consume_multiple": 40_000.0}
    runs = [{"several": several, "parts": parts}]
    return {"scenarios": {"cores": {"runs": runs}}, "raw_limits": [limits]}


def test_two_of_a_kind_stand_beside_one() -> None:
    rows = rows_of_several(_results())
    assert rows[0] == [ONE, "2,000", "0.500", ""]
    assert {row[-1] for row in rows[1:]} == {"1.20 times"}


def test_the_first_limit_of_a_machine() -> None:
    results = _results(flush_messages=9000.0)
    law, points = laws(results)["flush_messages"]
    assert law.one == pytest.approx(9000.0)
    assert [n for n, _ in points] == [1, 2]
    small, middle, large = rows_of_machines(results)
    assert small == ["4", "8,000", "the cores", "one of each is enough", "8,000: the cores"]
    assert middle[2:4] == ["`flush_messages`: 9,000", "2 `flush_messages`"]
    assert large[3:] == ["4 `flush_messages`", "10,000: the shard's queue"]
    assert set(KINDS) <= set(PARTS)


def test_picture_has_a_line_for_each_part() -> None:
    picture = draw_cores(_results())
    assert picture.count("<polyline") == 1 + len(PARTS)
    assert picture.count("<circle") == 2 * len(PARTS)
