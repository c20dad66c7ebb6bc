"""What is late, long or too much is the same for `status`, the alerts and the documents."""

import re

import pytest

from agentkit.processes import ROOT
from swpt_accounts.core.formatting import duration, number
from swpt_accounts.inspection.status import thresholds as t
from tests.support.prometheus import read_alerts

ALERTS = {
    "AccountsRequestsWait": t.LATE_SECONDS,
    "AccountsOutboxWaits": t.LATE_SECONDS,
    "AccountsRecipientsUnverified": t.UNVERIFIED_LATE_SECONDS,
    "AccountsMessagesPileUp": t.BACKLOG_COUNT,
    "AccountsTransactionOpen": t.OLD_TRANSACTION_SECONDS,
}


@pytest.mark.parametrize("name", ALERTS)
def test_alerts_have_the_same(name: str) -> None:
    (rule,) = [rule for rule in read_alerts() if rule["alert"] == name]
    assert float(re.findall(r"> (\d+)$", rule["expr"])[0]) == ALERTS[name]


def test_the_page_of_findings_has_the_same() -> None:
    text = (ROOT / "docs" / "how-to" / "see-what-is-wrong.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE))
    for seconds in (t.LATE_SECONDS, t.UNVERIFIED_LATE_SECONDS, t.VERY_LATE_SECONDS):
        assert duration(seconds) in rows["rows_late"]
    for code in ("rows_many", "queue_long"):
        assert number(t.BACKLOG_COUNT) in rows[code]
    assert duration(t.LONG_TRANSACTION_SECONDS) in rows["long_transaction"]
    assert f"{t.OVERDUE_RATIO:.0%}" in rows["scan_late"].replace(" %", "%")
