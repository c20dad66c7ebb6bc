"""The page with the results of the benchmark is made of them."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report.page import FOLDER, PAGE, RESULTS, fill
from benchmarks.report.pictures import pictures
from benchmarks.report.svg import Axis, Chart
from benchmarks.report.tables import TABLES
from benchmarks.report.targets import TARGETS
from benchmarks.results import combine, read_results, write_results


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return read_results(RESULTS)


def test_the_page_tells_the_results(results: dict[str, Any]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert fill(text, results) == text


def test_the_page_has_every_table() -> None:
    found = re.findall(r"<!-- begin (.+?) -->", PAGE.read_text(encoding="utf-8"))
    assert sorted(found) == sorted(TABLES)


def test_the_pictures_show_the_results(results: dict[str, Any]) -> None:
    drawn = pictures(results)
    assert {path.name for path in FOLDER.glob("*.svg")} == set(drawn)
    for name, picture in drawn.items():
        assert Path(FOLDER, name).read_text(encoding="utf-8") == picture
        assert ET.fromstring(picture).tag.endswith("svg")  # noqa: S314 - it is our own
        assert f"performance/{name}" in PAGE.read_text(encoding="utf-8")


def test_nothing_that_was_published_was_incorrect(results: dict[str, Any]) -> None:
    assert results["problems"] == []


def test_what_was_not_measured_is_not_judged(results: dict[str, Any]) -> None:
    nothing = {**results, "scenarios": {}, "memory": {}}
    assert all(target.judge(nothing) is None for target in TARGETS)
    for make in TABLES.values():
        make(nothing)
    assert pictures(nothing) == {}


def test_results_survive_their_file(tmp_path: Path) -> None:
    results = {"a": [1, 2.5, 3], "b": {"c": "x [ 1 ]", "d": []}, "e": 1234567.891}
    path = tmp_path / "results.json"
    write_results(results, path)
    assert read_results(path) == {**results, "e": 1234570.0}
    assert "[1, 2.5, 3]" in path.read_text(encoding="utf-8")
    json.loads(path.read_text(encoding="utf-8"))


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


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis(0, 12), [0, 2, 4, 6, 8, 10, 12]),
        (Axis(0, 1.7), [0, 0.5, 1, 1.5]),
        (Axis(3, 60, is_logarithmic=True), [5, 10, 20, 50]),
    ],
)
def test_axes_have_round_ticks(axis: Axis, ticks: list[float]) -> None:
    assert axis.ticks() == pytest.approx(ticks)
    assert axis.place(axis.start) == 0
    assert axis.place(axis.end) == 1


def test_words_in_a_picture_are_escaped() -> None:
    chart = Chart("a < b", "x", "y", Axis(0, 1), Axis(0, 1))
    chart.line("c & d", "#000000", [(0, 0), (1, 1)])
    texts = [e.text for e in ET.fromstring(chart.svg()).iter() if e.text]  # noqa: S314 - our own
    assert {"a < b", "c & d"} <= set(texts)
