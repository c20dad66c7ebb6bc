"""What is wrong, in words: each rule, and that it is quiet when it should be."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from swpt_accounts.inspection.status.health_rules import (
    LATE_SECONDS,
    LONG_COUNT,
    RULES,
    VERY_LATE_SECONDS,
    Finding,
    Severity,
    findings,
)
from swpt_accounts.inspection.status.model import (
    AccountsSample,
    BrokerQueue,
    LongTransaction,
    Overview,
    ReturnedLine,
    Server,
    Worker,
)
from swpt_accounts.inspection.status.workers import WORKERS
from tests.unit.overviews import database, overview, waiting

ROOT = Path(__file__).parents[2]
BROKER_AWAY = (Server("the database"), Server("the broker", "connection refused"))


def only(of: Overview) -> Finding:
    """The one thing that is wrong."""
    (finding,) = findings(of)
    return finding


def test_nothing_is_wrong() -> None:
    assert findings(overview()) == []


def test_a_server_that_is_away() -> None:
    gone = BrokerQueue("in", problem="the broker does not answer")
    finding = only(overview(servers=BROKER_AWAY, incoming=gone, chores=gone, dead_letters=gone))
    assert (finding.code, finding.severity) == ("server_away", Severity.ERROR)
    assert finding.words == "the broker does not answer: connection refused."


def test_the_database_is_away() -> None:
    servers = (Server("the database", "timeout expired"), Server("the broker"))
    finding = only(replace(overview(servers=servers), database=None))
    assert (finding.code, finding.severity) == ("server_away", Severity.ERROR)


def test_a_queue_that_is_not_there() -> None:
    missing = BrokerQueue("in.XQ", problem="NOT_FOUND - no queue 'in.XQ'")
    finding = only(overview(dead_letters=missing))
    assert (finding.code, finding.severity) == ("queue_missing", Severity.ERROR)
    assert "in.XQ" in finding.words


@pytest.mark.parametrize(
    ("different", "worker"),
    [
        ({"incoming": BrokerQueue("in", 1234, 0)}, "consume_messages"),
        ({"chores": BrokerQueue("chores", 1234, 0)}, "consume_chore_messages"),
    ],
)
def test_a_queue_that_nobody_reads(different: dict[str, BrokerQueue], worker: str) -> None:
    finding = only(replace(overview(), **different))  # type: ignore[arg-type]
    assert (finding.code, finding.severity) == ("queue_without_consumers", Severity.ERROR)
    assert "1,234 messages" in finding.words
    assert worker in finding.words


def test_nobody_reads_dead_letters() -> None:
    assert findings(overview(dead_letters=BrokerQueue("in.XQ", 0, 0))) == []


def test_a_long_queue() -> None:
    assert findings(overview(incoming=BrokerQueue("in", LONG_COUNT - 1, 1))) == []
    finding = only(overview(incoming=BrokerQueue("in", LONG_COUNT, 1)))
    assert (finding.code, finding.severity) == ("queue_long", Severity.WARNING)


def test_a_worker_that_is_not_there() -> None:
    workers = tuple(Worker(name, 1) for name in WORKERS if name != "flush_messages")
    finding = only(overview(database(workers=workers)))
    assert (finding.code, finding.severity) == ("worker_missing", Severity.ERROR)
    assert finding.words.startswith("flush_messages is not at work")


def test_workers_that_are_not_there_are_told_together() -> None:
    finding = only(overview(database(workers=(Worker(WORKERS[0], 1),))))
    assert (finding.code, finding.severity) == ("worker_missing", Severity.ERROR)
    assert finding.words.startswith(f"8 workers are not at work: {', '.join(WORKERS[1:])}.")


def test_a_replica_has_no_workers() -> None:
    finding = only(overview(database(workers=(), is_replica=True)))
    assert (finding.code, finding.severity) == ("replica", Severity.NOTE)


@pytest.mark.parametrize(
    ("table", "excuse"),
    [
        ("unverified_transfer_request", "another shard"),
        ("pending_balance_change", "process_balance_changes"),
        ("prepared_transfer_signal", "flush_messages"),
    ],
)
def test_rows_that_wait_for_long(table: str, excuse: str) -> None:
    assert findings(overview(database(waiting(table, 3, LATE_SECONDS - 1)))) == []
    finding = only(overview(database(waiting(table, 3, LATE_SECONDS))))
    assert (finding.code, finding.severity) == ("rows_late", Severity.WARNING)
    assert excuse in finding.words
    assert f"the oldest of 3 rows in {table} waits for 1 min" in finding.words
    finding = only(overview(database(waiting(table, 1, VERY_LATE_SECONDS))))
    assert (finding.code, finding.severity) == ("rows_late", Severity.ERROR)
    assert "of 1 row in" in finding.words


def test_many_rows() -> None:
    few = waiting("transfer_request", LONG_COUNT - 1, is_estimate=True)
    assert findings(overview(database(few))) == []
    many = waiting("transfer_request", LONG_COUNT, is_estimate=True)
    finding = only(overview(database(many)))
    assert (finding.code, finding.severity) == ("rows_many", Severity.WARNING)
    assert finding.words.startswith("about 10,000 rows wait in transfer_request: process_transfer")


def test_rows_that_are_many_and_late_are_told_once() -> None:
    assert only(overview(database(waiting("account_update_signal", LONG_COUNT, 3600)))).code == (
        "rows_late"
    )


def test_returned_messages() -> None:
    state = database(
        waiting("returned_message", LONG_COUNT, 10**6),
        returned_lines_count=2,
        returned_lines=(ReturnedLine("to_creditors 0.1", "AccountUpdateSignal", 3),),
    )
    finding = only(overview(state))
    assert (finding.code, finding.severity) == ("returned_messages", Severity.WARNING)
    assert finding.words == (
        "the broker takes no messages to 2 destinations, to_creditors 0.1 for example."
    )


def test_dead_letters_that_nobody_has_dealt_with() -> None:
    letters = BrokerQueue("in.XQ", 5, 0)
    finding = only(overview(database(dealt_with_count=3), dead_letters=letters))
    assert (finding.code, finding.severity) == ("dead_letters", Severity.WARNING)
    assert finding.words.startswith("2 dead letters wait")
    assert findings(overview(database(dealt_with_count=5), dead_letters=letters)) == []
    # some are not in the stream any more
    assert findings(overview(database(dealt_with_count=9), dead_letters=letters)) == []


def test_a_long_transaction() -> None:
    state = database(long_transactions=(LongTransaction(77, "psql", 7300.0),))
    finding = only(overview(state))
    assert (finding.code, finding.severity) == ("long_transaction", Severity.WARNING)
    assert finding.words.startswith("psql (process 77) keeps a transaction open for 2 h 1 min")


def test_a_scan_that_is_late() -> None:
    assert findings(overview(database(accounts=AccountsSample(1000, 10)))) == []
    finding = only(overview(database(accounts=AccountsSample(1000, 11))))
    assert (finding.code, finding.severity) == ("scan_late", Severity.WARNING)
    assert "11 should have been visited" in finding.words
    assert findings(overview(database(accounts=AccountsSample(0, 0)))) == []


def test_sessions_that_wait_for_a_lock() -> None:
    workers = tuple(Worker(name, 2, 1 if name == WORKERS[0] else 0) for name in WORKERS)
    finding = only(overview(database(workers=workers)))
    assert (finding.code, finding.severity) == ("lock_waits", Severity.NOTE)


def test_the_worst_comes_first() -> None:
    state = database(
        waiting("prepared_transfer_signal", 1, 5000),
        long_transactions=(LongTransaction(1, "psql", 100.0),),
        is_replica=True,
    )
    found = findings(overview(state, dead_letters=BrokerQueue("in.XQ", 1, 0)))
    assert [f.severity for f in found] == sorted(
        (f.severity for f in found), key=list(Severity).index
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
