"""An operator who splits a shard by `shards`."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from agentkit.databases import Databases
from agentkit.processes import ROOT, program_command, run
from agentkit.shards import Shard
from agentkit.traffic import WAIT_SECONDS_MAX
from agentkit.waiting import wait_until
from verification.splits.traffic_checks import SETTINGS

COMMAND_SECONDS_MAX = 180.0
# How many steps a command takes before it is killed, from one attempt to the next.
STEPS_OF_ATTEMPTS = (2, 6, 12, 20, 40, 64, 90, 130, 200, 300, 450, 700)


class Commands:
    """Runs `shards` with the settings of an operator."""

    def __init__(self, parent: Shard, children: Sequence[Shard], folder: Path) -> None:
        self.children = list(children)
        # of the role that owns the tables
        self.environment = {**parent.environment, "SQLALCHEMY_DATABASE_URI": parent.database_url}
        self.files = [folder / f"{child.name}.env" for child in self.children]
        for child in self.children:
            self.write(child)

    def write(self, child: Shard, **changes: str) -> None:
        """Write the file of a child's settings."""
        settings = {
            "POSTGRES_URL": child.database_url,
            "PROTOCOL_BROKER_QUEUE": child.queue,
            "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": child.realm,
            "CHORES_BROKER_QUEUE": child.chores_queue,
            **changes,
        }
        file = self.files[self.children.index(child)]
        file.write_text("# a child\n" + "".join(f"{k}={v}\n" for k, v in settings.items()))

    def arguments(self, command: str) -> list[str]:
        options = [part for file in self.files for part in ("--child", str(file))]
        return ["shards", command, *options]

    def run(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        arguments = program_command(*self.arguments(command), *options)
        return run(arguments, self.environment, COMMAND_SECONDS_MAX)

    def begin(self, command: str, *options: str) -> subprocess.Popen[str]:
        """Run it beside the test. Its output is piped."""
        return subprocess.Popen(
            program_command(*self.arguments(command), *options),
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def succeed(self, command: str) -> str:
        result = self.run(command)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def refuse(self, command: str, pattern: str, *options: str) -> None:
        result = self.run(command, *options)
        assert result.returncode == 1, result.stdout
        assert re.search(pattern, result.stdout), result.stdout

    def succeed_in_spite_of_deaths(self, command: str) -> int:
        """Kill the command after more and more steps, until it gets through. Returns how often."""
        for deaths_count, steps in enumerate(STEPS_OF_ATTEMPTS):
            module = [sys.executable, "-m", "tests.support.dying", str(steps)]
            result = run([*module, *self.arguments(command)], self.environment, COMMAND_SECONDS_MAX)
            if result.returncode == 0:
                return deaths_count
            assert result.returncode == -signal.SIGKILL, result.stdout
        raise AssertionError(f"{command} has died too often")


def shard_of(
    databases: Databases, broker_url: str, folder: Path, name: str, realm: str
) -> Iterator[Shard]:
    url = databases.create()
    settings = {**SETTINGS, "SQLALCHEMY_DATABASE_URI": databases.as_runner(url)}
    made = Shard(name, realm, url, broker_url, folder, settings)
    yield made
    made.kill()
    forget_replication(made)
    made.close()


def forget_replication(shard: Shard) -> None:
    """What would keep the database from being dropped."""
    for (name,) in shard.query(
        "SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid"
        " WHERE d.datname = current_database()"
    ):
        for change in ("DISABLE", "SET (slot_name = NONE)"):
            shard.query(f"ALTER SUBSCRIPTION {name} {change}")
        shard.query(f"DROP SUBSCRIPTION {name}")
    wait_until(lambda: has_no_slot(shard), WAIT_SECONDS_MAX, "no slot is left")


def has_no_slot(shard: Shard) -> bool:
    """Whether none is left of those that nobody uses any more."""
    slots = "FROM pg_replication_slots WHERE database = current_database()"
    shard.query(f"SELECT pg_drop_replication_slot(slot_name) {slots} AND NOT active")
    return not shard.query(f"SELECT 1 {slots}")
