"""The flow of the messages, now and in the last hour."""

from typing import Final

from flask import Blueprint, render_template

from swpt_accounts.console.charts import (
    Chart,
    age_series,
    chart,
    flow,
    rate,
    rate_series,
    recent,
    stay_series,
    waiting_series,
)
from swpt_accounts.console.context import here
from swpt_accounts.console.sampler import Sample
from swpt_accounts.db.backlog import OUTBOXES, QUEUES

flow_pages = Blueprint("flow", __name__)

_QUEUES: Final = list(QUEUES)
_OUTBOXES: Final = list(OUTBOXES)
_DATED: Final = [*QUEUES, *OUTBOXES]


@flow_pages.get("/")
def index() -> str:
    samples = here().sampler.fresh()
    boxes = flow(samples)
    some = recent(samples)
    return render_template(
        "flow.html",
        report=here().status_poller.report(),
        boxes=boxes,
        prepared=rate(some, ["prepared_transfer"]),
        accounts=rate(some, ["account"]),
        at=samples[-1].moment,
        has_rates=len(some) > 1,
    )


@flow_pages.get("/last-hour")
def last_hour() -> str:
    samples = here().sampler.fresh()
    return render_template("last_hour.html", charts=_charts(samples), at=samples[-1].moment)


def _charts(samples: list[Sample]) -> list[tuple[str, list[Chart]]]:
    def of(title: str, names: list[str], kind: str = "came") -> Chart:
        return chart(title, "per second", rate_series(samples, names, kind))

    throughput = [
        of("Transfers prepared", ["prepared_transfer"]),
        of("Transfers finalized", ["prepared_transfer"], "gone"),
        of("Balance changes applied", ["pending_balance_change"], "gone"),
        of("Messages sent", _OUTBOXES, "gone"),
    ]
    latency = [
        chart("Oldest row waiting", "seconds", age_series(samples, _DATED)),
        chart("Mean wait in the queues", "seconds", stay_series(samples, _QUEUES)),
        chart("Mean wait in the outboxes", "seconds", stay_series(samples, _OUTBOXES)),
        chart("Rows waiting", "rows", waiting_series(samples, [*_QUEUES, *_OUTBOXES])),
    ]
    return [("Throughput", throughput), ("Latency", latency)]
