"""What the scenarios `curve` and `causes` have measured, in tables and in a picture."""

from math import log10
from typing import Final

from benchmarks.report.figures import Results, figure, latency, milliseconds, runs_of, text_of
from benchmarks.report.picture import (
    BOTTOM,
    LEFT,
    RIGHT,
    draw_line,
    draw_text,
    draw_times,
    height_of,
)
from benchmarks.scenarios.causes import ECHO, HALF, RATES, SWITCHES, USUAL
from benchmarks.scenarios.curve import PERCENTS

CURVE: Final = (
    *("% of the burst's rate", "a second", "of"),
    *("prepared: p50 ms", "p90", "p99", "p99.9", "longest"),
    *("credited: p50 ms", "p90", "p99", "p99.9", "longest"),
)
CAUSES: Final = (
    *("credited: p50 / p99 / p99.9 ms", "100 a second", "500 a second"),
    *("half of the burst's rate", "there, bytes of WAL of a transfer"),
)
_COSTS: Final = (
    ("CPU time, of everything but the driver", "cpu_ms_total"),
    ("all threads together: ready to run, and no core is free", "core_wait_ms"),
)
_SHOWN: Final = (50, 90, 99, 99.9, 100)
# An answer, a percentile, what to call it, and its colour.
_LINES: Final = (
    ("credited", 99.9, "paid, p99.9", "#fdba74"),
    ("credited", 99.0, "paid, p99", "#b45309"),
    ("credited", 50.0, "paid, p50", "#1d4ed8"),
    ("prepared", 99.0, "prepared, p99", "#e09f3e"),
    ("prepared", 50.0, "prepared, p50", "#6ba3e8"),
)
_LABEL_HEIGHT: Final = 15
_TICKS: Final = (1, 2, 5, 10, 20, 50, 100)


def rows_of_curve(results: Results) -> list[list[str]]:
    """A row for each load."""
    rows = []
    for percent in map(str, PERCENTS if runs_of(results, "curve") else ()):
        row = [percent, text_of(figure(results, "curve", percent, "per_second"))]
        for answer in ("prepared", "credited"):
            times = latency(results, "curve", answer, percent)
            assert times is not None
            row += [f"{times.count:,}"] if answer == "prepared" else []
            row += milliseconds(times, _SHOWN)
        rows.append(row)
    return rows


def rows_of_causes(results: Results) -> list[list[str]]:
    """A row for each thing that was switched."""
    if not runs_of(results, "causes"):
        return []
    names = {name: (words, "credited") for name, (words, _) in SWITCHES.items()}
    rows = [
        [
            f"{words}, ms of a transfer",
            *(text_of(figure(results, "causes", USUAL, place, key), 1) for place in RATES),
            "",
        ]
        for words, key in _COSTS
    ]
    for name, (words, answer) in {**names, ECHO: (ECHO, "echoed")}.items():
        row = [words]
        for place in RATES:
            times = latency(results, "causes", answer, name, place)
            assert times is not None
            row.append(" / ".join(milliseconds(times, (50, 99, 99.9))))
        wal = None if name == ECHO else figure(results, "causes", name, HALF, "wal_bytes")
        rows.append([*row, text_of(wal) if wal else ""])
    return rows


def draw_curve(results: Results) -> str:
    """An SVG: how long transfers take at each load; both axes are logarithmic."""
    parts = draw_times("How long a transfer takes at each load")
    for percent in _TICKS:
        parts.append(draw_text(_x(percent), BOTTOM + 24, f"{percent}", "#555555", "middle"))
    parts.append(draw_text(RIGHT + 20, BOTTOM + 24, "% of the burst's rate", "#555555"))
    label_y = 0.0
    for answer, shown, name, colour in _LINES if runs_of(results, "curve") else ():
        points = []
        for percent in PERCENTS:
            times = latency(results, "curve", answer, str(percent))
            assert times is not None
            points.append((_x(percent), height_of(1000 * times.percentile(shown))))
        parts.append(draw_line(points, colour, 3))
        label_y = max(points[-1][1] + 4, label_y + _LABEL_HEIGHT)
        parts.append(draw_text(RIGHT + 8, label_y, name, colour))
    return "\n".join([*parts, "</svg>", ""])


def _x(percent: int) -> float:
    return LEFT + 20 + (RIGHT - LEFT - 20) * log10(percent) / log10(PERCENTS[-1])
