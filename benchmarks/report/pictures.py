"""The pictures of the page."""

from benchmarks.agents.play import INTERVAL_SECONDS
from benchmarks.histogram import Histogram, bucket_end
from benchmarks.report.figures import Results, latency, runs_of
from benchmarks.report.svg import COLORS, Axis, Chart
from benchmarks.spread import spread
from benchmarks.usage import BROKER, DRIVER, POSTGRES

_MERGED_BUCKETS = 5
_SMOOTHED_INTERVALS = 5
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
    shares = {name: _merged(h) for name, h in histograms.items()}
    ends = [end for bars in shares.values() for end in bars]
    highest = max(share for bars in shares.values() for share in bars.values())
    width = 10 ** (_MERGED_BUCKETS / 100)
    chart = Chart(
        "How long a lone transfer takes, since its request was due",
        "milliseconds",
        "percent of the transfers",
        Axis(min(ends) / width / 1.1, max(ends) * 1.1, is_logarithmic=True),
        Axis(0, highest * 1.1),
    )
    for (name, bars), color in zip(shares.items(), COLORS, strict=False):
        for end, share in bars.items():
            chart.bar(name, color, (end / width, end), (0, share))
        for percent in (50, 99):
            value = 1000 * histograms[name].percentile(percent)
            chart.upright(f"p{percent}", color, value)
    return chart.svg()


def _merged(histogram: Histogram) -> dict[float, float]:
    """By the end of a group of buckets, in milliseconds: the percent of all times in it."""
    groups: dict[int, int] = {}
    for bucket, count in histogram.counts.items():
        groups[bucket // _MERGED_BUCKETS] = groups.get(bucket // _MERGED_BUCKETS, 0) + count
    return {
        1000 * bucket_end(group * _MERGED_BUCKETS + _MERGED_BUCKETS - 1): 100
        * count
        / histogram.count
        for group, count in sorted(groups.items())
    }


def _throughput(results: Results) -> str | None:
    runs = runs_of(results, "burst")
    if not runs:
        return None
    lines = [_smoothed(run["completions"]) for run in runs]
    chart = Chart(
        "A burst of transfers: recipients credited",
        "seconds since the first request",
        "a second",
        Axis(0, max(line[-1][0] for line in lines)),
        Axis(0, 1.1 * max(y for line in lines for _, y in line)),
    )
    for number, (line, color) in enumerate(zip(lines, COLORS, strict=False), start=1):
        chart.line(f"run {number}", color, line)
    return chart.svg()


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
    chart = Chart(
        "CPU time of a transfer, by role",
        "",
        "milliseconds",
        Axis(0, len(costs)),
        Axis(0, 1.15 * max(sum(cost.values()) for cost in costs.values())),
    )
    for number, (name, cost) in enumerate(costs.items()):
        bottom = 0.0
        for (group, ms), color in zip(cost.items(), COLORS, strict=False):
            chart.bar(group, color, (number + 0.2, number + 0.8), (bottom, bottom + ms))
            bottom += ms
        total = sum(ms for group, ms in cost.items() if group != DRIVER)
        chart.word(number + 0.5, bottom, f"{total:.2f} without the driver")
        chart.under(number + 0.5, name)
    return chart.svg(has_x_ticks=False)


def _group_ms(runs: list[Results], roles: tuple[str, ...]) -> float:
    return spread([sum(run["cpu_ms"][role] for role in roles) for run in runs]).median


def _held(results: Results) -> str | None:
    runs = runs_of(results, "held")
    if not runs:
        return None
    lines = {
        name: [(point["seconds"], point["per_second"]) for point in runs[0][key]["timeline"]]
        for name, key in (("without", "free"), ("beside it", "beside"))
    }
    chart = Chart(
        "The same load without, and beside, a transaction that is held open",
        "seconds since it was opened",
        "transfers a second",
        Axis(0, max(line[-1][0] for line in lines.values())),
        Axis(0, 1.1 * max(y for line in lines.values() for _, y in line)),
    )
    for (name, line), color in zip(lines.items(), COLORS, strict=False):
        chart.line(name, color, line)
    return chart.svg()


def _memory(results: Results) -> str | None:
    runs = runs_of(results, "memory")
    if not runs:
        return None
    timeline = runs[0]["timeline"]
    highest = max(size for point in timeline for size in point["resident"].values())
    chart = Chart(
        "Memory under the highest load",
        "seconds",
        "MiB resident",
        Axis(0, timeline[-1]["seconds"]),
        Axis(0, 1.1 * highest),
    )
    shown = ("consume_messages", "flush_messages", "process_finalization_requests", "webserver 1")
    for name, color in zip(shown, COLORS, strict=False):
        chart.line(name, color, [(p["seconds"], p["resident"][name]) for p in timeline])
    return chart.svg()
