"""The page with the results of the benchmark is made of them."""

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.histogram import Histogram
from benchmarks.report.page import PAGE, PICTURES, RESULTS, fill
from benchmarks.report.tables import TABLES
from benchmarks.report.targets import TARGETS
from benchmarks.results import combine, read_results, write_results
from benchmarks.settings import SETTINGS


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return read_results(RESULTS)


def test_the_page_tells_the_results(results: dict[str, Any]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert fill(text, results) == text


def test_the_pictures_show_the_results(results: dict[str, Any]) -> None:
    for path, draw in PICTURES.items():
        assert path.read_text(encoding="utf-8") == draw(results)
        assert "polyline" in draw({**results, "scenarios": {}})


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


def _pods(plain: float, seconds: float) -> dict[str, Any]:
    def measured(pss: float) -> dict[str, Any]:
        return {
            "seconds": {"flush_messages": 0.3},
            "cpu_seconds": {"flush_messages": 0.2},
            "pss": {"flush_messages": pss},
            "pss_total": pss,
            "together_seconds": seconds,
            "together_cpu_seconds": 1.5,
        }

    return {"pods": {"runs": [{"plain": measured(plain), "with_metrics": measured(299.0)}]}}


def test_table_of_pods() -> None:
    rows = TABLES["pods"]({"scenarios": _pods(25.0, 1.9)}).splitlines()
    assert rows[-2:] == [
        "| `flush_messages` | 0.30 | 0.20 | 25 | 299 |",
        "| all, started at once | 1.90 | 1.50 | 25 | 299 |",
    ]


def _servers(sees_servers: bool) -> dict[str, Any]:
    load = {
        "per_second": 2000.0,
        "cpu_ms_total": 0.75,
        "cpu_ms": {"PostgreSQL": 0.14, "broker": 0.41},
        "latencies": {"credited": Histogram().as_json()},
    }
    run = {"burst": load, "steady": load, "lone": load, "sees_servers": sees_servers}
    versions = {"postgresql": "17.1", "rabbitmq": "4.0.5"}
    return {"servers": {"runs": [{"newest": run}], "versions": {"newest": versions}}}


@pytest.mark.parametrize(
    ("sees_servers", "costs"),
    [(True, "0.75 | 0.14 | 0.41"), (False, "not measured | not measured | not measured")],
)
def test_the_cost_of_servers_is_told_where_it_was_seen(sees_servers: bool, costs: str) -> None:
    row = TABLES["servers"]({"scenarios": _servers(sees_servers)}).splitlines()[-1]
    assert row.startswith(f"| 17.1 | 4.0.5 | 2,000 | {costs} | ")


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


@pytest.mark.parametrize(
    ("scenarios", "verdicts"),
    [
        (_light(), {"350 MB": True, "1.5 s": True, "0.3 %": True}),
        (_pods(250.0, 2.0), {"250 MiB": True, "2 s": True}),
        (_pods(250.5, 2.1), {"250 MiB": False, "2 s": False}),
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
