"""What the engines share: seeds within a budget, the report, the shrinking."""

import sys
from argparse import Namespace
from pathlib import Path

import pytest

from agentkit.processes import run
from verification.kit import run as kit
from verification.kit.run import Report, Run
from verification.kit.shrinking import shrink


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kit, "FOLDER", tmp_path)
    return tmp_path


def make_run(**options: float) -> Run:
    return Run("chaos", Namespace(**{"seed": 7, "rounds": None, "minutes": None, **options}), 2)


def test_there_are_seeds_as_long_as_the_budget_lasts() -> None:
    assert list(make_run().seeds()) == [7, 8]
    assert list(make_run(rounds=4).seeds()) == [7, 8, 9, 10]
    assert list(make_run(rounds=4).seeds(share=0.5)) == [7, 8]
    assert list(make_run(minutes=1e-9).seeds()) == []


def test_report_is_kept_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    made = make_run()
    for _ in made.seeds():
        made.find("money is lost")
    made.close()
    kit.show([Report.load("chaos")])
    told = capsys.readouterr().out
    assert "engine  seeds  rounds  found  time   \nchaos   7-8    2       2      0.0 min" in told
    assert "chaos: money is lost" in told


def test_engine_without_a_report_is_a_defect() -> None:
    assert Report.load("chaos").found == ["the engine has ended without a report"]


@pytest.mark.parametrize("needed", [(), (2,), (0, 3), (1, 2), (0, 1, 2, 3, 4)])
def test_shrinking_finds_the_fewest(needed: tuple[int, ...]) -> None:
    left, tries_count = shrink(range(5), lambda part: set(needed) <= set(part), 50)
    assert (tuple(left), tries_count <= 50) == (needed, True)
    left, tries_count = shrink(range(5), lambda part: set(needed) <= set(part), 3)
    assert set(needed) <= set(left)
    assert tries_count <= 3


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--help"], 0, "crash_points"),
        (["chaos", "--list"], 0, "pg-crash"),
        (["simulation", "--plan", "--seed", "3"], 0, "seed 3, schedule 0"),
        (["nothing"], 2, "unknown engine: nothing"),
    ],
)
def test_command_line_needs_no_server(arguments: list[str], code: int, told: str) -> None:
    result = run([sys.executable, "-m", "verification", *arguments], {}, 60)
    assert result.returncode == code, result.stdout
    assert told in result.stdout
