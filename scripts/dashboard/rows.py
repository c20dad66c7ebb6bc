"""The rows of the dashboard, and the panels of each."""

from typing import Final

from scripts.dashboard.queries import (
    age,
    count_rate,
    each,
    largest,
    panel,
    quantile,
    rate,
    total,
    versions,
)
from swpt_accounts.observability.metrics import definitions as m

ROWS: Final = {
    "What comes and goes": (
        panel("Messages received", "ops", m.MESSAGES_RECEIVED, rate(m.MESSAGES_RECEIVED)),
        panel("Messages sent", "ops", m.MESSAGES_SENT, rate(m.MESSAGES_SENT)),
        panel("Written until confirmed", "s", m.SEND_SECONDS, quantile(m.SEND_SECONDS, "type")),
        panel(
            *("Received until prepared", "s", m.PREPARE_SECONDS),
            *(quantile(m.PREPARE_SECONDS, part=part) for part in (0.5, 0.99)),
        ),
        panel(
            *("Received until finalized", "s", m.FINALIZE_SECONDS),
            *(quantile(m.FINALIZE_SECONDS, part=part) for part in (0.5, 0.99)),
        ),
        panel(
            *("Finalized until credited", "s", m.CREDIT_SECONDS),
            *(quantile(m.CREDIT_SECONDS, part=part) for part in (0.5, 0.99)),
        ),
    ),
    "What waits": (
        panel(
            *("Queues of the broker", "short", m.BROKER_QUEUE_MESSAGES),
            largest(m.BROKER_QUEUE_MESSAGES),
        ),
        panel("Age of the oldest row", "s", m.QUEUE_OLDEST, largest(m.QUEUE_OLDEST)),
        panel("Rows of queues and outboxes", "short", m.QUEUE_ROWS, largest(m.QUEUE_ROWS)),
        panel("Messages held", "short", m.MESSAGES_HELD, total(m.MESSAGES_HELD)),
    ),
    "What is wrong with messages": (
        panel(
            *("Dead letters put aside", "ops", m.DEAD_LETTERS),
            rate(m.DEAD_LETTERS),
        ),
        panel(
            *("Dead letters dealt with", "short", m.DEAD_LETTERS_DEALT_WITH),
            largest(m.DEAD_LETTERS_DEALT_WITH),
        ),
        panel(
            *("Messages returned", "ops", m.RETURNED_MESSAGES),
            rate(m.RETURNED_MESSAGES),
        ),
        panel(
            *("Destinations that take none", "short", m.RETURNED_LINES),
            largest(m.RETURNED_LINES),
        ),
    ),
    "Servers": (
        panel(
            *("Servers that answer", "bool_yes_no", m.DATABASE_UP),
            *(largest(m.DATABASE_UP, "database"), largest(m.BROKER_UP, "broker")),
        ),
        panel(
            *("Database: last answer", "s", m.DATABASE_ASKED),
            age(m.DATABASE_ASKED),
        ),
        panel(
            *("Consumers", "short", m.BROKER_QUEUE_CONSUMERS),
            largest(m.BROKER_QUEUE_CONSUMERS),
        ),
        panel("Sessions with the database", "short", m.SESSIONS, largest(m.SESSIONS)),
        panel(
            *("Locks", "short", m.LOCK_WAITS),
            *(largest(m.LOCK_WAITS, "sessions that wait"), rate(m.ROWS_LEFT)),
        ),
        panel(
            *("Oldest transaction", "s", m.OLDEST_TRANSACTION),
            largest(m.OLDEST_TRANSACTION),
        ),
        panel("Attempts that failed", "ops", m.RETRIES, rate(m.RETRIES)),
        panel("Sessions opened", "ops", m.CONNECTIONS, rate(m.CONNECTIONS)),
        panel("Sessions that lost wake-ups", "ops", m.LISTENS_LOST, rate(m.LISTENS_LOST)),
    ),
    "Processes": (
        panel(
            *("Alive, and ready", "bool_yes_no", m.READY),
            *(each(m.LIVE, "alive"), each(m.READY, "ready")),
        ),
        panel(
            *("Loops that are stuck, or lack something", "short", m.LOOPS_STUCK),
            *(total(m.LOOPS_STUCK, "stuck"), total(m.LOOPS_WAITING, "lacks something")),
        ),
        panel("Loops", "short", m.LOOPS, total(m.LOOPS)),
        panel("Processes", "short", m.PROCESSES, total(m.PROCESSES)),
        panel("Starts of processes", "ops", m.PROCESS_STARTS, rate(m.PROCESS_STARTS)),
        panel("Rows of a batch", "short", m.BATCH_ROWS, quantile(m.BATCH_ROWS, "loop")),
        panel("Time of a batch", "s", m.BATCH_SECONDS, quantile(m.BATCH_SECONDS, "loop")),
        panel("Versions", "short", m.BUILD, versions(m.BUILD), versions(m.SHARD)),
    ),
    "Fetch API": (
        panel(
            *("Answers", "ops", m.FETCH_ANSWERS),
            count_rate(m.FETCH_ANSWERS),
        ),
        panel("Time of answers", "s", m.FETCH_ANSWERS, quantile(m.FETCH_ANSWERS, "resource")),
        panel(
            *("Questions to other shards", "ops", m.FETCH_QUESTIONS),
            count_rate(m.FETCH_QUESTIONS),
        ),
        panel(
            *("Time until other shards answer", "s", m.FETCH_QUESTIONS),
            quantile(m.FETCH_QUESTIONS, "resource"),
        ),
        panel(
            *("Configurations not learned", "ops", m.ROOT_CONFIGS_NOT_FETCHED),
            rate(m.ROOT_CONFIGS_NOT_FETCHED),
        ),
    ),
    "Scans and chores": (
        panel("Progress of the pass", "percentunit", m.SCAN_PROGRESS, largest(m.SCAN_PROGRESS)),
        panel(
            *("Behind the pace", "s", m.SCAN_LATE),
            *(largest(m.SCAN_LATE), largest(m.SCAN_PERIOD, "period")),
        ),
        panel("Last complete pass", "s", m.SCAN_PASS_END, age(m.SCAN_PASS_END)),
        panel("Pages visited", "ops", m.SCAN_PAGES, rate(m.SCAN_PAGES)),
        panel("Pages left out", "ops", m.SCAN_PAGES_FAILED, rate(m.SCAN_PAGES_FAILED)),
        panel("Chores", "ops", m.CHORES, rate(m.CHORES)),
    ),
    "Money": (
        panel("Accounts", "short", m.ACCOUNTS, largest(m.ACCOUNTS)),
        panel("Issued", "short", m.MONEY_ISSUED, largest(m.MONEY_ISSUED)),
        panel("Locked", "short", m.MONEY_LOCKED, largest(m.MONEY_LOCKED)),
        panel("Settings", "short", m.SETTING, largest(m.SETTING)),
    ),
}
