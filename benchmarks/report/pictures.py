"""The pictures of the page."""

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from benchmarks.agents.play import INTERVAL_SECONDS
from benchmarks.histogram import Histogram
from benchmarks.report.figures import Results, latency, runs_of
from benchmarks.report.plotting import COLORS, draw
from benchmarks.spread import spread
from benchmarks.usage import BROKER, DRIVER, POSTGRES

_BARS_PER_DECADE = 40
_SMOOTHED_INTERVALS = 5
_LARGEST_COUNT = 4
_COST_SCENARIOS = ("burst", "to_one", "from_one", "zipf")
_STAGES = ("preparing stage", "finalizing stage", "balance changes stage")
_GROUPS = {
    "broker": (BROKER,),
    "PostgreSQL": (POSTGRES,),
    "flusher": ("flusher",),
    "consumer": ("consumer",),
    "stages": _STAGES,
    "scans, chores, web": ("scans", "chores", "web"),
    DRIVER: (DRIVER,),
}


def pictures(results: Results) -> dict[str, str]:
    """The SVG of each picture that the results allow, by the name of its file."""
    drawn = {
        "latency.svg": _latency(results),
        "throughput.svg": _throughput(results),
        "cost.svg": _cost(results),
        "held.svg": _held(results),
        "memory.svg": _memory(results),
    }
    return {name: picture for name, picture in drawn.items() if picture is not None}


def _latency(results: Results) -> str | None:
    found = {name: latency(results, "lone", name) for name in ("prepared", "credited")}
    histograms = {name: h for name, h in found.items() if h is not None and h.count}
    if not histograms:
        return None

    def content(axes: Axes) -> None:
        axes.set_xscale("log")
        for (name, histogram), color in zip(histograms.items(), COLORS, strict=False):
            _bars(axes, name, color, histogram)
            for percent in (50, 99):
                ms = 1000 * histogram.percentile(percent)
                axes.axvline(ms, color=color, linestyle="--", linewidth=1)
                axes.annotate(
                    f"p{percent}",
                    (ms, 0.97),
                    xycoords=("data", "axes fraction"),
                    xytext=(3, 0),
                    textcoords="offset points",
                    color=color,
                )
        for axis_part in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            axis_part(FuncFormatter(_few_ticks))

    title = "How long a lone transfer takes, since its request was due"
    return draw(title, "milliseconds", "percent of the transfers", content)


def _few_ticks(value: float, _position: int | None) -> str:
    """A label for 1, 2 and 5, and their tenfolds, of a logarithmic axis."""
    text = f"{value:g}"
    return text if text.strip("0.") in ("1", "2", "5") else ""


def _bars(axes: Axes, name: str, color: str, histogram: Histogram) -> None:
    times = [(1000 * seconds, count) for seconds, count in histogram.times()]
    shares = [100 * count / histogram.count for _, count in times]
    edges = [
        10 ** (n / _BARS_PER_DECADE) for n in range(-2 * _BARS_PER_DECADE, 5 * _BARS_PER_DECADE)
    ]
    kept = [e for e in edges if times[0][0] / 1.2 <= e <= times[-1][0] * 1.2]
    axes.hist([ms for ms, _ in times], kept, weights=shares, color=color, alpha=0.75, label=name)


def _throughput(results: Results) -> str | None:
    runs = runs_of(results, "burst")
    if not runs:
        return None

    def content(axes: Axes) -> None:
        for number, run in enumerate(runs, start=1):
            axes.plot(*zip(*_smoothed(run["completions"]), strict=True), label=f"run {number}")
        axes.set_xlim(left=0)

    title = "A burst of transfers: recipients credited"
    return draw(title, "seconds since the first request", "a second", content)


def _smoothed(completions: list[int]) -> list[tuple[float, float]]:
    """The middle of each half second, and the completions a second in it."""
    seconds = _SMOOTHED_INTERVALS * INTERVAL_SECONDS
    return [
        (
            (i / _SMOOTHED_INTERVALS + 0.5) * seconds,
            sum(completions[i : i + _SMOOTHED_INTERVALS]) / seconds,
        )
        for i in range(0, len(completions), _SMOOTHED_INTERVALS)
    ]


def _cost(results: Results) -> str | None:
    costs = {
        name: {group: _group_ms(runs, roles) for group, roles in _GROUPS.items()}
        for name in _COST_SCENARIOS
        if (runs := runs_of(results, name))
    }
    if not costs:
        return None

    def content(axes: Axes) -> None:
        bottoms = dict.fromkeys(costs, 0.0)
        for group in _GROUPS:
            heights = [cost[group] for cost in costs.values()]
            axes.bar(list(costs), heights, 0.6, bottom=list(bottoms.values()), label=group)
            bottoms = {name: bottoms[name] + cost[group] for name, cost in costs.items()}
        for number, (name, cost) in enumerate(costs.items()):
            total = sum(ms for group, ms in cost.items() if group != DRIVER)
            axes.annotate(
                f"{total:.2f}",
                (number, bottoms[name]),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
            )

    title = "CPU time of a transfer, by role, and together without the driver"
    return draw(title, "", "milliseconds", content)


def _group_ms(runs: list[Results], roles: tuple[str, ...]) -> float:
    return spread([sum(run["cpu_ms"][role] for role in roles) for run in runs]).median


def _held(results: Results) -> str | None:
    runs = runs_of(results, "held")
    if not runs:
        return None

    def content(axes: Axes) -> None:
        for name, key in (("without", "free"), ("beside it", "beside")):
            timeline = runs[0][key]["timeline"]
            axes.plot(
                [point["seconds"] for point in timeline],
                [point["per_second"] for point in timeline],
                label=name,
            )
        axes.set_xlim(left=0)

    title = "The same load without, and beside, a transaction that is held open"
    return draw(title, "seconds since it was opened", "transfers a second", content)


def _memory(results: Results) -> str | None:
    runs = runs_of(results, "memory")
    if not runs:
        return None
    timeline = runs[0]["timeline"]
    at_end: dict[str, float] = timeline[-1]["resident"]
    largest = sorted(at_end, key=lambda name: -at_end[name])[:_LARGEST_COUNT]

    def content(axes: Axes) -> None:
        seconds = [point["seconds"] for point in timeline]
        for name in largest:
            axes.plot(seconds, [point["resident"][name] for point in timeline], label=name)
        axes.set_xlim(left=0)

    return draw(
        "Memory under the highest load: the largest processes", "seconds", "MiB resident", content
    )
