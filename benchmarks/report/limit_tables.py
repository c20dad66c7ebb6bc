"""The tables of what the machine does without an authority, and of what that says of one."""

from benchmarks.report.figures import Results, limit, text_of
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
