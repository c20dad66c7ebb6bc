"""Pictures of latencies, and what all pictures of docs/performance share."""

from math import log10
from typing import Final

from benchmarks.report.figures import Results, latency

_WIDTH: Final = 780
_HEIGHT: Final = 340
LEFT: Final = 70
RIGHT: Final = 470
TOP: Final = 50
BOTTOM: Final = 290
_HEAD: Final = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    ' font-family="sans-serif" font-size="13" role="img">'
)
_HEADING: Final = "From the request until it is prepared, and until the recipient has it (paid)"
_PERCENTS: Final = (50.0, 90.0, 99.0, 99.9)
_DECADES: Final = ((1, "1 ms"), (10, "10 ms"), (100, "100 ms"), (1000, "1 s"), (10_000, "10 s"))
# A scenario, an answer, what to call it, its colour, and how far its name is from its line.
_LINES: Final = (
    ("steady", "credited", "500 a second: paid", "#b45309", 0),
    ("steady", "prepared", "500 a second: prepared", "#e09f3e", 14),
    ("lone", "credited", "20 a second: paid", "#1d4ed8", 0),
    ("lone", "prepared", "20 a second: prepared", "#6ba3e8", 0),
)


def draw_latencies(results: Results) -> str:
    """An SVG: how long transfers take, at four percentiles; both axes are logarithmic."""
    parts = draw_times("How long a transfer takes")
    for place, percent in enumerate(_PERCENTS):
        name = f"p{percent:g}"
        parts.append(draw_text(_x(place), BOTTOM + 24, name, "#555555", "middle"))
    for scenario, answer, name, colour, offset in _LINES:
        histogram = latency(results, scenario, answer)
        if histogram is None:
            continue
        times = [1000 * histogram.percentile(percent) for percent in _PERCENTS]
        points = [(_x(place), height_of(time)) for place, time in enumerate(times)]
        parts.append(draw_line(points, colour, 3))
        label = f"{name}, p99 {times[2]:.0f} ms"
        parts.append(draw_text(RIGHT + 8, points[-1][1] + 4 + offset, label, colour))
    return "\n".join([*parts, "</svg>", ""])


def _x(place: int) -> float:
    return LEFT + 20 + place * (RIGHT - LEFT - 20) / (len(_PERCENTS) - 1)


def draw_times(title: str) -> list[str]:
    """The begin of an SVG: how long transfers take, from below to above."""
    parts = begin(title, _HEADING)
    for value, name in _DECADES:
        y = height_of(value)
        parts.append(draw_line([(LEFT, y), (RIGHT, y)], "#dddddd", 1))
        parts.append(draw_text(LEFT - 8, y + 4, name, "#555555", "end"))
    return parts


def begin(title: str, heading: str) -> list[str]:
    """The begin of an SVG, to which the caller adds the rest, and the end."""
    return [
        _HEAD,
        f"<title>{title}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        draw_text(LEFT, 26, heading, "#111111"),
    ]


def height_of(milliseconds: float) -> float:
    """Where a time is drawn."""
    return BOTTOM - (BOTTOM - TOP) * log10(max(milliseconds, 1.0)) / log10(_DECADES[-1][0])


def draw_line(points: list[tuple[float, float]], colour: str, width: int) -> str:
    """A line through these points."""
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{text}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def draw_text(x: float, y: float, text: str, colour: str, anchor: str = "start") -> str:
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{text}</text>'
