"""What is wrong, in words: each rule, and that it is quiet when it should be."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from swpt_accounts.db.sessions import WorkerSessions
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
)
from swpt_accounts.inspection.status.thresholds import (
    BACKLOG_COUNT,
    VERY_LATE_SECONDS,
    late_seconds,
)
from swpt_accounts.observability.worker_names import LOOPS, VERIFIER, WORKERS
from tests.inspection.shard_statuses import database, shard_status, waiting

ROOT = Path(__file__).parents[2]
REFUSED = "Cannot connect to RabbitMQ at x:5672: Connection refused"
DATABASE_AWAY = (Server("the database", "timeout expired"), Server("the broker"))
BROKER_AWAY = (Server("the database"), Server("the broker", REFUSED))


def only(of: ShardStatus) -> HealthFinding:
    """The one thing that is wrong."""
    (finding,) = find_problems(of)
    return finding


def test_nothing_is_wrong() -> None:
    assert find_problems(shard_status()) == []
    # the database has just started, and workers come back
    assert find_problems(shard_status(database(workers=(), up_seconds=4.0))) == []


GONE = BrokerQueue("in", problem="the broker does not answer")
LETTERS = BrokerQueue("in.XQ", 5, 0)
CONSUMERS = ("consume_messages", "consume_chore_messages")


def sessions(*names: str, **different: Any) -> tuple[WorkerSessions, ...]:
    """Those of all workers, of which these have something different."""
    return tuple(
        replace(WorkerSessions(name, 1), **(different if name in names else {})) for name in LOOPS
    )


ALL_BUT_FLUSHER = tuple(one for one in sessions() if one.name != "flush_messages")
NOTHING = "no heartbeat and no database session"
AWAITS = "waiting for the broker"
RETURNED = database(
    waiting("returned_message", BACKLOG_COUNT, 10**6),
    returned_lines_count=2,
    returned_lines=(ReturnedLine("to_creditors 0.1", "AccountUpdateSignal", 3),),
)
ERROR, WARNING, NOTE = HealthSeverity.ERROR, HealthSeverity.WARNING, HealthSeverity.NOTE


@pytest.mark.parametrize(
    ("of", "code", "severity", "words"),
    [
        (
            shard_status(servers=BROKER_AWAY, incoming=GONE, chores=GONE, dead_letters=GONE),
            *("server_away", ERROR, f"{REFUSED}."),
        ),
        (
            replace(shard_status(servers=DATABASE_AWAY), database=None),
            *("server_away", ERROR, "timeout expired"),
        ),
        (
            shard_status(dead_letters=BrokerQueue("in.XQ", problem="NOT_FOUND - no queue 'in.XQ'")),
            *("queue_missing", ERROR, "in.XQ"),
        ),
        (
            shard_status(incoming=BrokerQueue("in", 1234, 0)),
            *("queue_without_consumers", ERROR, "1,234 messages.*consume_messages"),
        ),
        (
            shard_status(chores=BrokerQueue("chores", 1234, 0)),
            *("queue_without_consumers", ERROR, "1,234 messages.*consume_chore_messages"),
        ),
        (shard_status(incoming=BrokerQueue("in", BACKLOG_COUNT, 1)), "queue_long", WARNING, ""),
        (
            shard_status(database(workers=ALL_BUT_FLUSHER)),
            *("worker_missing", ERROR, f"^flush_messages is down: {NOTHING}.$"),
        ),
        (
            shard_status(database(workers=(WorkerSessions(WORKERS[0], 1),))),
            *("worker_missing", ERROR),
            f"^8 workers are down .{NOTHING}.: {', '.join(WORKERS[1:])}.$",
        ),
        (
            shard_status(database(workers=sessions(VERIFIER, wait=AWAITS))),
            *("worker_waiting", WARNING, f"^{VERIFIER} is {AWAITS}.$"),
        ),
        (
            shard_status(database(workers=sessions(*CONSUMERS, wait=AWAITS))),
            *(
                "worker_waiting",
                WARNING,
                f"^2 workers are {AWAITS}: {', '.join(CONSUMERS)}.$",
            ),
        ),
        (
            shard_status(database(workers=sessions("scan_accounts", frozen_count=1))),
            *("worker_frozen", ERROR, "^scan_accounts is frozen: 1 of its sessions is unused.$"),
        ),
        (shard_status(database(workers=(), is_replica=True)), "replica", NOTE, ""),
        (
            shard_status(database(waiting("transfer_request", BACKLOG_COUNT, is_estimate=True))),
            *("rows_many", WARNING),
            "^Table transfer_request has about 10,000 rows waiting: process_transfer",
        ),
        (
            shard_status(database(waiting("account_update_signal", BACKLOG_COUNT, 3600))),
            *("rows_late", ERROR, ""),
        ),
        (
            shard_status(RETURNED),
            *("returned_messages", WARNING),
            "^RabbitMQ returned messages for 2 destinations, for example to_creditors 0.1: no ",
        ),
        (
            shard_status(database(dealt_with_count=3), dead_letters=LETTERS),
            *("dead_letters", WARNING, "^2 unhandled dead letters.$"),
        ),
        (
            shard_status(database(long_transactions=(LongTransaction(77, "psql", 7300.0),))),
            *("long_transaction", WARNING),
            r"^psql \(pid 77\) has had a transaction open for 2 h 1 min",
        ),
        (
            shard_status(database(accounts=AccountsSample(1000, 11))),
            *("scan_late", WARNING, "has not visited 11 of 1,000 sampled accounts"),
        ),
        (
            shard_status(database(workers=sessions(LOOPS[0], lock_waits_count=1))),
            *("lock_waits", NOTE, f"^1 session of {LOOPS[0]} waits for a lock.$"),
        ),
    ],
)
def test_the_only_thing_that_is_wrong(
    of: ShardStatus, code: str, severity: HealthSeverity, words: str
) -> None:
    finding = only(of)
    assert (finding.code, finding.severity) == (code, severity)
    assert re.search(words, finding.words)


@pytest.mark.parametrize(
    "of",
    [
        shard_status(dead_letters=BrokerQueue("in.XQ", 0, 0)),
        shard_status(incoming=BrokerQueue("in", BACKLOG_COUNT - 1, 1)),
        shard_status(database(waiting("transfer_request", BACKLOG_COUNT - 1, is_estimate=True))),
        shard_status(database(dealt_with_count=5), dead_letters=LETTERS),
        # some are not in the stream any more
        shard_status(database(dealt_with_count=9), dead_letters=LETTERS),
        shard_status(database(accounts=AccountsSample(1000, 10))),
        shard_status(database(accounts=AccountsSample(0, 0))),
    ],
)
def test_what_is_not_wrong_yet(of: ShardStatus) -> None:
    assert find_problems(of) == []


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
