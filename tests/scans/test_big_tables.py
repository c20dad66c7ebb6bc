"""The scans on big tables: every row once in a pass, at an even pace, in the same memory.

All three make one pass at the same time, each in its own process. What is due is spread over all
pages of the tables, so the moment at which something was done tells when its page was read.
"""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agentkit.authority import CHORES_QUEUE, Authority
from agentkit.processes import Service, program_command

PASS_SECONDS = 15.0
EARLY_SECONDS_MAX = 1.0
# A busy machine may keep a scan waiting; it catches up. An idle one is no excuse.
LATE_SECONDS_MAX = 6.0
IDLE_SHARE_MIN = 0.25
PASS_SECONDS_MAX = 150.0
MEMORY_GROWTH_KIB_MAX = 1024
SAMPLE_SECONDS = 0.25

ACCOUNTS_COUNT = 200_000
TRANSFERS_COUNT = 100_000
CHANGES_COUNT = 200_000
# Pages have more rows than this, so that something is due on each.
ACCOUNTS_DUE_EVERY = 10
TRANSFERS_DUE_EVERY = 40
CHANGES_DUE_EVERY = 80
CHORES_EVERY = 500

# The due account updates, reminders, and removals; and a few accounts that ask for their deletion.
FILL = f"""
INSERT INTO account_key SELECT 1, i FROM generate_series(1, {ACCOUNTS_COUNT}) AS i;

INSERT INTO account (
    debtor_id, creditor_id, creation_date, last_change_ts, principal,
    last_interest_capitalization_ts, last_transfer_id, config_flags, last_heartbeat_ts
)
SELECT
    1, i, '2024-05-20', now(), 1000 * (1 - flag), now(), 1, flag,
    CASE WHEN i % {ACCOUNTS_DUE_EVERY} = 0 THEN now() - interval '8 days' ELSE now() END
FROM generate_series(1, {ACCOUNTS_COUNT}) AS i,
    LATERAL (SELECT (i % {CHORES_EVERY} = 0)::integer) AS f (flag);

INSERT INTO prepared_transfer (
    debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
    coordinator_request_id, locked_amount, recipient_creditor_id, prepared_at,
    demurrage_rate, deadline, final_interest_rate_ts
)
SELECT
    1, 1, i, 'direct', 1, i, 0, 2,
    CASE WHEN i % {TRANSFERS_DUE_EVERY} = 0 THEN now() - interval '8 days' ELSE now() END,
    -50, 'infinity', 'infinity'
FROM generate_series(1, {TRANSFERS_COUNT}) AS i;

INSERT INTO registered_balance_change (
    debtor_id, other_creditor_id, change_id, committed_at, is_applied
)
SELECT
    1, 1, i, CASE WHEN i % {CHANGES_DUE_EVERY} = 0 THEN '2023-12-31' ELSE now() END, true
FROM generate_series(1, {CHANGES_COUNT}) AS i;
"""

# What is removed from the archive leaves no trace of its own.
WATCH_REMOVALS = """
CREATE TABLE removal (change_id bigint, ts timestamptz);
CREATE FUNCTION note_removals() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO removal SELECT change_id, now() FROM removed;
    RETURN NULL;
END
$$;
CREATE TRIGGER note_removals AFTER DELETE ON registered_balance_change
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION note_removals();
"""


@dataclass(frozen=True)
class Scan:
    """A scan, and where it can be seen what it has done."""

    command: str
    unit_seconds: int
    """Of the option that says how long a pass takes."""
    table: str
    key: str
    due_keys: range
    effects: str

    @property
    def arguments(self) -> tuple[str, ...]:
        option = "--hours" if self.unit_seconds == 3600 else "--days"
        return self.command, option, f"{PASS_SECONDS / self.unit_seconds:.9f}", "--quit-early"


SCANS = (
    Scan(
        "scan_accounts",
        3600,
        "account",
        "creditor_id",
        range(ACCOUNTS_DUE_EVERY, ACCOUNTS_COUNT + 1, ACCOUNTS_DUE_EVERY),
        "account_update_signal",
    ),
    Scan(
        "scan_prepared_transfers",
        86400,
        "prepared_transfer",
        "transfer_id",
        range(TRANSFERS_DUE_EVERY, TRANSFERS_COUNT + 1, TRANSFERS_DUE_EVERY),
        "prepared_transfer_signal",
    ),
    Scan(
        "scan_registered_balance_changes",
        86400,
        "registered_balance_change",
        "change_id",
        range(CHANGES_DUE_EVERY, CHANGES_COUNT + 1, CHANGES_DUE_EVERY),
        "removal",
    ),
)
# The fixture fills the tables, and waits for the passes.
pytestmark = pytest.mark.timeout(300)
each_scan = pytest.mark.parametrize("scan", SCANS, ids=lambda scan: scan.command)


@dataclass
class Pass:
    """What was seen of a pass."""

    service: Service
    idle_pages_count: int
    """Pages on which nothing is due."""
    sizes: list[tuple[float, int]] = field(default_factory=list)
    """The moments, and how many KiB the process had to itself."""
    effects: list[tuple[int, float]] = field(default_factory=list)
    """What was done to which row, and when; in this order."""
    idle_share: float = 0.0
    """How much of its time the machine had nothing to do meanwhile."""

    def watch(self) -> None:
        assert self.service.process is not None
        try:
            status = Path("/proc", str(self.service.process.pid), "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return  # it has ended
        # one that has ended, and that nobody has waited for yet, has no memory any more
        if match := re.search(r"^RssAnon:\s+(\d+) kB$", status, re.MULTILINE):
            self.sizes.append((time.monotonic(), int(match[1])))


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    return {"REMOVE_FROM_ARCHIVE_THRESHOLD_DATE": "2024-01-01"}


def count_idle_pages(authority: Authority, scan: Scan) -> int:
    ((count,),) = authority.query(
        "SELECT pg_relation_size(%s::text::regclass) / current_setting('block_size')::bigint"
        f" - (SELECT count(DISTINCT (ctid::text::point)[0]) FROM {scan.table}"
        f" WHERE {scan.key} %% %s = 0)",
        scan.table,
        scan.due_keys.step,
    )
    return int(count)


def read_effects(authority: Authority, scan: Scan) -> list[tuple[int, float]]:
    return authority.query(
        f"SELECT {scan.key}, extract(epoch FROM ts)::float FROM {scan.effects} ORDER BY 2"
    )


@pytest.fixture(scope="module")
def passes(idle_authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pass]:
    """One pass of each scan, over full tables; by command."""
    authority = idle_authority
    authority.query(FILL)
    authority.query(WATCH_REMOVALS)
    folder = tmp_path_factory.mktemp("scans")
    made = {}
    for scan in SCANS:
        service = Service(
            scan.command, program_command(*scan.arguments), folder / f"{scan.command}.log"
        )
        made[scan.command] = Pass(service, count_idle_pages(authority, scan))
    make_passes(authority, made)
    for scan in SCANS:
        made[scan.command].effects = read_effects(authority, scan)
    return made


def machine_ticks() -> tuple[int, int]:
    """The time that all cores had since the start of the machine, and what of it was idle."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[3]


def make_passes(authority: Authority, passes: dict[str, Pass]) -> None:
    """Let all of them begin, and wait for their end."""
    end = time.monotonic() + PASS_SECONDS_MAX
    before = machine_ticks()
    try:
        for one in passes.values():
            one.service.start(authority.environment)
        while any(one.service.is_alive() for one in passes.values()):
            assert time.monotonic() < end, "the passes do not end"
            for one in passes.values():
                one.watch()
            time.sleep(SAMPLE_SECONDS)
    finally:
        for one in passes.values():
            one.service.kill()
    all_ticks, idle_ticks = (b - a for a, b in zip(before, machine_ticks(), strict=True))
    for one in passes.values():
        one.idle_share = idle_ticks / all_ticks


@each_scan
def test_pass_comes_to_a_good_end(passes: dict[str, Pass], scan: Scan) -> None:
    service = passes[scan.command].service
    assert service.process is not None
    assert (service.process.returncode, service.log) == (0, "")


@each_scan
def test_every_row_is_seen_once(passes: dict[str, Pass], scan: Scan) -> None:
    keys = [key for key, _ in passes[scan.command].effects]
    assert sorted(keys) == list(scan.due_keys)


def test_every_chore_is_posted_once(passes: dict[str, Pass], idle_authority: Authority) -> None:
    broker = idle_authority.broker
    creditor_ids = []
    while message := broker.get(CHORES_QUEUE):
        assert message.type == "TryToDeleteAccount"
        creditor_ids.append(message.data["creditor_id"])
    assert sorted(creditor_ids) == list(range(CHORES_EVERY, ACCOUNTS_COUNT + 1, CHORES_EVERY))


@each_scan
def test_pace_is_even(passes: dict[str, Pass], scan: Scan) -> None:
    one = passes[scan.command]
    assert one.idle_pages_count == 0, "there are pages of which it is not known when they were read"
    late_max = LATE_SECONDS_MAX if one.idle_share >= IDLE_SHARE_MIN else PASS_SECONDS_MAX
    _, started_at = one.effects[0]
    for tenths in range(1, 11):
        _, ts = one.effects[len(one.effects) * tenths // 10 - 1]
        delay = ts - started_at - PASS_SECONDS * tenths / 10
        assert -EARLY_SECONDS_MAX <= delay <= late_max, f"at {tenths} tenths of the pages"


@each_scan
def test_memory_does_not_grow(passes: dict[str, Pass], scan: Scan) -> None:
    sizes = passes[scan.command].sizes
    quarter_at = sizes[-1][0] - PASS_SECONDS * 3 / 4
    later = [size for moment, size in sizes if moment >= quarter_at]
    assert max(later) - later[0] <= MEMORY_GROWTH_KIB_MAX
