"""What one can ask ./dev and the commands for, without settings, servers, or an installation."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = re.findall(r"^cmd_(\w+)\(\)", (ROOT / "dev").read_text(encoding="utf-8"), re.MULTILINE)
NO_SETTINGS = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=NO_SETTINGS, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which nothing has been installed."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "dev", folder)
    shutil.copy(ROOT / "development.env", folder)
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    return folder


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"]])
def test_everyday_commands_fit_on_a_small_screen(checkout: Path, arguments: list[str]) -> None:
    shown = run(checkout, "./dev", *arguments)

    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("Usage: ./dev COMMAND")
    assert len({line.split()[0] for line in lines[1:]}) <= 11  # ten, and "more"


def test_every_command_is_listed_once(checkout: Path) -> None:
    texts = [run(checkout, "./dev", *arguments).stdout for arguments in ([], ["more"])]
    names = [set(re.findall(r"^  ([a-z][\w-]+)", text, re.MULTILINE)) for text in texts]

    assert names[0].isdisjoint(names[1])
    assert names[0] | names[1] == {name.replace("_", "-") for name in COMMANDS}


def test_every_command_has_help_that_installs_nothing(checkout: Path) -> None:
    for name in COMMANDS:
        shown = run(checkout, "./dev", name.replace("_", "-"), "--help")
        assert shown.returncode == 0, (name, shown.stderr)
        assert shown.stdout.startswith(f"./dev {name.replace('_', '-')}")
    assert {path.name for path in checkout.iterdir()} == {"dev", "development.env", "scripts"}


def test_the_help_of_the_demo_shows_its_options(checkout: Path) -> None:
    assert "--transfers N" in run(checkout, "./dev", "demo", "--help").stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("up --nope", "up: unknown argument: --nope"),
        ("demo --transfers 0", "argument --transfers: it must be from 1 to 10000"),
        ("demo --console --nope", "unrecognized arguments: --nope"),
        ("network --nope", "unrecognized arguments: --nope"),
        ("services nope", "services: unknown argument: nope"),
        ("lint here", "lint: unknown argument: here"),
        ("nope", "unknown command: nope"),
    ],
)
def test_wrong_arguments_are_noticed_before_anything_starts(
    checkout: Path, command: str, said: str
) -> None:
    found = run(checkout, "./dev", *command.split())

    assert found.returncode != 0
    assert said in found.stderr
    assert not (checkout / ".venv").exists()
    assert not list(checkout.glob("var/services/*/*"))


def test_help_of_flask_needs_no_setting() -> None:
    flask = [sys.executable, "-m", "flask"]
    shown = run(ROOT, *flask, "swpt_accounts", "trace", "transfer", "--help")

    assert shown.returncode == 0, shown.stderr
    assert "Usage: swpt_accounts trace transfer" in shown.stdout
