"""What the scenario `cores` has measured, in tables and in a picture."""

from collections.abc import Sequence
from math import ceil
from statistics import median
from typing import Final

from benchmarks.report.figures import Results, limit, runs_of, spread, text_of
from benchmarks.report.picture import BOTTOM, LEFT, RIGHT, TOP, begin, draw_line, draw_text
from benchmarks.scalability import Law, Point, fit
from benchmarks.scenarios.cores import KINDS, ONE, PARTS, SEVERAL
from benchmarks.usage import BROKER, POSTGRES

MACHINES: Final = (4, 8, 16)
_WORDS: Final = {
    **{kind: f"`{kind}`, with its session" for kind in KINDS},
    POSTGRES: "PostgreSQL, all of it",
    BROKER: "RabbitMQ, all of it",
}
_QUEUE: Final = "the shard's queue"
_QUEUED: Final = 2
"""So many messages of a transfer are in the shard's queue."""
Rows = list[list[str]]


def rows_of_several(results: Results) -> Rows:
    """One of each, and two of some."""
    runs = [run["several"] for run in runs_of(results, "cores")]
    rows = []
    for name in SEVERAL if runs else ():
        ratios = spread(run[name]["cpu_ms_total"] / run[ONE]["cpu_ms_total"] for run in runs)
        rows.append(
            [
                name,
                text_of(spread(run[name]["per_second"] for run in runs)),
                text_of(spread(run[name]["cpu_ms_total"] for run in runs), 3),
                text_of(ratios, 2, " times") if name != ONE else "",
            ]
        )
    return rows


def laws(results: Results) -> dict[str, tuple[Law, list[Point]]]:
    """Of each part that was measured: the law that fits, and the points, for whole cores."""
    found: dict[str, list[Point]] = {part: [] for part in PARTS}
    for run in runs_of(results, "cores"):
        for part, points in run["parts"].items():
            found[part] += [(one["n"], one["per_second"] / one["core"]) for one in points]
    return {part: (fit(points), points) for part, points in found.items() if points}


def _at(points: Sequence[Point], n: float) -> float:
    return median(x for count, x in points if count == n)


def rows_of_laws(results: Results) -> Rows:
    """What one, and several, of each part carry."""
    rows = []
    for part, (law, points) in laws(results).items():
        counts = sorted({n for n, _ in points})[1:]
        times = [f"{_at(points, n) / _at(points, 1):.2f}" for n in counts]
        rows.append(
            [
                *(_WORDS[part], f"{_at(points, 1):,.0f}", *times, *[""] * (3 - len(times))),
                *(_law_cells(law) if len(counts) > 1 else ("", "", "")),
            ]
        )
    return rows


def _law_cells(law: Law) -> tuple[str, ...]:
    return f"{law.sigma:.3f}", f"{law.kappa:.3f}", f"{100 * law.error:.0f} %"


def rows_of_machines(results: Results) -> Rows:
    """Calculated: what larger machines carry that run everything, and what is in the way."""
    found = laws(results)
    if not found:
        return []
    runs = [run["several"][ONE] for run in runs_of(results, "cores")]
    each = median(run["cpu_ms_total"] for run in runs) / 1000
    singles = {part: _at(points, 1) for part, (_, points) in found.items() if part in KINDS}
    if queue := _queue(results):
        singles[_QUEUE] = queue / _QUEUED
    rows = []
    for cores in MACHINES:
        carried = cores / each
        first = min(singles, key=lambda part: singles[part])
        is_machine = carried <= singles[first]
        needed = {p: ceil(carried / singles[p]) for p in singles if p != _QUEUE}
        most = min(carried, singles.get(_QUEUE, carried))
        more = [f"{needed[p]} `{p}`" for p in needed if needed[p] > 1]
        rows.append(
            [
                *(str(cores), f"{carried:,.0f}"),
                "the cores" if is_machine else f"{_name(first)}: {singles[first]:,.0f}",
                ", ".join(more) or "one of each is enough",
                f"{most:,.0f}: {'the cores' if most == carried else _QUEUE}",
            ]
        )
    return rows


def _name(part: str) -> str:
    return f"`{part}`" if part in KINDS else part


def _queue(results: Results) -> float:
    """Messages a second that go through one queue: in, and out again."""
    limits = [limit(results, name) for name in ("publish_window", "consume_multiple")]
    return 1 / sum(1 / one.median for one in limits if one) if all(limits) else 0.0


# -- the picture ----------------------------------------------------------------------------------

_COLOURS: Final = ("#1d4ed8", "#b45309", "#15803d", "#86efac", "#4d7c0f", "#7c3aed", "#be123c")
_STEPS: Final = 30


def draw_cores(results: Results) -> str:
    """An SVG: how many times as much several of each part carry: measured, and the law."""
    found = laws(results)
    most = max((n for _, points in found.values() for n, _ in points), default=1.0)

    def place(n: float, times: float) -> tuple[float, float]:
        x = LEFT + (RIGHT - LEFT) * n / most
        return x, BOTTOM - (BOTTOM - TOP) * times / most

    heading = "Times what one carries, with 1, 2, … of each alone"
    parts = [
        *begin("What several processes, or cores, carry", heading),
        draw_line([place(0, 0), place(most, most)], "#dddddd", 1),
    ]
    for tick in range(1, int(most) + 1):
        x, y = place(tick, tick)
        parts.append(draw_text(x, BOTTOM + 24, str(tick), "#555555", "middle"))
        parts.append(draw_text(LEFT - 8, y + 4, str(tick), "#555555", "end"))
    ends = sorted(found, key=lambda part: -found[part][0].at(most) / found[part][0].one)
    for rank, part in enumerate(ends):
        law, points = found[part]
        colour = _COLOURS[PARTS.index(part)]
        last = max(n for n, _ in points)
        steps = [1 + (last - 1) * step / _STEPS for step in range(_STEPS + 1)]
        parts.append(draw_line([place(n, law.at(n) / law.one) for n in steps], colour, 2))
        for n, x in points:
            cx, cy = place(n, x / law.one)
            parts.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="3" fill="{colour}"/>')
        label = f"{part}: {last:g} do {law.at(last) / law.one:.1f}"
        parts.append(draw_text(RIGHT + 12, TOP + 10 + 20 * rank, label, colour))
    return "\n".join([*parts, "</svg>", ""])
