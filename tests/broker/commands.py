"""Runs the commands that need RabbitMQ only."""

import os
import subprocess

from agentkit.processes import ROOT, program_command, run


def settings_for(broker_url: str, queue: str, **settings: str) -> dict[str, str]:
    """An environment whose database is set, but does not exist."""
    return {
        **os.environ,
        "SQLALCHEMY_DATABASE_URI": "postgresql+psycopg://nobody@127.0.0.1:1/nothing",
        "PROTOCOL_BROKER_URL": broker_url,
        "PROTOCOL_BROKER_QUEUE": queue,
        "CHORES_BROKER_URL": broker_url,
        "CHORES_BROKER_QUEUE": f"{queue}_chores",
        "APP_LOG_LEVEL": "info",
        **settings,
    }


def start_command(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start a command. Its output comes through a pipe."""
    return subprocess.Popen(
        program_command(*arguments),
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_command(
    environment: dict[str, str], *arguments: str, seconds_max: float = 30.0
) -> tuple[int, list[str]]:
    """Run a command to its end. Returns its exit code and the lines of its output."""
    result = run(program_command(*arguments), environment, seconds_max)
    return result.returncode, result.stdout.splitlines()
