"""Each alert fires for a real fault, and for none when all is well."""

import pytest

from agentkit.authority import CHORES_QUEUE
from agentkit.waiting import wait_until
from tests.e2e.letters import run
from tests.observability import misfortunes
from tests.observability.watched import AWAY_JOB, JOB, Watched
from tests.support.prometheus import ALERTS, NEEDED, read_alerts

pytestmark = NEEDED

PEERS = {
    "AccountsMessagesReturned": {"job": JOB},
    "AccountsMoneyReturned": {"job": JOB},
}
OTHERS = {
    "AccountsWorkersRestart": {"command": "consume_chore_messages"},
    "AccountsWorkerMissing": {"job": JOB, "loop": "process_balance_changes"},
    "AccountsVersionsDiffer": {"job": JOB},
    "AccountsDatabaseAway": {"job": AWAY_JOB},
    "AccountsBrokerAway": {"job": AWAY_JOB, "queue": CHORES_QUEUE},
    "AccountsNotReady": {"job": AWAY_JOB},
    "AccountsNobodyConsumes": {"job": JOB, "queue": CHORES_QUEUE},
    "AccountsMessagesPileUp": {"job": JOB, "queue": CHORES_QUEUE},
    "AccountsWalKept": {"job": JOB},
    "AccountsTransactionOpen": {"job": JOB},
    "AccountsLocksHeld": {"job": JOB},
    "AccountsRequestsWait": {"job": JOB, "table": "pending_balance_change"},
    "AccountsRecipientsUnverified": {"job": JOB},
    "AccountsDeadLetters": {"job": JOB, "queue": "swpt_accounts.XQ"},
    "AccountsManyDeadLetters": {"job": JOB},
    "AccountsChoresDropped": {"job": JOB},
    "AccountsFetchApiFails": {"job": JOB},
    "AccountsFetchApiSlow": {"job": JOB},
    "AccountsOtherShardsFail": {"job": JOB},
    "AccountsRootConfigsNotFetched": {"job": JOB},
    "AccountsScanLate": {"job": JOB, "scan": "scan_accounts"},
    "AccountsScanStuck": {"job": JOB, "scan": "scan_registered_balance_changes"},
    "AccountsScanPagesFailed": {"job": JOB, "scan": "scan_accounts"},
    "AccountsOverflown": {"job": JOB},
    "AccountsDebtorNearLimit": {"job": JOB},
    "AccountsCertificateEnds": {"job": JOB, "file": "peers/aa/sub-ca.crt"},
    "AccountsCertificateEndsSoon": {"job": JOB, "file": "server.crt"},
}
# On a server of its own: test_database_alerts_fire.py. The last one, by cases alone: the exporter
# has always all metrics.
ELSEWHERE = {
    *("AccountsArchivingFails", "AccountsStandbyLost", "AccountsSlotLost"),
    "AccountsMetricsMissing",
}
FROZEN = {
    "AccountsOutboxWaits": {"job": JOB},
    "AccountsNotLive": {"job": JOB},
    "AccountsNotScraped": {"job": JOB},
}


def test_every_alert_is_made_to_fire() -> None:
    names = {alert["alert"] for alert in read_alerts(ALERTS)}
    assert {*PEERS, *OTHERS, *FROZEN, *ELSEWHERE} == names


@pytest.mark.timeout(240)
def test_nothing_fires_when_all_is_well(watched: Watched) -> None:
    query = watched.prometheus.query
    counted = 'swpt_accounts_accounts{state="overflown"} == 0'
    wait_until(lambda: query(counted), 120, "the scan has counted the accounts")
    wait_until(lambda: query("swpt_accounts_database_up == 1"), 60, "the database is asked")
    wait_until(lambda: query("swpt_accounts_ready == 1"), 60, "it is ready")
    wait_until(lambda: not watched.prometheus.firing(), 60, "nothing fires")


@pytest.mark.timeout(420)
def test_faults_are_told(watched: Watched) -> None:
    prometheus = watched.prometheus
    misfortunes.too_much_money_comes(watched)
    misfortunes.somebody_issues_too_much(watched)
    misfortunes.begin_another_version(watched)
    misfortunes.begin_without_servers(watched)
    misfortunes.peers_leave(watched)
    misfortunes.nonsense_comes(watched)
    misfortunes.a_child_stops_receiving(watched)
    misfortunes.somebody_locks(watched)
    misfortunes.web_stutters(watched)
    misfortunes.somebody_changes_a_table(watched)
    misfortunes.certificates_age(watched)
    prometheus.await_alerts(PEERS, watched.go_on)
    misfortunes.freeze_the_flusher(watched)
    misfortunes.chores_die(watched)
    prometheus.await_alerts(OTHERS, watched.go_on)
    watched.other.kill()
    prometheus.await_alerts(FROZEN, watched.go_on)


@pytest.mark.timeout(180)
def test_dead_letters_that_were_dealt_with_alert_no_more(watched: Watched) -> None:
    assert run(watched.authority, "discard", "--yes").code == 0
    wait_until(lambda: not letters_alert(watched), 90, "the alert ends")
    watched.authority.send_raw(b"more nonsense")
    wait_until(lambda: letters_alert(watched), 90, "it is back")


def letters_alert(watched: Watched) -> bool:
    return any(a["alertname"] == "AccountsDeadLetters" for a in watched.prometheus.firing())
