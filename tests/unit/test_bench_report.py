"""The page with the results of the benchmark is made of them."""

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.histogram import Histogram
from benchmarks.report.page import PAGE, RESULTS, fill
from benchmarks.report.tables import TABLES
from benchmarks.report.targets import TARGETS, answers
from benchmarks.results import combine, read_results, write_results
from benchmarks.settings import SETTINGS


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return read_results(RESULTS)


def test_the_page_tells_the_results(results: dict[str, Any]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert fill(text, results) == text


def test_the_page_has_every_table() -> None:
    found = re.findall(r"<!-- begin (.+?) -->", PAGE.read_text(encoding="utf-8"))
    assert sorted(found) == sorted(TABLES)


def test_nothing_that_was_published_was_incorrect(results: dict[str, Any]) -> None:
    assert results["problems"] == []


def test_what_was_not_measured_is_not_judged(results: dict[str, Any]) -> None:
    nothing = {**results, "scenarios": {}, "memory": {}}
    assert all(target.judge(nothing) is None for target in TARGETS)
    for make in TABLES.values():
        make(nothing)


def _light(**changes: object) -> dict[str, Any]:
    pss = {"supervisord": 10.0, "flush_messages": 300.0}
    run = {
        "start_seconds": 1.5,
        "idle_percent": 0.3,
        "pss": pss,
        "pss_total": 333.0,
        "import": {"cpu_seconds": 0.61, "wall_seconds": 0.72},
        **changes,
    }
    return {"light": {"runs": [run]}}


def _settings(ratio: float, latency_ratio: float) -> dict[str, Any]:
    histogram = Histogram()
    histogram.add(0.0125)
    one = {
        "per_second": 2345.0,
        "cpu_ms_total": 0.75,
        "latencies": {"credited": histogram.as_json()},
    }
    run = {**dict.fromkeys(SETTINGS, one), "ratio": ratio, "latency_ratio": latency_ratio}
    return {"settings": {"runs": [run]}}


def _status(*seconds: float) -> dict[str, Any]:
    runs = [{"seconds": s, "asking_seconds": s / 2} for s in seconds]
    return {"status": {"count": 1_000_000, "runs": runs}}


def test_the_times_of_status_are_told(results: dict[str, Any]) -> None:
    text = TABLES["status"]({**results, "scenarios": _status(0.6, 0.5, 0.7)})
    assert "| the whole process | 0.60 (0.50 … 0.70) |" in text
    assert "| 3 times, 1,000,000 accounts, and as many rows |" in text


def test_what_a_storm_does_is_told(results: dict[str, Any]) -> None:
    run = {"seconds": 140.2, "per_second": 7132.6, "lines": 812, "peak_mib": 48.2}
    scenarios = {"storm": {"count": 1_000_000, "runs": [run]}}
    text = TABLES["storm"]({**results, "scenarios": scenarios})
    assert "| 1,000,000 bad messages |" in text
    assert "| lines in the log | 812 |" in text
    assert "| dead letters a second | 7,133 |" in text


@pytest.mark.parametrize(
    ("scenarios", "verdicts"),
    [
        (_light(), {"350 MB": True, "1.5 s": True, "0.3 %": True}),
        (_light(pss_total=334.0), {"350 MB": False, "1.5 s": True, "0.3 %": True}),
        (_light(start_seconds=1.51), {"350 MB": True, "1.5 s": False, "0.3 %": True}),
        (_light(idle_percent=0.31), {"350 MB": True, "1.5 s": True, "0.3 %": False}),
        (_settings(0.95, 0.95), {"95 %": True}),
        (_settings(0.94, 0.94), {"95 %": False}),
        (_status(0.6, 1.0, 1.2), {"≤ 1 s": True}),
        (_status(0.9, 1.1, 1.2), {"≤ 1 s": False}),
    ],
)
def test_targets_are_met_or_not(
    results: dict[str, Any], scenarios: dict[str, Any], verdicts: dict[str, bool]
) -> None:
    outcomes = [
        (target.wanted, outcome[1])
        for target in TARGETS
        if (outcome := target.judge({**results, "scenarios": scenarios, "memory": {}}))
    ]
    assert outcomes
    for wanted, is_met in outcomes:
        assert [is_met] == [verdict for text, verdict in verdicts.items() if text in wanted]


@pytest.mark.parametrize(
    ("per_second", "connections_count", "is_met"),
    [(2000.0, 16, True), (1999.0, 16, False), (3000.0, 10, False)],
)
def test_answers_count_over_enough_connections(
    results: dict[str, Any], per_second: float, connections_count: int, is_met: bool
) -> None:
    run = {"per_second": per_second, "connections_count": connections_count}
    outcome = answers(2000, 16)({**results, "scenarios": {"fetch": {"runs": [run]}}})
    assert outcome is not None
    assert outcome[1] == is_met
    assert f"over {connections_count} connections" in outcome[0]


def test_tables_tell_what_all_services_take(results: dict[str, Any]) -> None:
    measured = {**results, "scenarios": {**_light(), **_settings(0.95, 0.9)}}
    assert "| `flush_messages` | 300 |\n| `supervisord` | 10 |" in TABLES["pss"](measured)
    assert "| together | 333 |" in TABLES["pss"](measured)
    assert "seconds of CPU | 0.61 |" in TABLES["light"](measured)
    for name in SETTINGS:
        assert f"| {name} | 2,345 | 0.75 | 12.5 | 12.5 |" in TABLES["settings"](measured)


def test_results_survive_their_file(tmp_path: Path) -> None:
    run = {"count": 3, "deep": {"list": [1, 2.5, {}], "text": "x [ 1 ]"}, "none": []}
    results = {"scenarios": {"burst": {"runs": [run, run]}}, "e": 1234567.891}
    path = tmp_path / "results.json"
    write_results(results, path)
    assert read_results(path) == {**results, "e": 1234570.0}
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines.count('     "deep": {"list": [1, 2.5, {}], "text": "x [ 1 ]"},') == 2


def test_older_results_fill_the_gaps() -> None:
    a, b, c = {"peak": 1}, {"peak": 2}, {"peak": 3}
    old = {"machine": "old", "memory": {"x": b, "y": a}, "scenarios": {"burst": 1, "lone": 1}}
    new = {"machine": "new", "memory": {"x": a, "y": c}, "scenarios": {"lone": 2}}
    assert combine(old, new) == {
        "machine": "new",
        "memory": {"x": b, "y": c},
        "scenarios": {"burst": 1, "lone": 2},
    }
    assert combine(new, old) == old
