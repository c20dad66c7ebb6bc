"""Writes the dashboard.

python -m scripts.dashboard > deploy/observability/dashboard.json
"""

import sys
from itertools import count
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

from scripts.dashboard.queries import Panel
from scripts.dashboard.rows import ROWS
from swpt_accounts.observability.metrics.definitions import LIVE

_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
_WIDTH: Final = 12
_HEIGHT: Final = 8


def _make_panel(panel: Panel) -> timeseries.Panel:
    made = timeseries.Panel().title(panel.title).description(panel.text).unit(panel.unit)
    made = made.datasource(_SOURCE).span(_WIDTH).height(_HEIGHT).min(0).fill_opacity(10)
    for name, query in zip(ascii_uppercase, panel.queries, strict=False):
        target = prometheus.Dataquery().ref_id(name).expr(query.expr)
        made = made.with_target(target.legend_format(query.legend))
    return made


def render_dashboard() -> str:
    """Return the dashboard, as JSON."""
    shards = build.QueryVariable("job").label("shard").datasource(_SOURCE)
    made = (
        build.Dashboard("Swaptacular accounts")
        .uid("swpt-accounts")
        .tags(["swpt_accounts"])
        .refresh("30s")
        .time("now-1h", "now")
        .readonly()
        .with_variable(build.DatasourceVariable("datasource").type("prometheus"))
        .with_variable(
            shards.query(f"label_values({LIVE.full_name}, job)")
            .multi(True)
            .include_all(True)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        )
    )
    numbers = count(1)
    for title, panels in ROWS.items():
        made = made.with_row(build.Row(title).id(next(numbers)))
        for panel in panels:
            made = made.with_panel(_make_panel(panel).id(next(numbers)))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render_dashboard())
