"""The dashboard has every metric; what it and the alerts ask for exists."""

import json
from pathlib import Path
from typing import Any

import yaml

from swpt_accounts.observability.metrics.definitions import METRICS
from tests.observability.promql import check_labels, metrics_of
from tests.support.prometheus import ALERTS as ALERT_RULES
from tests.support.prometheus import FOLDER, NEEDED, promtool, read_alerts

DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRS = [target["expr"] for panel in PANELS for target in panel["targets"]]
ALERTS = [rule["expr"] for rule in read_alerts(ALERT_RULES)]


def test_every_metric_is_on_it() -> None:
    shown = {metric.name for expr in EXPRS for metric in metrics_of(expr)}
    assert shown == {metric.name for metric in METRICS}


def test_what_is_asked_for_exists() -> None:
    for expr in [*EXPRS, *ALERTS]:
        assert metrics_of(expr) or expr.startswith("up{")
        check_labels(expr)


@NEEDED
def test_prometheus_understands_it(tmp_path: Path) -> None:
    rules = [
        {"record": f"x{n}", "expr": expr.replace("$__rate_interval", "5m")}
        for n, expr in enumerate(EXPRS)
    ]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", path)
