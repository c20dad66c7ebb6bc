"""`./dev network`: a network on this machine, of which nothing is left in the end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from agentkit.management import Management
from agentkit.processes import ROOT
from scripts.demo_agents.steps import HOPS
from scripts.demo_network import page
from tests.support.real import needs_real

SECONDS_MAX = 220
COMMAND = ["./dev", "network", "--transfers", "4", "--timeout", "60"]


def test_what_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    """Also by a Python that has no packages, before anything is installed."""
    bare = tmp_path / "python3"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n', "utf-8")
    bare.chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if k != "SWPT_REAL"}
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    done = subprocess.run(
        COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "swpt_ca_scripts at f66cfb9 and swpt_stomp at 50f80ca" in line
    assert "SWPT_REAL=FOLDER ./dev network" in line


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Whatever it starts can be recognised by this folder for temporary files."""
    return {**os.environ, "TMPDIR": str(tmp_path), "NODE_KEY_BITS": "2048"}


@pytest.fixture
def is_clean(management: Management, tmp_path: Path) -> Iterator[None]:
    """Nothing is there in the end that was not there before."""

    def vhosts() -> set[str]:
        found = {item["name"] for item in management.request("GET", "vhosts")}
        return {name for name in found if name.startswith("network_")}

    before = vhosts()
    yield
    assert vhosts() == before
    assert list(tmp_path.iterdir()) == []
    mark = f"TMPDIR={tmp_path}".encode()
    processes = [p.parent for p in Path("/proc").glob("[0-9]*/environ") if mark in _bytes(p)]
    assert [_bytes(p / "cmdline") for p in processes] == []


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or belongs to somebody else
        return b""


@needs_real
@pytest.mark.usefixtures("is_clean")
def test_currency_lives_and_nodes_come_and_go(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "--json"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    names = [step["name"] for step in result["steps"]]
    assert names[0] == "Open a currency"
    others = ["A fourth node joins", "It is deactivated", "The others go on", "Close the books"]
    assert names[-4:] == others
    assert {step["result"] for step in result["steps"]} == {"OK"}
    for step in result["steps"]:
        for row in step["answers"]:
            if row["sent"][0].isalpha() and not row["sent"].startswith("GET"):
                assert tuple(row["hops_ms"]) == HOPS, row
    for command in page.commands("3. Publish yourself", "6. Check"):
        assert f"$ {command}  (" in done.stderr


@needs_real
@pytest.mark.usefixtures("is_clean")
def test_ends_when_it_is_told_to(environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--console"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "the console: " in line:
            break
    assert "the console: " in said[-1], said
    url = said[-1].split()[3]
    assert urlsplit(url).hostname == "127.0.0.1"
    assert requests.get(url, timeout=30).status_code == 401  # who has not the token
    for _ in range(2):  # and impatient
        os.killpg(process.pid, signal.SIGINT)
    _, rest = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
