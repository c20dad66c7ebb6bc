"""What processes record, one after the other and side by side, is added up once."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from agentkit.processes import ROOT
from swpt_accounts.observability.metrics import recorder
from swpt_accounts.observability.metrics.definitions import CHORES, PREFIX
from swpt_accounts.observability.metrics.recorder import BoundedLabel

PROCESS = """
import sys
from swpt_accounts.observability.metrics import recorder
from swpt_accounts.observability.metrics.definitions import *
recorder.configure(sys.argv[1], "scan_accounts", has_metrics=True)
recorder.start()
recorder.count(CHORES, 2, "done")
recorder.observe(CREDIT_SECONDS, 0.3, count=10)
recorder.observe(CREDIT_SECONDS, 0.3)
recorder.observe(CREDIT_SECONDS, 0.25, count=2)
recorder.observe(CREDIT_SECONDS, 9999, count=3)
recorder.set_value(MESSAGES_HELD, 5, "lock")
recorder.set_value(ACCOUNTS, float(sys.argv[2]), "normal")
print("ready", flush=True)
sys.stdin.read()
"""


class Recorder:
    """A process that has recorded something, and goes on living."""

    def __init__(self, state_dir: Path, accounts_count: int = 7) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(state_dir), str(accounts_count)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.lines = []
        while (line := self.process.stdout.readline()) not in ("ready\n", ""):
            self.lines.append(line)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def value(state_dir: Path, name: str, **labels: str) -> float | None:
    files = [str(path) for path in (state_dir / "metrics").glob("*.db")]
    merge: Any = MultiProcessCollector.merge
    for family in merge(files):
        for sample in family.samples:
            if sample.name == PREFIX + name and sample.labels == labels:
                return float(sample.value)
    return None


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_processes_one_after_the_other_count_once(state_dir: Path) -> None:
    files: list[int] = []
    for number in range(1, 4):
        recorder = Recorder(state_dir, number)
        assert value(state_dir, "chores_total", outcome="done") == 2 * number
        recorder.kill()
        assert value(state_dir, "chores_total", outcome="done") == 2 * number
        assert value(state_dir, "process_starts_total", command="scan_accounts") == number
        assert value(state_dir, "accounts", state="normal") == number
        files.append(len(list((state_dir / "metrics").iterdir())))
    assert len(set(files)) == 1


def test_processes_side_by_side_are_added_up(state_dir: Path) -> None:
    recorders = [Recorder(state_dir) for _ in range(2)]
    assert value(state_dir, "chores_total", outcome="done") == 4
    assert value(state_dir, "messages_held", **{"for": "lock"}) == 10
    for started in recorders:
        started.kill()


def test_many_equal_values_are_in_their_bucket(state_dir: Path) -> None:
    Recorder(state_dir).kill()
    found = {
        bound: value(state_dir, "credit_seconds_bucket", le=bound)
        for bound in ("0.1", "0.25", "0.5", "7200.0", "+Inf")
    }
    assert found == {"0.1": 0, "0.25": 2, "0.5": 13, "7200.0": 13, "+Inf": 16}
    assert value(state_dir, "credit_seconds_count") == 16
    assert value(state_dir, "credit_seconds_sum") == pytest.approx(11 * 0.3 + 0.5 + 3 * 9999)


def test_a_damaged_file_is_begun_anew(state_dir: Path) -> None:
    Recorder(state_dir).kill()
    (state_dir / "metrics" / "counter_0.db").write_bytes(b"\xff\xff\xff\x7f" + b"x" * 5000)
    recorder = Recorder(state_dir)
    assert "replaced damaged metrics file" in "".join(recorder.lines)
    assert value(state_dir, "chores_total", outcome="done") == 2
    recorder.kill()


def test_where_nothing_can_be_written_the_work_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(recorder, "_configured", None)
    recorder.start()
    recorder.configure(str(tmp_path / "file"), "scan_accounts", has_metrics=True)
    recorder.start()
    assert "cannot record metrics and heartbeats: STATE_DIR" in caplog.text
    recorder.count(CHORES, 1, "done")
    recorder.begin_loop("loop")
    recorder.end_loop()
    recorder.report_healthy()
    assert not recorder.is_on()


def test_labels_that_others_choose_are_few() -> None:
    label = BoundedLabel(2)
    assert [label.value(text) for text in ("a", "b", "c", "a", "d")] == [
        *("a", "b", "other", "a", "other")
    ]
