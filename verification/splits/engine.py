"""Each command of a split fails at each of its steps, on two servers, under traffic: it is killed,
loses the connection of the step, or a replication slot is dropped. Afterwards all is as before, or
it goes on; in the end no message was lost, and none had its effect twice.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy.engine import make_url

from agentkit.databases import databases_on
from agentkit.management import Management
from agentkit.own_server import own_server
from verification.kit.run import Run
from verification.splits.place import Place, open_place
from verification.splits.rehearsal import Rehearsal, Round

ROUNDS_COUNT = 1000
FAULTS_COUNT = 12
"""In a round, of each command, if the shard is not split before."""
SERVER = {
    "max_connections": "200",
    "max_logical_replication_workers": "24",
    "max_worker_processes": "32",
    "max_replication_slots": "30",
    # tables are copied without pauses
    "wal_retrieve_retry_interval": "200ms",
    "fsync": "off",
}


def add_options(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def show(_options: argparse.Namespace) -> bool:
    return False


@contextmanager
def places(folder: Path) -> Iterator["Places"]:
    """What makes places."""
    with ExitStack() as stack:
        made = Places(folder, stack)
        yield made


class Places:
    """The two servers, for place after place."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._databases = stack.enter_context(
            databases_on(make_url(os.environ["TEST_POSTGRES_URL"]))
        )
        self._server = stack.enter_context(own_server(**SERVER))
        self._management = Management(os.environ["TEST_BROKER_MANAGEMENT_URL"])
        stack.callback(self._management.close)

    @contextmanager
    def open(self) -> Iterator[tuple[Place, Path]]:
        """A place, and a folder."""
        folder = self._folder / uuid4().hex
        folder.mkdir()
        with self._management.new_vhost(f"splits_{folder.name}") as vhost:
            url = f"{os.environ['TEST_BROKER_URL'].rstrip('/')}/{vhost}"
            with open_place(self._databases, self._server, url, folder) as place:
                yield place, folder


def run(run: Run) -> None:
    rehearsal = Rehearsal()
    with tempfile.TemporaryDirectory() as folder, places(Path(folder)) as made:
        with made.open() as (place, own):
            Round(place, own, rehearsal, run.report.seed).learn()
        total = rehearsal.left_count
        for seed in run.seeds():
            # without servers, it ends
            with made.open() as (place, own):
                try:
                    Round(place, own, rehearsal, seed).play(FAULTS_COUNT)
                except Exception as error:
                    run.find(f"seed {seed}: {type(error).__name__}: {error}")
            run.tell(f"{total - rehearsal.left_count} of {total} faults")
            if not rehearsal.left_count:
                break
    outcomes = ", ".join(f"{what}: {count}" for what, count in rehearsal.outcomes.items())
    run.note(
        f"{sum(rehearsal.done.values())} faults at {total - rehearsal.left_count} of {total} points"
        f" (command, fault, step); {outcomes}; the longest pause {rehearsal.longest_silence:.1f} s"
    )
