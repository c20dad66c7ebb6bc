"""What each alert says about series that were made up, minute by minute."""

from dataclasses import dataclass, field

SHARD = 'job="swpt_accounts"'
SOURCE = f'{SHARD}, instance="a:1"'
IN = 'queue="swpt_accounts"'
DEAD = 'queue="swpt_accounts.XQ"'

Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """An alert, series, and the labels with which it fires at a minute; none: it does not."""

    alert: str
    minute: int
    series: Series
    fires: tuple[dict[str, str], ...] = ()
    name: str = field(default="", kw_only=True)


def metric(name: str, labels: str = "", source: str = SOURCE) -> str:
    """A series of the program."""
    return f"swpt_accounts_{name}{{{source}{', ' + labels if labels else ''}}}"


def of(**labels: str) -> tuple[dict[str, str], ...]:
    """The labels of one alert of the shard."""
    return ({"job": "swpt_accounts", **labels},)


def gauge(
    alert: str, name: str, labels: str, bad: str, good: str, minute: int, **fires: str
) -> list[Case]:
    """An alert about one gauge: a bad value, that value for too short, and a good one."""
    series = metric(name, labels)
    return [
        Case(alert, minute, {series: f"{bad}x{minute}"}, of(**fires)),
        Case(alert, minute, {series: f"{good}x{minute - 1} {bad}"}, name="for a moment"),
        Case(alert, minute, {series: f"{good}x{minute}"}, name="all is well"),
    ]


def growing(alert: str, name: str, labels: str, minute: int, by: int, **fires: str) -> list[Case]:
    """An alert about a counter that grows at all."""
    series = metric(name, labels)
    return [
        Case(alert, minute, {series: f"0+{by}x{minute}"}, of(**fires)),
        Case(alert, minute, {series: f"7x{minute}"}, name="it stands"),
    ]


def ending(alert: str, days: int) -> list[Case]:
    """An alert about a certificate (it is 1970), and about one that nobody can read."""
    series, seconds = metric("certificate_end_timestamp_seconds", 'file="a"'), days * 86400
    return [
        Case(alert, 1, {series: f"{seconds + 59}x1"}, of(file="a")),
        Case(alert, 1, {series: "0x1"}, of(file="a"), name="unreadable"),
        Case(alert, 1, {series: f"{seconds + 61}x1"}, name="later"),
    ]


LOOPS = (
    *("consume_messages", "consume_chore_messages", "process_transfer_requests"),
    *("verify_recipients", "process_finalization_requests", "process_balance_changes"),
    *("flush_messages", "scan_accounts", "scan_prepared_transfers"),
    "scan_registered_balance_changes",
)


def loops(*missing: str) -> Series:
    """A shard with two containers, of which one has all loops, but for some."""
    containers = {metric("live", source=f'{SHARD}, instance="{n}"'): "1x10" for n in "ab"}
    there = {metric("loops", f'loop="{loop}"'): "1x10" for loop in LOOPS if loop not in missing}
    return containers | there


def starts(by: str) -> Series:
    """Two processes of a command, whose starts are counted."""
    labels = 'command="flush_messages"'
    return {
        metric("process_starts_total", labels): by,
        metric("processes", labels): "2x20",
    }


def letters(count: str, dealt_with: str, put_aside: str = "0x70") -> Series:
    """What is in a dead-letter queue, and what was done."""
    return {
        metric("broker_queue_messages", DEAD): count,
        metric("broker_queue_messages", IN): "5x70",
        metric("dead_letters_dealt_with", DEAD): dealt_with,
        metric("dead_letters_total", 'reason="malformed"'): put_aside,
    }


def statuses(name: str, bad: str, good: str, bad_status: str, resource: str = "config") -> Series:
    """Answers by status."""
    labels = 'resource="{}", status="{}"'
    return {
        metric(f"{name}_count", labels.format(resource, bad_status)): bad,
        metric(f"{name}_count", labels.format(resource, "200")): good,
    }


def answers(slow_ones: int) -> Series:
    """A hundred answers in a minute, of which some take more than a second."""
    name, labels = "fetch_api_answer_seconds_bucket", 'resource="config", status="200", le="{}"'
    return {
        metric(name, labels.format("0.5")): f"0+{100 - slow_ones}x30",
        metric(name, labels.format("5.0")): "0+100x30",
        metric(name, labels.format("+Inf")): "0+100x30",
    }


def scan(name: str, values: str) -> Series:
    """A scan with a period of 600 seconds."""
    labels = 'scan="scan_accounts"'
    return {metric(name, labels): values, metric("scan_period_seconds", labels): "600x60"}


def version(*procedures: str) -> Series:
    """Containers with these versions of the procedures."""
    labels = 'version="1", procedures="{}"'
    return {
        metric("build_info", labels.format(p), f'{SHARD}, instance="{n}"'): "1x130"
        for n, p in enumerate(procedures)
    }


# What the exporter has always, if the server answers of which it tells.
ALWAYS = (
    *("ready", "processes", "build_info", "messages_sent_total", "dead_letters_total"),
    *("chores_total", "scan_pages_failed_total", "queue_oldest_seconds", "lock_waits"),
    *("oldest_transaction_seconds", "returned_lines", "dead_letters_dealt_with"),
    *("scan_period_seconds", "wal_archive_failing", "wal_unarchived_bytes", "database_standbys"),
    *("broker_queue_messages", "broker_queue_consumers"),
    *("idle_slots", "kept_wal_bytes", "lost_slots"),
)


def metrics(but: str = "") -> Series:
    """All of these, but for one."""
    names = ("live", "database_up", "broker_up", *ALWAYS)
    return {metric(name): "1x10" for name in names if name != but}


NODE = 'instance="db:9100", job="node"'
DISK = f'{NODE}, device="/dev/sda1", fstype="ext4", mountpoint="/srv"'
BROKER = 'instance="mq:15692", job="rabbitmq"'
PEER = 'vhost="/", queue="aa.1"'
OURS = (
    f'rabbitmq_detailed_queue_messages_ready{{{BROKER}, vhost="/", queue="swpt_accounts_chores"}}'
)
SUBJECTS = {
    "disks": f"node_filesystem_avail_bytes{{{DISK}}}",
    "alarms of RabbitMQ": f"rabbitmq_alarms_free_disk_space_watermark{{{BROKER}}}",
    "queues of peers": f"rabbitmq_detailed_queue_messages_ready{{{BROKER}, {PEER}}}",
    "certificates": metric("certificate_end_timestamp_seconds", 'file="server.crt"'),
}


def watched_but(*subjects: str) -> Series:
    """Series of other exporters, but for these."""
    return {series: "1x20" for name, series in SUBJECTS.items() if name not in subjects}


def disk(available: str) -> Series:
    """A disk of 1000 bytes."""
    return {
        f"node_filesystem_avail_bytes{{{DISK}}}": available,
        f"node_filesystem_size_bytes{{{DISK}}}": "1000x10",
    }


RETURNED = 'type="{}", outcome="returned"'
CASES = [
    Case("AccountsNotScraped", 3, {f"up{{{SOURCE}}}": "0x3"}, of(instance="a:1")),
    Case(
        "AccountsNotScraped",
        3,
        {f"up{{{SOURCE}}}": "1 0 1 0", metric("live"): "1x3"},
        name="for a moment",
    ),
    Case("AccountsNotScraped", 3, {'up{job="other"}': "1x3"}, ({},), name="nothing is known"),
    *(
        Case(
            "AccountsNotScraped",
            3,
            {f'up{{job="{job}"}}': "1x3", f'swpt_accounts_live{{job="{job}"}}': "1x3"},
            name=job,
        )
        for job in ("swpt_accounts_1", "swpt-accounts", "money/accounts")
    ),
    Case(
        "AccountsNotScraped",
        3,
        {f"up{{{SOURCE}}}": "1x3"},
        of(instance="a:1"),
        name="somebody else answers",
    ),
    *(
        Case(
            "AccountsMetricsMissing",
            6,
            metrics(but=name),
            of(metric=f"swpt_accounts_{name}"),
            name=name,
        )
        for name in ALWAYS
    ),
    Case("AccountsMetricsMissing", 6, metrics(), name="nothing is missing"),
    *gauge("AccountsNotLive", "live", "", "0", "1", 2, instance="a:1"),
    *gauge("AccountsNotReady", "ready", "", "0", "1", 6, instance="a:1"),
    Case("AccountsWorkerMissing", 10, loops()),
    *(Case("AccountsWorkerMissing", 10, loops(loop), of(loop=loop), name=loop) for loop in LOOPS),
    Case(
        "AccountsWorkersRestart",
        15,
        starts("2+1x20"),
        of(instance="a:1", command="flush_messages"),
    ),
    Case("AccountsWorkersRestart", 15, starts("2x5 4x15"), name="an upgrade"),
    Case("AccountsVersionsDiffer", 125, version("x", "y"), of()),
    Case("AccountsVersionsDiffer", 10, version("x", "y"), name="an upgrade"),
    Case("AccountsVersionsDiffer", 125, version("x", "x"), name="one version"),
    *gauge("AccountsDatabaseAway", "database_up", "", "0", "1", 3),
    Case("AccountsDatabaseAway", 3, {metric("live"): "1x3"}, of(), name="nobody says it"),
    *gauge("AccountsBrokerAway", "broker_up", IN, "0", "1", 3, queue="swpt_accounts"),
    Case("AccountsBrokerAway", 3, {metric("live"): "1x3"}, of(), name="nobody says it"),
    *gauge("AccountsArchivingFails", "wal_archive_failing", "", "1", "0", 16),
    Case("AccountsArchivingFails", 16, {metric("wal_unarchived_bytes"): "2000000000x16"}, of()),
    Case("AccountsStandbyLost", 40, {metric("database_standbys"): "2x20 1x20"}, of()),
    Case("AccountsStandbyLost", 40, {metric("database_standbys"): "2x10 1x5 2x25"}, name="back"),
    Case("AccountsSlotLost", 1, {metric("lost_slots"): "1x1"}, of()),
    Case("AccountsSlotLost", 1, {metric("lost_slots"): "0x1"}),
    Case("AccountsBrokerAway", 5, {metric("broker_up", DEAD): "0x5"}, name="no dead letters"),
    *gauge(
        "AccountsNobodyConsumes",
        *("broker_queue_consumers", IN, "0", "1", 4),
        queue="swpt_accounts",
    ),
    *gauge(
        "AccountsMessagesPileUp",
        *("broker_queue_messages", IN, "10001", "10000", 11),
        queue="swpt_accounts",
    ),
    *gauge("AccountsWalKept", "idle_slots", "", "1", "0", 16),
    *gauge("AccountsWalKept", "kept_wal_bytes", "", str(2**34), str(2**33), 16),
    *gauge("AccountsTransactionOpen", "oldest_transaction_seconds", "", "1801", "1800", 2),
    *gauge("AccountsLocksHeld", "messages_held", 'for="lock"', "1", "0", 6),
    Case("AccountsLocksHeld", 12, {metric("lock_waits"): "0 1 0 1 0 1 0 1 0 1 0 1 0"}, of()),
    Case("AccountsLocksHeld", 12, {metric("lock_waits"): "0x9 1 0 0 0"}, name="a short wait"),
    *gauge(
        "AccountsRequestsWait",
        *("queue_oldest_seconds", 'table="finalization_request"', "61", "60", 3),
        table="finalization_request",
    ),
    *gauge(
        "AccountsOutboxWaits",
        *("queue_oldest_seconds", 'table="account_transfer_signal"', "61", "60", 3),
        table="account_transfer_signal",
    ),
    *gauge(
        "AccountsRecipientsUnverified",
        *("queue_oldest_seconds", 'table="unverified_transfer_request"', "31", "30", 3),
    ),
    *gauge("AccountsMessagesReturned", "returned_lines", "", "1", "0", 21),
    *growing(
        "AccountsMoneyReturned",
        *("messages_sent_total", RETURNED.format("PendingBalanceChange"), 5, 1),
    ),
    Case(
        "AccountsMoneyReturned",
        5,
        {metric("messages_sent_total", RETURNED.format("AccountUpdate")): "0+1x5"},
        name="no money",
    ),
    Case("AccountsDeadLetters", 3, letters("7x5", "6x5"), of(queue="swpt_accounts.XQ")),
    Case("AccountsDeadLetters", 3, letters("7x5", "7x5"), name="all are dealt with"),
    Case("AccountsDeadLetters", 5, letters("7x5", "6 6 6 6 7 7"), name="now they are"),
    Case(
        "AccountsDeadLetters",
        5,
        letters("2x5", "7x5", "0+1x5"),
        of(queue="swpt_accounts.XQ"),
        name="the queue is a new one",
    ),
    Case("AccountsDeadLetters", 5, letters("2x5", "7x5"), name="the queue has lost old ones"),
    *growing("AccountsManyDeadLetters", "dead_letters_total", 'reason="malformed"', 10, 11),
    Case("AccountsManyDeadLetters", 10, letters("9x70", "0x70", "0+9x10"), name="some"),
    *growing("AccountsChoresDropped", "chores_total", 'outcome="dropped"', 5, 1),
    Case("AccountsChoresDropped", 5, {metric("chores_total", 'outcome="done"'): "0+1x5"}),
    Case(
        "AccountsFetchApiFails",
        12,
        statuses("fetch_api_answer_seconds", "0+6x12", "0+94x12", "503"),
        of(),
    ),
    Case(
        "AccountsFetchApiFails",
        12,
        statuses("fetch_api_answer_seconds", "0+4x12", "0+96x12", "500"),
        name="a few",
    ),
    Case("AccountsFetchApiSlow", 20, answers(slow_ones=5), of()),
    Case("AccountsFetchApiSlow", 20, answers(slow_ones=0), name="quick"),
    Case(
        "AccountsOtherShardsFail",
        20,
        statuses("fetch_api_question_seconds", "0+6x20", "0+94x20", "none"),
        of(),
    ),
    Case(
        "AccountsOtherShardsFail",
        20,
        statuses("fetch_api_question_seconds", "0+90x20", "0+10x20", "404"),
        name="accounts that are not there",
    ),
    *(
        Case(
            "AccountsRootConfigsNotFetched",
            65,
            {metric("root_configs_not_fetched_total"): f"0+{failed}x65"}
            | statuses("fetch_api_question_seconds", "0x65", "0+10x65", "404"),
            of() if failed > 5 else (),
            name=f"{failed} of 10",
        )
        for failed in (0, 4, 6)
    ),
    Case("AccountsScanLate", 20, scan("scan_late_seconds", "121x20"), of(scan="scan_accounts")),
    Case("AccountsScanLate", 20, scan("scan_late_seconds", "119x20"), name="a little"),
    Case(
        "AccountsScanStuck",
        40,
        scan("scan_last_pass_timestamp_seconds", "60x40"),
        of(scan="scan_accounts"),
    ),
    Case(
        "AccountsScanStuck",
        40,
        scan("scan_last_pass_timestamp_seconds", "0x10 600x10 1200x10 1800x10"),
        name="pass after pass",
    ),
    Case(
        "AccountsScanStuck",
        20,
        {metric("live"): "1x20", **scan("scan_last_pass_timestamp_seconds", "600x20")},
        tuple(
            {"job": "swpt_accounts", "scan": name}
            for name in ("scan_prepared_transfers", "scan_registered_balance_changes")
        ),
        name="nobody says it of the others",
    ),
    *growing(
        "AccountsScanPagesFailed",
        *("scan_pages_failed_total", 'scan="scan_accounts"', 5, 1),
        scan="scan_accounts",
    ),
    Case("AccountsOverflown", 9, {metric("accounts", 'state="overflown"'): "2x5 3x4"}, of()),
    Case("AccountsOverflown", 9, {metric("accounts", 'state="overflown"'): "2x9"}, name="old ones"),
    Case("AccountsDebtorNearLimit", 1, {metric("debtors_near_limit"): "1x1"}, of()),
    Case("AccountsDebtorNearLimit", 1, {metric("debtors_near_limit"): "0x1"}),
    *(
        Case("AccountsServersUnwatched", 16, watched_but(name), ({"subject": name},), name=name)
        for name in SUBJECTS
    ),
    Case("AccountsServersUnwatched", 16, watched_but()),
    Case(
        "AccountsDiskFull",
        6,
        disk("149x10"),
        ({"job": "node", "instance": "db:9100", "mountpoint": "/srv"},),
    ),
    Case("AccountsDiskFull", 6, disk("151x10")),
    Case(
        "AccountsDiskFull",
        6,
        {
            'kubelet_volume_stats_available_bytes{namespace="n", persistentvolumeclaim="c"}': "1x9",
            'kubelet_volume_stats_capacity_bytes{namespace="n", persistentvolumeclaim="c"}': "9x9",
        },
        ({"namespace": "n", "persistentvolumeclaim": "c"},),
        name="of a claim",
    ),
    *(
        Case(
            "AccountsBrokerAlarm",
            2,
            {f"rabbitmq_alarms_{name}{{{BROKER}}}": "1x2"},
            ({"job": "rabbitmq", "instance": "mq:15692"},),
            name=name,
        )
        for name in ("memory_used_watermark", "free_disk_space_watermark", "file_descriptor_limit")
    ),
    Case("AccountsBrokerAlarm", 2, {SUBJECTS["alarms of RabbitMQ"]: "0x2"}),
    Case(
        "AccountsPeerQueueLong",
        31,
        {SUBJECTS["queues of peers"]: "10001x31", OURS: "20000x31"},
        ({"job": "rabbitmq", "vhost": "/", "queue": "aa.1"},),
    ),
    Case("AccountsPeerQueueLong", 31, {SUBJECTS["queues of peers"]: "10000x31"}),
    Case(
        "AccountsPeerQueueFull",
        3,
        {SUBJECTS["queues of peers"]: "160001x3", OURS: "200000x3"},
        ({"job": "rabbitmq", "vhost": "/", "queue": "aa.1"},),
    ),
    Case("AccountsPeerQueueFull", 3, {SUBJECTS["queues of peers"]: "160000x3"}),
    *ending("AccountsCertificateEnds", days=30),
    *ending("AccountsCertificateEndsSoon", days=7),
]
