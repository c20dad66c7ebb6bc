"""Writes the alerts as a resource of the Prometheus operator.

python -m scripts.prometheus_rule > deploy/observability/prometheus-rule.yaml
"""

import sys
from pathlib import Path
from textwrap import indent
from typing import Final

ALERTS: Final = Path(__file__).parents[1] / "deploy" / "observability" / "alerts.yaml"
_HEAD: Final = """\
# Made of alerts.yaml by `python -m scripts.prometheus_rule`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: accounts
spec:
"""


def render_rule() -> str:
    """Return the PrometheusRule: the same text, further to the right."""
    _, begin, rules = ALERTS.read_text("utf-8").partition("groups:\n")
    return _HEAD + indent(begin + rules, "  ")


if __name__ == "__main__":
    sys.stdout.write(render_rule())
