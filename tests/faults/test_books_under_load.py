"""`verify_books` finds nothing in right books, however much is under way."""

from collections import Counter
from threading import Event, Thread

import pytest

from agentkit.authority import Authority
from swpt_accounts.audit.books import BooksReport, check_books, open_books
from swpt_accounts.settings import load_settings
from tests.faults.load import PASSAGES, Load

REPORTS_COUNT_MIN = 40


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    """Several workers of each kind, in several processes: they end in any order."""
    return {
        "PROTOCOL_BROKER_PREFETCH_COUNT": "20",
        "FLUSH_PROCESSES": "2",
        "APP_PROMPT_ACCOUNT_UPDATES": "true",
        "APP_ACCOUNTS_SCAN_HOURS": "0.00005",
    }


def test_no_false_alarm_at_full_load(load: Load, authority: Authority) -> None:
    settings = load_settings({"POSTGRES_URL": authority.database_url})
    reports: list[BooksReport] = []
    passed: Counter[str] = Counter()
    is_over = Event()

    def verify() -> None:
        while not is_over.is_set():
            with open_books(settings) as snapshot:
                reports.append(check_books(snapshot))
                for table in PASSAGES:
                    ((count,),) = snapshot.find(f"SELECT count(*) FROM {table}")
                    passed[table] += count

    def is_enough() -> bool:
        """There was something to be wrong about."""
        changes = passed["pending_balance_change"] + passed["finalization_request"]
        signals = passed["account_transfer_signal"] + passed["finalized_transfer_signal"]
        has_passed = all((passed["prepared_transfer"], changes, signals))
        return len(reports) >= REPORTS_COUNT_MIN and has_passed

    thread = Thread(target=verify)
    thread.start()
    try:
        load.run_until(lambda: is_enough() or not thread.is_alive())
    finally:
        is_over.set()
        thread.join()
    assert [f for report in reports for f in report.findings] == []
    assert is_enough()
