"""The demo, from outside of an authority; and what an operator sees afterwards."""

import shlex
import sys

import pytest

from agentkit.authority import Authority
from agentkit.processes import run


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    return {"JOURNAL_DAYS": "2"}


def test_the_demo_leaves_a_healthy_shard_and_a_transfer_to_trace(authority: Authority) -> None:
    command = [sys.executable, "-m", "scripts.demo", "--transfers", "4", "--timeout", "40"]
    environment = {**authority.environment, "PROTOCOL_BROKER_URL": authority.broker_url}

    shown = run(command, environment)

    assert shown.returncode == 0, shown.stdout
    trace = shlex.split(shown.stdout.splitlines()[-1])
    assert trace[:2] == ["./dev", "run"]
    assert "COMMITTED" in authority.run(*trace[2:], JOURNAL_DAYS="2").stdout
    status = authority.run("status")
    assert status.returncode == 0, status.stdout
