"""The file of alerts: Prometheus' own tool runs its rules; each has its page."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentkit.processes import ROOT
from tests.observability.rule_cases import CASES
from tests.support.prometheus import (
    ALERTS,
    CONFIGURATION,
    NEEDED,
    RULES_NAME,
    promtool,
    read_alerts,
    read_rules,
)

RUNBOOKS = ROOT / "docs" / "runbooks"
PARTS = ["Meaning", "Diagnosis", "Mitigation"]
ALL = read_alerts()


def test_the_operator_and_prometheus_alone_get_the_same() -> None:
    assert yaml.safe_load(ALERTS.read_text())["spec"] == read_rules()


@NEEDED
def test_files_are_valid(tmp_path: Path) -> None:
    (tmp_path / RULES_NAME).write_text(yaml.safe_dump(read_rules()))
    promtool("check", "rules", tmp_path / RULES_NAME)
    shutil.copy(CONFIGURATION, tmp_path)
    promtool("check", "config", tmp_path / CONFIGURATION.name)


@NEEDED
def test_rules_fire_when_they_should(tmp_path: Path) -> None:
    """Texts are left out: templates of all of them are checked when rules are loaded."""
    groups: list[dict[str, Any]] = read_rules()["groups"]
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
