"""Charts as SVG, by matplotlib: the same picture from the same numbers, to the last byte."""

import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

INCHES = (8.4, 3.8)
_HEADROOM = 1.1
COLORS = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9",
    "#cc79a7", "#f0e442", "#7f7f7f", "#000000", "#8c564b",
)  # fmt: skip
"""They can be told apart by people who do not see all colors."""

_STYLE: Any = {
    "svg.hashsalt": "swpt_accounts",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLORS),
    "grid.color": "#dddddd",
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
# Without the date and the version of matplotlib.
_METADATA = {"Date": None, "Creator": None}

Draw = Callable[[Axes], None]


def draw(title: str, x_label: str, y_label: str, content: Draw) -> str:
    """A chart whose content is drawn by a function. What matplotlibrc says does not matter."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=INCHES)
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.set(title=title, xlabel=x_label, ylabel=y_label)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        content(axes)
        axes.set_ylim(0, _HEADROOM * axes.dataLim.y1)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata=_METADATA)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"
