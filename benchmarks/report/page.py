"""The page with the results: docs/performance.md.

Its text is written by hand. What stands between `<!-- begin NAME -->` and `<!-- end NAME -->` is
made from docs/performance/results.json.
"""

import re

from agentkit.processes import ROOT
from benchmarks.report.cores import draw_cores
from benchmarks.report.curve import draw_curve
from benchmarks.report.figures import Results
from benchmarks.report.picture import draw_latencies
from benchmarks.report.tables import TABLES
from benchmarks.results import combine, read_results, write_results

PAGE = ROOT / "docs" / "performance.md"
FOLDER = ROOT / "docs" / "performance"
RESULTS = FOLDER / "results.json"
PICTURES = {
    FOLDER / "latency.svg": draw_latencies,
    FOLDER / "curve.svg": draw_curve,
    FOLDER / "cores.svg": draw_cores,
}
_PART = re.compile(r"(<!-- begin (.+?) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def fill(text: str, results: Results) -> str:
    """The text of a page with the tables of these results."""
    return _PART.sub(lambda m: f"{m[1]}\n{TABLES[m[2]](results)}\n\n{m[3]}", text)


def publish(results: Results) -> None:
    """Put results into the page, in place of the older ones of the same scenarios."""
    if RESULTS.exists():
        results = combine(read_results(RESULTS), results)
    FOLDER.mkdir(exist_ok=True)
    write_results(results, RESULTS)
    render(read_results(RESULTS))


def render(results: Results) -> None:
    """Make the tables, and the pictures, anew."""
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    for path, draw in PICTURES.items():
        path.write_text(draw(results), encoding="utf-8")
