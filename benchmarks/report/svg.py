"""Draws charts as SVG: axes, lines, bars, and a legend."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 44, 52
COLORS = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9",
    "#cc79a7", "#f0e442", "#7f7f7f", "#000000", "#8c564b",
)  # fmt: skip
"""They can be told apart by people who do not see all colors."""
_FONT = 'font-family="sans-serif" font-size="11"'


@dataclass(frozen=True)
class Axis:
    """From values to a place on the page."""

    start: float
    end: float
    is_logarithmic: bool = False

    def place(self, value: float) -> float:
        """0 for the start, 1 for the end."""
        if self.is_logarithmic:
            return math.log(value / self.start) / math.log(self.end / self.start)
        return (value - self.start) / (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values between start and end."""
        if self.is_logarithmic:
            first, last = math.floor(math.log10(self.start)), math.ceil(math.log10(self.end))
            values = [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5)]
        else:
            step = _round_step((self.end - self.start) / 6)
            first, last = math.ceil(self.start / step), math.floor(self.end / step)
            values = [n * step for n in range(first, last + 1)]
        return [v for v in values if self.start * 0.999 <= v <= self.end * 1.001]


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step)


@dataclass
class Chart:
    """A chart that is being drawn."""

    title: str
    x_label: str
    y_label: str
    x: Axis
    y: Axis
    _parts: list[str] = field(default_factory=list)
    _legend: list[tuple[str, str]] = field(default_factory=list)

    def _x(self, value: float) -> float:
        return LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - self.y.place(value) * (HEIGHT - TOP - BOTTOM)

    def _name(self, name: str, color: str) -> None:
        if name and (name, color) not in self._legend:
            self._legend.append((name, color))

    def line(self, name: str, color: str, points: Sequence[tuple[float, float]]) -> None:
        """A line through points."""
        self._name(name, color)
        places = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in points)
        self._parts.append(
            f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="1.5"/>'
        )

    def bar(self, name: str, color: str, x: tuple[float, float], y: tuple[float, float]) -> None:
        """A rectangle between two values of each axis."""
        self._name(name, color)
        left, right = self._x(x[0]), self._x(x[1])
        bottom, top = self._y(y[0]), self._y(y[1])
        self._parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}"'
            f' height="{bottom - top:.1f}" fill="{color}" fill-opacity="0.75"/>'
        )

    def upright(self, text: str, color: str, x: float) -> None:
        """A dashed line at a value of the x axis, with a word at its top."""
        place = self._x(x)
        self._parts.append(
            f'<line x1="{place:.1f}" y1="{TOP}" x2="{place:.1f}" y2="{HEIGHT - BOTTOM}"'
            f' stroke="{color}" stroke-dasharray="4 3"/>'
        )
        self._parts.append(_text(place + 3, TOP + 10, text, color=color))

    def word(self, x: float, y: float, text: str) -> None:
        """A word above a place."""
        self._parts.append(_text(self._x(x), self._y(y) - 5, text, anchor="middle"))

    def under(self, x: float, text: str) -> None:
        """A word below a value of the x axis."""
        self._parts.append(_text(self._x(x), HEIGHT - BOTTOM + 15, text, anchor="middle"))

    def svg(self, *, has_x_ticks: bool = True) -> str:
        """The picture."""
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {_FONT}>',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            _text(LEFT, 18, self.title, size=14),
            *self._grid(has_x_ticks),
            *self._parts,
            *self._legend_parts(),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _grid(self, has_x_ticks: bool) -> list[str]:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        parts = []
        for value in self.y.ticks():
            y = self._y(value)
            parts.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#dddddd"/>')
            parts.append(_text(LEFT - 6, y + 4, f"{value:,g}", anchor="end"))
        for value in self.x.ticks() if has_x_ticks else ():
            x = self._x(value)
            parts.append(f'<path d="M{x:.1f} {bottom}v4" stroke="#444444"/>')
            parts.append(_text(x, bottom + 16, f"{value:,g}", anchor="middle"))
        parts.append(f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#444444"/>')
        parts.append(_text((LEFT + right) / 2, HEIGHT - 14, self.x_label, anchor="middle"))
        parts.append(_text(LEFT, 36, self.y_label))
        return parts

    def _legend_parts(self) -> list[str]:
        parts = []
        x = float(WIDTH - RIGHT)
        for name, color in reversed(self._legend):
            x -= 22 + 6.8 * len(name)
            parts.append(f'<rect x="{x:.1f}" y="27" width="10" height="10" fill="{color}"/>')
            parts.append(_text(x + 14, 36, name))
        return parts


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", color: str = "#222222", size: int = 11
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}"'
        f' font-size="{size}">{escape(text)}</text>'
    )
