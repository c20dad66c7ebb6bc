"""What the screen and the JSON of a status show."""

import io
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from swpt_accounts.cli.status import as_json, exit_code
from swpt_accounts.core.formatting import duration, rate
from swpt_accounts.db.sessions import WorkerSessions
from swpt_accounts.inspection.status.health_rules import HealthFinding, find_problems
from swpt_accounts.inspection.status.model import (
    BrokerQueue,
    LongTransaction,
    ScanState,
    Server,
    ShardStatus,
    TableCounters,
    TableRates,
)
from swpt_accounts.inspection.status.reader import join_states, rates_between
from swpt_accounts.inspection.status.screen import WIDE, render
from swpt_accounts.observability.worker_names import WORKERS
from tests.inspection.shard_statuses import NOW, TABLES, database, shard_status, waiting

BUSY = shard_status(
    database(
        waiting("transfer_request", 1_234_567, is_estimate=True),
        waiting("pending_balance_change_signal", 12, 90_061),
        workers=tuple(WorkerSessions(name, 12, 3) for name in WORKERS[1:]),
        long_transactions=(LongTransaction(12345, "swpt_accounts move", 100.0),),
    ),
    shard="1.0.1.#",
    incoming=BrokerQueue("swpt_accounts_of_a_long_name", 1_234_567, 0),
    dead_letters=BrokerQueue("swpt_accounts_of_a_long_name.XQ", 12, 0),
    rates={table: TableRates(123_456.7, 0.25) for table in TABLES},
)
AWAY = replace(
    shard_status(),
    servers=(Server("the database", "no"), Server("the broker", "no")),
    incoming=BrokerQueue("in", problem="no"),
    chores=BrokerQueue("chores", problem="no"),
    dead_letters=BrokerQueue("in.XQ", problem="no"),
    database=None,
    workers=join_states((), None),
)

MORE = re.compile(r"… and (\d+) more: `status` without --watch lists all\.$")


def lines(
    of: ShardStatus, width: int, height: int | None = None, found: list[HealthFinding] | None = None
) -> list[str]:
    """What a terminal of this size shows."""
    found = find_problems(of) if found is None else found
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(render(of, found, width, height))
    stream = console.file
    assert isinstance(stream, io.StringIO)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("of", [shard_status(), BUSY, AWAY], ids=["well", "busy", "away"])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 45), (100, None), (WIDE, 40)])
def test_nothing_is_cut_off(of: ShardStatus, width: int, height: int | None) -> None:
    text = lines(of, width, height)
    assert all(len(line) <= width for line in text)
    assert not any("…" in line and not MORE.match(line) for line in text)
    for worker in WORKERS:
        assert worker in " ".join(text)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (WIDE, 24)])
def test_a_quiet_shard_fits_a_small_terminal(width: int, height: int) -> None:
    text = lines(shard_status(), width, height)
    assert len(text) <= height
    assert "no problems" in text[0]


@pytest.mark.parametrize("count", range(len(find_problems(BUSY)) + 1))
@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (80, 45), (WIDE, 24)])
def test_it_is_never_higher_than_the_terminal(width: int, height: int, count: int) -> None:
    """Of what is wrong, as much as there is room for, and how much more there is: all of it counts,
    and the workers and the scans are there in any case.
    """
    found = find_problems(BUSY)[:count]
    text = lines(BUSY, width, height, found)
    assert len(text) <= height
    whole = " ".join(text)
    for name in (*WORKERS, "prepared_transfers", "registered_balance_changes"):
        assert name in whole
    assert re.search("scans:? .*43.%", whole)
    shown = sum(line.startswith(("error ", "warning ", "note ")) for line in text)
    left_out = [int(match[1]) for line in text if (match := MORE.match(line))]
    assert shown + sum(left_out) == count
    assert shown >= min(count, 4)


def test_two_warnings_leave_room_for_what_waits() -> None:
    """In a small terminal: with what waits, and since when; nothing is left out but zeros."""
    rows = (waiting("transfer_request", 7, 70), waiting("account_update_signal", 9, 80))
    text = lines(shard_status(database(*rows)), 80, 24)
    assert len(text) <= 24
    assert sum(line.startswith("warning ") for line in text) == 2
    assert any(line.split() == ["transfer_request", "7", "1", "min", "-", "-"] for line in text)
    assert any(line.startswith("  11 other tables ") for line in text)
    assert not any("more" in line for line in text)


def test_a_terminal_that_is_too_low_says_so() -> None:
    text = lines(BUSY, 80, 9)
    assert len(text) == 9
    assert text[-1] == "… this terminal is too small for the rest"


def test_what_waits_is_shown() -> None:
    text = lines(BUSY, 80)
    assert text[0].startswith("swpt_accounts  shard 1.0.1.#  2026-05-20 12:00:00 UTC")
    assert "problems" in text[0]
    (row,) = [line for line in text if line.startswith("  transfer_request ")]
    assert row.split() == ["transfer_request", "~1,234,567", "-", "123,457", "0.2"]
    (row,) = [line for line in text if line.startswith("  pending_balance_change_signal ")]
    assert row.split()[1:5] == ["12", "1", "d", "1"]


def test_empty_outboxes_take_one_line_where_there_is_no_room() -> None:
    text = lines(shard_status(database(waiting("account_purge_signal", 1, 5))), 80, 24)
    assert any(line.startswith("  account_purge_signal ") for line in text)
    assert any(line.startswith("  8 other outboxes ") for line in text)
    text = lines(shard_status(), 80)
    assert any(line.startswith("  account_purge_signal ") for line in text)


def test_what_is_not_known_is_no_zero() -> None:
    text = lines(AWAY, 80, 24)
    (row,) = [line for line in text if line.startswith("in ")]
    assert row.split()[1] == "?"
    assert any(line.split() == ["the", "database", *"????"] for line in text)


def test_how_far_the_scans_are() -> None:
    text = lines(shard_status(), 100)
    (row,) = [x for x in text if x.startswith("prepared_transfers ")]
    assert " ".join(row.split()[1:]) == "43 % 3 h 20 min 8 h 250 ms 4 h 43 min"
    narrow = [
        x for x in lines(shard_status(), 80, 45) if x.startswith("registered_balance_changes ")
    ]
    assert len(narrow) == 1
    short = " ".join(lines(shard_status(), 80, 24))
    assert "prepared_transfers\u00a043\u00a0%" in short
    never = database(scans=(ScanState("scan_accounts", 0, 0, 60, 0, 1, 1, None),))
    rows = [" ".join(x.split()) for x in lines(shard_status(never), 100)]
    assert "accounts 100 % 1 s 1 min 0 s -" in rows
    assert "registered_balance_changes - - - - -" in rows
    assert "accounts\u00a0?" in " ".join(lines(AWAY, 80, 24))


def test_json_has_all_of_it() -> None:
    told = json.loads(as_json(BUSY, find_problems(BUSY)))
    tables = {table["name"]: table for table in told["database"]["tables"]}
    assert list(tables) == TABLES
    assert tables["transfer_request"]["rows_count"] == 1_234_567
    assert tables["transfer_request"]["rates"] == {"inserted": 123_456.7, "deleted": 0.25}
    assert tables["pending_balance_change_signal"]["oldest_seconds"] == 90_061
    assert told["open_dead_letters_count"] == 12
    assert [scan["done_count"] for scan in told["database"]["scans"]] == [431, 431, 431]
    assert {finding["code"] for finding in told["findings"]} >= {"dead_letters", "rows_late"}
    assert json.loads(as_json(AWAY, find_problems(AWAY)))["database"] is None


@pytest.mark.parametrize(
    ("of", "code"),
    [
        (shard_status(), 0),
        (shard_status(database(workers=(), is_replica=True)), 0),
        (shard_status(dead_letters=BrokerQueue("in.XQ", 1, 0)), 1),
        (BUSY, 1),
        (AWAY, 2),
    ],
)
def test_exit_codes(of: ShardStatus, code: int) -> None:
    assert exit_code(of, find_problems(of)) == code


def test_rates_are_those_between_two_looks() -> None:
    before = database(
        counts={"a": TableCounters(10, 5), "b": TableCounters(10, 5), "c": TableCounters(1, 1)}
    )
    now = database(
        taken_at=NOW + timedelta(seconds=2),
        # the statistics of b were reset, and d is new
        counts={
            "a": TableCounters(30, 6),
            "b": TableCounters(1, 9),
            "c": TableCounters(1, 1),
            "d": TableCounters(1, 1),
        },
    )
    assert rates_between(before, now, 2.0) == {
        "a": TableRates(10.0, 0.5),
        "c": TableRates(0.0, 0.0),
    }


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1.0, "0 s"),
        (0.26, "260 ms"),
        (2.0, "2 s"),
        (2.54, "2.5 s"),
        (59.9, "59 s"),
        (60.0, "1 min"),
        (3599.0, "59 min"),
        (3600.0, "1 h"),
        (3660.0, "1 h 1 min"),
        (86_400.0, "1 d"),
        (90_000.0, "1 d 1 h"),
        (86_460.0, "1 d"),
    ],
)
def test_times_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_rates_duration() -> None:
    assert [rate(r) for r in (0.0, 0.25, 9.96, 12.3, 12_345.6)] == [
        *("0", "0.2", "10.0", "12", "12,346"),
    ]
