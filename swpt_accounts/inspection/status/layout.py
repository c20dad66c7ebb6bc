"""What fits a terminal: the first of several layouts that is no higher than it."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment


class Fitting:
    """Shows the first layout that fits; if there is none, the last, and says that more is missing.

    Without a height, the first one fits.
    """

    def __init__(self, layouts: Iterable[RenderableType], height: int | None) -> None:
        self._layouts = layouts
        self._height = height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        options = options.update(height=None)
        lines: list[list[Segment]] = []
        for layout in self._layouts:
            lines = console.render_lines(layout, options, pad=False)
            if self._height is None or len(lines) <= self._height:
                break
        else:
            assert self._height is not None
            lines = lines[: self._height - 1]
            lines.append([Segment("… this terminal is too low for the rest")])
        for line in lines:
            yield from line
            yield Segment.line()
