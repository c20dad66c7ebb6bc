"""The tables of what the machine does without an authority, and of what that says of one."""

from benchmarks.report.figures import Results, figure, latency, limit, text_of
from benchmarks.report.markdown import table

_LIMITS = (
    ("publish_window", "persistent messages published into a quorum queue, confirms together", 0),
    ("publish_single", "… each confirm awaited", 0),
    ("consume_multiple", "messages consumed, acknowledged together", 0),
    ("consume_single", "… each alone", 0),
    ("broker_publish_us", "CPU µs of the broker for a published message", 0),
    ("broker_consume_us", "… for a consumed message", 0),
    ("commits", "transactions that insert one row", 0),
    ("insert_rows", "rows inserted, a thousand in a transaction", 0),
    ("delete_rows", "rows deleted, a thousand in a transaction", 0),
    ("broker_transfer_ms", "CPU ms of the broker for the six messages of a transfer alone", 2),
)


def raw_limits(results: Results) -> str:
    """What the servers do by themselves."""
    rows = [(text, text_of(limit(results, name), digits)) for name, text, digits in _LIMITS]
    return table(("raw limit", "a second"), rows)


def ratios(results: Results) -> str:
    """What an authority does, in times of that."""
    rows = []
    floor = limit(results, "broker_transfer_ms").median
    burst = figure(results, "burst", "per_second")
    cost = figure(results, "burst", "cpu_ms_total")
    lone = latency(results, "lone", "credited")
    opening = figure(results, "opening", "per_second")
    publish, commits = limit(results, "publish_window").median, limit(results, "commits").median
    round_trip_ms = 1000 / limit(results, "publish_single").median + 1000 / commits
    if burst:
        rows.append(("published messages in the time of a transfer", publish / burst.median))
        rows.append(("transfers in the time of a commit of one row", burst.median / commits))
    if cost:
        rows.append(
            (
                "CPU time of a transfer, in times of what its messages alone cost the broker",
                cost.median / floor,
            )
        )
    if lone:
        trips = 1000 * lone.percentile(50) / round_trip_ms
        rows.append(("a lone transfer, in times of one confirmed message and one commit", trips))
    if opening:
        rows.append(
            ("accounts opened in the time of a commit of one row", opening.median / commits)
        )
    return table(("ratio", ""), [(text, f"{value:.2f}") for text, value in rows])
