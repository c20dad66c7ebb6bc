"""A private Prometheus with the project's alert rules, and less patience."""

import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from agentkit.processes import ROOT, free_port
from agentkit.waiting import wait_until

FOLDER = ROOT / "deploy" / "observability"
ALERTS, SERVER_ALERTS = FOLDER / "alerts.yaml", FOLDER / "server-alerts.yaml"
RULES_NAME = "rules.yaml"
CONFIGURATION = FOLDER / "prometheus.yml"
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
NEEDED = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None,
    reason="there is no Prometheus (a Debian package, with promtool) on this machine",
)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PERIOD = re.compile(r"([0-9]+)([smhd])")
_RANGE = re.compile(r"\[([0-9]+[smhd])\]")
_BYTES = re.compile(r"(_bytes\)? > )([0-9]{9,})")
_AGE = re.compile(r"(oldest\w*_seconds\b[^>]*> )([0-9]+)")
_FASTER = 15
_FOR_SECONDS_MAX = 4
_AGE_SECONDS_MAX = 3
_BYTES_MAX = 1 << 20
_STEP_SECONDS = 1
_WAIT_SECONDS = 120.0
_FIRING = 'ALERTS{alertstate="firing"}'

Alert = dict[str, Any]


def read_rules(path: Path = ALERTS) -> dict[str, Any]:
    """The file of rules, as it is made for a Prometheus without its operator."""
    (command,) = re.findall(rf"^#   (sed .*) > .*{RULES_NAME}$", path.read_text(), re.MULTILINE)
    text = subprocess.check_output(["sh", "-c", command], cwd=FOLDER)
    rules: dict[str, Any] = yaml.safe_load(text)
    return rules


def read_alerts(*paths: Path) -> list[Alert]:
    """All alerts of these files, or of both, in their order."""
    files = [read_rules(path) for path in paths or (ALERTS, SERVER_ALERTS)]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def promtool(*arguments: str | Path) -> None:
    """Run Prometheus' own tool, which has to be content."""
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *arguments], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _seconds(period: str) -> int:
    found = _PERIOD.fullmatch(period)
    assert found, period
    return int(found[1]) * _UNITS[found[2]]


def impatient(rules: dict[str, Any]) -> dict[str, Any]:
    """The same rules, with periods that are so many times shorter, ages among them, and with an
    eye for the smallest heaps of bytes.
    """
    groups = []
    for group in rules["groups"]:
        changed = []
        for rule in group["rules"]:
            expr = _RANGE.sub(lambda m: f"[{_seconds(m[1]) // _FASTER}s]", rule["expr"])
            expr = _BYTES.sub(lambda m: f"{m[1]}{_BYTES_MAX}", expr)
            expr = _AGE.sub(lambda m: f"{m[1]}{min(int(m[2]) // _FASTER, _AGE_SECONDS_MAX)}", expr)
            seconds = min(_seconds(rule.get("for", "0s")) // _FASTER, _FOR_SECONDS_MAX)
            changed.append({**rule, "expr": expr, "for": f"{seconds}s"})
        groups.append({**group, "rules": changed})
    return {"groups": groups}


class Prometheus:
    """Runs with the project's configuration, but for its addresses and its pace."""

    def __init__(
        self, folder: Path, targets: dict[str, list[int]], pace_seconds: int = _STEP_SECONDS
    ) -> None:
        """Scrape ports of this machine, by job."""
        assert PROMETHEUS is not None
        self._pace = f"{pace_seconds}s"
        (folder / RULES_NAME).write_text(yaml.safe_dump(impatient(read_rules())))
        self._path = folder / CONFIGURATION.name
        self._write(targets)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "prometheus.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    PROMETHEUS,
                    f"--config.file={self._path}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._is_up, what="Prometheus is up")

    def _write(self, targets: dict[str, list[int]]) -> None:
        configuration = yaml.safe_load(CONFIGURATION.read_text())
        configuration["global"] = {
            "scrape_interval": self._pace,
            "evaluation_interval": self._pace,
        }
        configuration["scrape_configs"] = [
            {
                "job_name": job,
                "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}],
            }
            for job, ports in targets.items()
        ]
        self._path.write_text(yaml.safe_dump(configuration))

    def scrape(self, targets: dict[str, list[int]]) -> None:
        """Scrape these from now on."""
        self._write(targets)
        self._process.send_signal(signal.SIGHUP)

    def _is_up(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            return requests.get(f"{self.url}/-/ready", timeout=30).status_code == 200
        except requests.ConnectionError:
            return False

    def query(self, expr: str) -> list[tuple[dict[str, str], float]]:
        """The series of an expression, with their values."""
        answer = requests.get(f"{self.url}/api/v1/query", {"query": expr}, timeout=30).json()
        assert answer["status"] == "success", answer
        found = answer["data"]["result"]
        return [(series["metric"], float(series["value"][1])) for series in found]

    def firing(self) -> list[dict[str, str]]:
        """The labels of the alerts that fire."""
        answer = requests.get(f"{self.url}/api/v1/alerts", timeout=30).json()
        alerts = answer["data"]["alerts"]
        return [alert["labels"] for alert in alerts if alert["state"] == "firing"]

    def fired(self) -> list[dict[str, str]]:
        """The labels of the alerts that fire, or have fired since the start."""
        return [labels for labels, _ in self.query(f"max_over_time({_FIRING}[1h])")]

    def await_alerts(self, wanted: dict[str, dict[str, str]], go_on: Callable[[], None]) -> None:
        """Wait until each of these alerts has fired with these labels. `go_on` is called too."""
        missing = dict(wanted)

        def have_fired() -> bool:
            go_on()
            for labels in self.fired():
                expected = missing.get(labels["alertname"])
                if expected is not None and expected.items() <= labels.items():
                    del missing[labels["alertname"]]
            return not missing

        wait_until(have_fired, _WAIT_SECONDS, what=missing)

    def close(self) -> None:
        """Stop."""
        self._process.terminate()
        self._process.wait(30)
