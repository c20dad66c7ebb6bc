"""Agents talk on, whoever keeps their accounts: the reference, then we, and in the end it again.

They know what must have become of every request. The reference itself is not run: what it would
find is read from its tables.
"""

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.authority import Authority
from agentkit.coordinator import Coordinator
from agentkit.database import PASSAGES, dsn_of
from agentkit.databases import Databases
from agentkit.load import Load
from agentkit.outcomes import assert_sound, check_repetitions
from agentkit.processes import ROOT, program_command
from agentkit.waiting import wait_until
from tests.takeover.reference import load_dump
from verification.kit.servers import subscribe

# A currency of the dump, and creditors of it that are told of every transfer.
DEBTOR = -873187921033212673
CREDITORS = (-7702341956522887705, -3198741760652459886, -2370024640955342963, 2874386086910104824)

# Who hears of a balance at a scan, and of interest, is not in question here.
SERVICES = (
    *("consume_messages", "flush_messages"),
    *("process_transfer_requests", "process_finalization_requests", "process_balance_changes"),
)
# Some prepared transfers of the dump are never finalized; some messages have nobody to go to.
EMPTY_IN_THE_END = [t for t in PASSAGES if t not in ("prepared_transfer", "returned_message")]
MOVES_COUNT = 2


class NewCurrency(Load):
    """A currency that begins with us."""

    passages = EMPTY_IN_THE_END
    are_chains_whole = True

    def _check_database(self) -> None:
        found = read_principals(self.authority, self.debtor_id, "account")
        assert found == self.principals()

    def _check_messages(self) -> None:
        """Nobody missed a transfer: their numbers and principals go on."""
        assert_sound(self.messages, are_all_reported=True, are_whole=self.are_chains_whole)
        check_repetitions(self.messages)


class OldCurrency(NewCurrency):
    """A currency of the reference. What was under way comes to its end first."""

    are_chains_whole = False

    def _open(self) -> None:
        self.debtor_id = DEBTOR
        self.creditor_ids = CREDITORS
        self.coordinator = Coordinator(DEBTOR, self._send, self._decide)
        wait_until(self._has_come_to_rest, self.seconds_max, "the end of what was under way")
        # what was sent before it is received before it
        self.authority.broker.publish("", self.observer.queue, type="End")
        wait_until(self._has_received_end, self.seconds_max, "what was under way is received")
        self._start = self._seen = len(self.observer.messages)
        self._at_first = read_principals(self.authority, DEBTOR, "account")

    def _has_received_end(self) -> bool:
        self.observer.receive()
        return bool(self.observer.find("End"))

    def _has_come_to_rest(self) -> bool:
        self.observer.receive()
        return self._is_quiet()


def read_principals(authority: Authority, debtor_id: int, table: str) -> Counter[int]:
    rows = authority.query(
        f"SELECT creditor_id, principal FROM {table} WHERE debtor_id = %s",
        debtor_id,
    )
    return Counter(dict(rows))


@pytest.fixture
def authority(databases: Databases, broker_url: str, tmp_path: Path) -> Iterator[Authority]:
    url = databases.create_empty()
    load_dump(url)
    with psycopg.connect(dsn_of(make_url(url)), autocommit=True) as connection:
        name = make_url(url).database
        assert name is not None
        # where the test looks; workers and moves do not care
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET search_path = swpt_accounts_books, public").format(
                sql.Identifier(name)
            )
        )
    made = Authority(url, broker_url, tmp_path, {"PROTOCOL_BROKER_PREFETCH_COUNT": "20"})
    try:
        subscribe(made)
        yield made
    finally:
        made.close()


def move_meanwhile(authority: Authority, command: str, loads: list[NewCurrency]) -> None:
    """Move, while the agents go on."""
    process = subprocess.Popen(
        program_command(command, "--quiet"),
        cwd=ROOT,
        env=authority.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def has_ended() -> bool:
        pump(loads)
        return process.poll() is not None

    wait_until(has_ended, 120, f"the end of {command}")
    assert process.stdout is not None
    output = process.stdout.read()
    process.stdout.close()
    assert process.returncode == 0, output


def pump(loads: list[NewCurrency]) -> None:
    for load in loads:
        load.pump()


def test_agents_do_not_notice(authority: Authority) -> None:
    moved = authority.run("move_in", "--quiet")
    assert moved.returncode == 0, moved.stdout
    authority.observe()
    authority.start(*SERVICES)
    loads: list[Any] = [OldCurrency(authority), NewCurrency(authority, creditors_count=8)]
    for load in loads:
        load.run_for(40)
    for _ in range(MOVES_COUNT):
        for command in ("move_out", "move_in"):
            move_meanwhile(authority, command, loads)
        for load in loads:
            load.run_for(40)
    for load in loads:
        load.finish()
        load.check()
    books = authority.run("verify_books", "--quiet")
    assert "debtor_sum" not in books.stdout

    authority.stop()
    moved = authority.run("move_out", "--quiet")
    assert moved.returncode == 0, moved.stdout
    for load in loads:
        found = read_principals(authority, load.debtor_id, "public.account")
        assert found == load.principals()
    (counts,) = authority.query(
        "SELECT"
        " (SELECT count(*) FROM public.transfer_request),"
        " (SELECT count(*) FROM public.finalization_request),"
        " (SELECT count(*) FROM public.pending_balance_change),"
        " (SELECT count(*) FROM public.registered_balance_change WHERE NOT is_applied)"
    )
    assert counts == (0, 0, 0, 0)
