"""What is wrong, in words: each rule, and that it is quiet when it should be."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from swpt_accounts.core.worker_names import WORKERS
from swpt_accounts.inspection.status.health_rules import (
    RULES,
    HealthFinding,
    HealthSeverity,
    find_problems,
)
from swpt_accounts.inspection.status.model import (
    AccountsSample,
    BrokerQueue,
    LongTransaction,
    ReturnedLine,
    Server,
    ShardStatus,
    WorkerSessions,
)
from swpt_accounts.inspection.status.thresholds import (
    BACKLOG_COUNT,
    VERY_LATE_SECONDS,
    late_seconds,
)
from tests.inspection.shard_statuses import database, shard_status, waiting

ROOT = Path(__file__).parents[2]
REFUSED = "Cannot connect to RabbitMQ at x:5672: Connection refused"
BROKER_AWAY = (Server("the database"), Server("the broker", REFUSED))


def only(of: ShardStatus) -> HealthFinding:
    """The one thing that is wrong."""
    (finding,) = find_problems(of)
    return finding


def test_nothing_is_wrong() -> None:
    assert find_problems(shard_status()) == []


def test_a_server_that_is_away() -> None:
    gone = BrokerQueue("in", problem="the broker does not answer")
    finding = only(shard_status(servers=BROKER_AWAY, incoming=gone, chores=gone, dead_letters=gone))
    assert (finding.code, finding.severity) == ("server_away", HealthSeverity.ERROR)
    assert finding.words == f"{REFUSED}."


def test_the_database_is_away() -> None:
    servers = (Server("the database", "timeout expired"), Server("the broker"))
    finding = only(replace(shard_status(servers=servers), database=None))
    assert (finding.code, finding.severity) == ("server_away", HealthSeverity.ERROR)


def test_a_queue_that_is_not_there() -> None:
    missing = BrokerQueue("in.XQ", problem="NOT_FOUND - no queue 'in.XQ'")
    finding = only(shard_status(dead_letters=missing))
    assert (finding.code, finding.severity) == ("queue_missing", HealthSeverity.ERROR)
    assert "in.XQ" in finding.words


@pytest.mark.parametrize(
    ("different", "worker"),
    [
        ({"incoming": BrokerQueue("in", 1234, 0)}, "consume_messages"),
        ({"chores": BrokerQueue("chores", 1234, 0)}, "consume_chore_messages"),
    ],
)
def test_a_queue_that_nobody_reads(different: dict[str, BrokerQueue], worker: str) -> None:
    finding = only(replace(shard_status(), **different))  # type: ignore[arg-type]
    assert (finding.code, finding.severity) == ("queue_without_consumers", HealthSeverity.ERROR)
    assert "1,234 messages" in finding.words
    assert worker in finding.words


def test_nobody_reads_dead_letters() -> None:
    assert find_problems(shard_status(dead_letters=BrokerQueue("in.XQ", 0, 0))) == []


def test_a_long_queue() -> None:
    assert find_problems(shard_status(incoming=BrokerQueue("in", BACKLOG_COUNT - 1, 1))) == []
    finding = only(shard_status(incoming=BrokerQueue("in", BACKLOG_COUNT, 1)))
    assert (finding.code, finding.severity) == ("queue_long", HealthSeverity.WARNING)


def test_a_worker_that_is_not_there() -> None:
    workers = tuple(WorkerSessions(name, 1) for name in WORKERS if name != "flush_messages")
    finding = only(shard_status(database(workers=workers)))
    assert (finding.code, finding.severity) == ("worker_missing", HealthSeverity.ERROR)
    assert finding.words == "flush_messages has no database connection."


def test_workers_that_are_not_there_are_told_together() -> None:
    finding = only(shard_status(database(workers=(WorkerSessions(WORKERS[0], 1),))))
    assert (finding.code, finding.severity) == ("worker_missing", HealthSeverity.ERROR)
    assert finding.words == (f"8 workers have no database connection: {', '.join(WORKERS[1:])}.")


def test_a_replica_has_no_workers() -> None:
    finding = only(shard_status(database(workers=(), is_replica=True)))
    assert (finding.code, finding.severity) == ("replica", HealthSeverity.NOTE)


@pytest.mark.parametrize(
    ("table", "excuse"),
    [
        ("unverified_transfer_request", "another shard"),
        ("pending_balance_change", "process_balance_changes"),
        ("prepared_transfer_signal", "flush_messages"),
    ],
)
def test_rows_that_wait_for_long(table: str, excuse: str) -> None:
    assert find_problems(shard_status(database(waiting(table, 3, late_seconds(table) - 1)))) == []
    finding = only(shard_status(database(waiting(table, 3, late_seconds(table)))))
    assert (finding.code, finding.severity) == ("rows_late", HealthSeverity.WARNING)
    assert excuse in finding.words
    assert f"The oldest of 3 rows in {table} has waited " in finding.words
    finding = only(shard_status(database(waiting(table, 1, VERY_LATE_SECONDS))))
    assert (finding.code, finding.severity) == ("rows_late", HealthSeverity.ERROR)
    assert "of 1 row in" in finding.words


def test_many_rows() -> None:
    few = waiting("transfer_request", BACKLOG_COUNT - 1, is_estimate=True)
    assert find_problems(shard_status(database(few))) == []
    many = waiting("transfer_request", BACKLOG_COUNT, is_estimate=True)
    finding = only(shard_status(database(many)))
    assert (finding.code, finding.severity) == ("rows_many", HealthSeverity.WARNING)
    assert finding.words.startswith(
        "Table transfer_request has about 10,000 rows waiting: process_transfer"
    )


def test_rows_that_are_many_and_late_are_told_once() -> None:
    assert only(
        shard_status(database(waiting("account_update_signal", BACKLOG_COUNT, 3600)))
    ).code == ("rows_late")


def test_returned_messages() -> None:
    state = database(
        waiting("returned_message", BACKLOG_COUNT, 10**6),
        returned_lines_count=2,
        returned_lines=(ReturnedLine("to_creditors 0.1", "AccountUpdateSignal", 3),),
    )
    finding = only(shard_status(state))
    assert (finding.code, finding.severity) == ("returned_messages", HealthSeverity.WARNING)
    assert finding.words == (
        "RabbitMQ returned messages for 2 destinations, for example to_creditors 0.1:"
        " no queue is bound, or the queue is full."
    )


def test_dead_letters_that_nobody_has_dealt_with() -> None:
    letters = BrokerQueue("in.XQ", 5, 0)
    finding = only(shard_status(database(dealt_with_count=3), dead_letters=letters))
    assert (finding.code, finding.severity) == ("dead_letters", HealthSeverity.WARNING)
    assert finding.words == "2 unhandled dead letters."
    assert find_problems(shard_status(database(dealt_with_count=5), dead_letters=letters)) == []
    # some are not in the stream any more
    assert find_problems(shard_status(database(dealt_with_count=9), dead_letters=letters)) == []


def test_a_long_transaction() -> None:
    state = database(long_transactions=(LongTransaction(77, "psql", 7300.0),))
    finding = only(shard_status(state))
    assert (finding.code, finding.severity) == ("long_transaction", HealthSeverity.WARNING)
    assert finding.words.startswith("psql (pid 77) has had a transaction open for 2 h 1 min")


def test_a_scan_that_is_late() -> None:
    assert find_problems(shard_status(database(accounts=AccountsSample(1000, 10)))) == []
    finding = only(shard_status(database(accounts=AccountsSample(1000, 11))))
    assert (finding.code, finding.severity) == ("scan_late", HealthSeverity.WARNING)
    assert "has not visited 11 of 1,000 sampled accounts" in finding.words
    assert find_problems(shard_status(database(accounts=AccountsSample(0, 0)))) == []


def test_sessions_that_wait_for_a_lock() -> None:
    workers = tuple(WorkerSessions(name, 2, 1 if name == WORKERS[0] else 0) for name in WORKERS)
    finding = only(shard_status(database(workers=workers)))
    assert (finding.code, finding.severity) == ("lock_waits", HealthSeverity.NOTE)
    assert finding.words == f"1 session of {WORKERS[0]} waits for a lock."


def test_the_worst_comes_first() -> None:
    state = database(
        waiting("prepared_transfer_signal", 1, 5000),
        long_transactions=(LongTransaction(1, "psql", 100.0),),
        is_replica=True,
    )
    found = find_problems(shard_status(state, dead_letters=BrokerQueue("in.XQ", 1, 0)))
    assert [f.severity for f in found] == sorted(
        (f.severity for f in found), key=list(HealthSeverity).index
    )
    assert len(found) == 4


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_page_of_a_rule_exists(rule: object) -> None:
    page = getattr(rule, "page", "")
    path, _, anchor = page.partition("#")
    text = (ROOT / path).read_text("utf-8")
    if anchor:
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        slugs = [re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings]
        assert anchor in slugs


def test_each_rule_is_on_the_page() -> None:
    text = (ROOT / "docs/how-to/see-what-is-wrong.md").read_text("utf-8")
    on_page = re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)
    assert on_page == [rule.code for rule in RULES]
