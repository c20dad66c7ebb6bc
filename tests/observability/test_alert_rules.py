"""The file of alerts: Prometheus' own tool runs its rules; each has its page."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentkit.processes import ROOT
from tests.observability.rule_cases import ALWAYS, CASES
from tests.support.prometheus import (
    ALERTS,
    CONFIGURATION,
    NEEDED,
    RULES_NAME,
    SERVER_ALERTS,
    promtool,
    read_alerts,
    read_rules,
)

RUNBOOKS = ROOT / "docs" / "runbooks"
FILES = (ALERTS, SERVER_ALERTS)
_SERIES = r"swpt_accounts_\w+"
# Answers and questions, messages that wait for a lock, processes, slots, and what a scan finds: its
# container may be gone, and AccountsScanStuck says so; AccountsServersUnwatched, of certificates.
COME_WITH_WHAT_THEY_COUNT = {
    *("fetch_api_answer_seconds_count", "fetch_api_answer_seconds_bucket"),
    *("fetch_api_question_seconds_count", "root_configs_not_fetched_total"),
    *("messages_held", "process_starts_total", "scan_late_seconds", "accounts"),
    *("debtors_near_limit", "certificate_end_timestamp_seconds"),
}
PARTS = ["Meaning", "Diagnosis", "Mitigation"]
ALL = read_alerts()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_operator_and_prometheus_alone_get_the_same(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["spec"] == read_rules(path)


@NEEDED
def test_files_are_valid(tmp_path: Path) -> None:
    for path in reversed(FILES):
        (tmp_path / RULES_NAME).write_text(yaml.safe_dump(read_rules(path)))
        promtool("check", "rules", tmp_path / RULES_NAME)
    shutil.copy(CONFIGURATION, tmp_path)
    promtool("check", "config", tmp_path / CONFIGURATION.name)


@NEEDED
def test_rules_fire_when_they_should(tmp_path: Path) -> None:
    """Texts are left out: templates of all of them are checked when rules are loaded."""
    groups: list[dict[str, Any]] = [g for path in FILES for g in read_rules(path)["groups"]]
    for group in groups:
        for rule in group["rules"]:
            del rule["annotations"]
    severities = {rule["alert"]: rule["labels"] for rule in ALL}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    tests = [
        {
            "name": f"{case.alert}, {case.name}",
            "interval": "1m",
            "input_series": [{"series": s, "values": v} for s, v in case.series.items()],
            "alert_rule_test": [
                {
                    "alertname": case.alert,
                    "eval_time": f"{case.minute}m",
                    "exp_alerts": [
                        {"exp_labels": {**labels, **severities[case.alert]}}
                        for labels in case.fires
                    ],
                }
            ],
        }
        for case in CASES
    ]
    file = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "tests.yaml").write_text(json.dumps(file))
    promtool("test", "rules", tmp_path / "tests.yaml")


def test_every_alert_has_cases_in_which_it_fires_and_does_not() -> None:
    names = {rule["alert"] for rule in ALL}
    assert {case.alert for case in CASES if case.fires} == names
    assert {case.alert for case in CASES if not case.fires} == names


def test_no_series_is_missed_in_silence() -> None:
    """Of those that alerts read: an alert fires without it, or it comes with what it counts."""
    read = {name for rule in read_alerts(ALERTS) for name in re.findall(_SERIES, rule["expr"])}
    guarded = {f"swpt_accounts_{name}" for name in ("live", "database_up", "broker_up", *ALWAYS)}
    guarded |= {"swpt_accounts_loops", "swpt_accounts_scan_last_pass_timestamp_seconds"}
    assert read - guarded == {f"swpt_accounts_{name}" for name in COME_WITH_WHAT_THEY_COUNT}


def test_names_are_unique() -> None:
    names = [rule["alert"] for rule in ALL]
    assert len(set(names)) == len(names)


def runbook_of(name: str) -> str:
    """The path that belongs to an alert."""
    words = re.findall("[A-Z][a-z]+", name.removeprefix("Accounts"))
    return f"docs/runbooks/{'-'.join(words).lower()}.md"


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule["alert"])
def test_alert_says_what_its_reader_needs(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert rule["annotations"]["runbook"] == runbook_of(rule["alert"])
    text = (ROOT / rule["annotations"]["runbook"]).read_text()
    assert text.startswith(f"# {rule['alert']}\n\n**{rule['labels']['severity']}**: ")
    assert " Escalation: " in " ".join(text.partition("\n## ")[0].split())
    assert re.findall("^## (.+)$", text, re.MULTILINE) == PARTS


def test_every_runbook_has_its_alert() -> None:
    pages = {f"docs/runbooks/{page.name}" for page in RUNBOOKS.glob("*.md")}
    assert pages - {"docs/runbooks/README.md"} == {rule["annotations"]["runbook"] for rule in ALL}
