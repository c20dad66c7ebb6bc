"""The calculator of sizes, and the page that it makes."""

import json
import math
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.results import read_results
from scripts.sizing import page
from scripts.sizing.__main__ import answer, parse_arguments
from scripts.sizing.coefficients import (
    RESULTS,
    Coefficients,
    NotMeasuredError,
    coefficients_of,
    first_touches,
)
from scripts.sizing.plan import (
    SHARDS_MAX,
    Assumptions,
    Demand,
    Plan,
    PlanError,
    make_plan,
)
from scripts.sizing.wording import as_text, duration

ROOT = Path(__file__).parents[2]
QUICK = settings(deadline=None, database=None, max_examples=100)

# Round numbers, so that one can reckon in one's head.
ROUND = Coefficients(
    cores_count=2,
    measured_at="2026-01-01T00:00:00+00:00",
    throughput_per_second=2000,
    authority_cpu_ms=0.2,
    database_cpu_ms=0.1,
    broker_cpu_ms=0.4,
    crossing_ratio=1.5,
    update_authority_cpu_ms=0.0,
    update_database_cpu_ms=0.0,
    update_broker_cpu_ms=0.0,
    scan_cores=0.1,
    queue_messages_per_second=20_000,
    memory_mib=200,
    account_bytes=500,
    account_index_bytes=100,
    accounts_per_page=16,
    archived_bytes=100,
    digest_bytes=20,
    journal_bytes=4000,
    wal_bytes=4000,
    image_wal_bytes=16_000,
    update_wal_bytes=0.0,
    network_bytes=10_000,
    update_message_bytes=0,
    vacuum_seconds=1e-6,
    restore_seconds_per_gb=36,
    not_measured=(),
)
# One shard on one core, nothing added for what has not been measured.
PLAIN = Assumptions(utilisation=1, cores_per_shard=1, text_bytes=0, index_wear=1, broker_nodes=1)


def used(plan: Plan, part: str) -> float:
    [found] = [limit.used for limit in plan.limits if part in limit.name]
    return found


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return read_results(RESULTS)


# -- the arithmetic -----------------------------------------------------------------


def test_one_shard_by_hand() -> None:
    plan = make_plan(Demand(1_000_000, 1000), ROUND, PLAIN)
    assert plan.shards_count == 1
    assert plan.crossing_share == 0
    assert plan.authority_cores == pytest.approx(0.2)
    assert plan.database_cores == pytest.approx(0.1)
    assert plan.broker_cores == pytest.approx(0.4)
    assert plan.machine_cores == pytest.approx(0.7)
    assert plan.accounts_gb == pytest.approx(0.5)
    assert plan.archive_gb == plan.journal_gb == 0
    assert plan.database_gb == pytest.approx(0.5 + 960 * 1000 * 20 / 1e9)
    assert plan.restore_hours == pytest.approx(plan.database_gb * 0.01)
    assert plan.network_mb_per_second == pytest.approx(10)
    assert used(plan, "cores") == pytest.approx(0.7)
    assert used(plan, "queue") == pytest.approx(2 * 1000 / 20_000)
    assert used(plan, "scan") == pytest.approx(0.1 / 100)
    updates = 1_000_000 / (7 * 86_400) + 1_000_000 / 3600
    assert plan.updates_per_second == pytest.approx(updates)
    assert used(plan, "vacuum") == pytest.approx(1e-6 * (4000 + updates) / 0.05)
    assert used(plan, "restore") == pytest.approx(plan.restore_hours / 4)
    assert plan.first_limit.name == "the cores of a shard's machine"


def test_several_shards_by_hand() -> None:
    demand = Demand(1_000_000, 1000, keep_days=23, shards_count=4)
    plan = make_plan(demand, ROUND, PLAIN)
    assert plan.crossing_share == 0.75
    assert plan.broker_cores == pytest.approx(0.4 * (1 + 0.75 * 0.5))
    # 23 days, and 7 until the scan has come by
    assert plan.archive_gb == pytest.approx(30 * 86_400 * 1000 * 0.75 * 100 / 1e9)
    assert used(plan, "queue") == pytest.approx(2.75 * 1000 / 4 / 20_000)


def test_changed_accounts_have_no_more_updates_than_an_hour_allows() -> None:
    few = make_plan(Demand(3600, 1000), ROUND, PLAIN)
    many = make_plan(Demand(10**9, 1000, shards_count=1), ROUND, PLAIN)
    assert few.updates_per_second == pytest.approx(1, rel=0.01)
    assert many.updates_per_second == pytest.approx(2000 + 10**9 / (7 * 86_400))


def test_the_journal_keeps_its_days_and_today() -> None:
    plan = make_plan(Demand(1000, 1, journal_days=6), ROUND, PLAIN)
    assert plan.journal_gb == pytest.approx(7 * 86_400 * 4000 / 1e9)
    without = make_plan(Demand(1000, 1), ROUND, PLAIN)
    assert without.journal_gb == 0
    # what is written into a table is written into the WAL
    more = plan.wal_gb_per_day - without.wal_gb_per_day
    assert more == pytest.approx(86_400 * 4000 / 1e9)


def test_images_of_pages_are_written_once_between_checkpoints() -> None:
    def wal_bytes(accounts_count: int, rate: float) -> float:
        plan = make_plan(Demand(accounts_count, rate, shards_count=1), ROUND, PLAIN)
        return plan.wal_gb_per_day * 1e9 / 86_400 / rate

    assert wal_bytes(16, 10_000) == pytest.approx(4000, rel=0.001)
    assert wal_bytes(10**12, 1) == pytest.approx(20_000, rel=0.001)
    assert 4000 < wal_bytes(1_000_000, 100) < 20_000


@pytest.mark.parametrize(
    ("touches", "pages", "share"),
    [(0, 100, 1.0), (1, 10**9, 1.0), (100, 100, 1 - math.exp(-1)), (10**6, 1, 1e-6)],
)
def test_first_touches(touches: float, pages: float, share: float) -> None:
    assert first_touches(touches, pages) == pytest.approx(share)


def test_machines_have_more_cores_than_are_busy() -> None:
    half = make_plan(Demand(1000, 100), ROUND, Assumptions(utilisation=0.5, broker_nodes=3))
    busy = half.authority_cores + half.database_cores + half.broker_cores
    assert half.machine_cores == pytest.approx(2 * busy)
    assert used(half, "cores") == pytest.approx(
        (busy - half.broker_cores * 2 / 3) / 2 / 0.5  # the nodes beyond the first are elsewhere
    )


@pytest.mark.parametrize(("rate", "clusters"), [(0, 1), (40_000, 1), (40_100, 2), (80_100, 3)])
def test_what_a_cluster_cannot_do_goes_to_another(rate: float, clusters: int) -> None:
    plan = make_plan(Demand(1000, rate, shards_count=1), ROUND, replace(PLAIN, broker_nodes=3))
    assert plan.broker_clusters_count == clusters
    assert plan.memory_gb == pytest.approx(0.2 * 2**20 / 1e6 + 1 + clusters * 3 * 2)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "cores"),
        ({"queue_messages_per_second": 10}, "queue"),
        ({"scan_cores": 10_000.0}, "scan"),
        ({"vacuum_seconds": 1.0}, "vacuum"),
        ({"restore_seconds_per_gb": 1e9}, "restore"),
    ],
)
def test_each_limit_can_be_the_first(changes: dict[str, Any], name: str) -> None:
    plan = make_plan(Demand(1_000_000, 1000, shards_count=1), replace(ROUND, **changes), PLAIN)
    assert name in plan.first_limit.name
    assert [limit.used for limit in plan.limits] == sorted(
        (limit.used for limit in plan.limits), reverse=True
    )


@QUICK
@given(accounts_count=st.integers(1, 10**10), rate=st.floats(0, 10**5))
def test_as_few_shards_as_will_do(accounts_count: int, rate: float) -> None:
    demand = Demand(accounts_count, rate)
    plan = make_plan(demand, ROUND)
    assert plan.is_enough
    assert plan.shards_count.bit_count() == 1
    if plan.shards_count > 1:
        half = replace(demand, shards_count=plan.shards_count // 2)
        assert not make_plan(half, ROUND).is_enough


@QUICK
@given(accounts_count=st.integers(1, 10**9), rate=st.floats(0, 10**4), more=st.floats(1, 10))
def test_more_needs_no_less(accounts_count: int, rate: float, more: float) -> None:
    few = make_plan(Demand(accounts_count, rate, shards_count=8), ROUND)
    many = make_plan(Demand(round(accounts_count * more), rate * more, shards_count=8), ROUND)
    for name, value in asdict(few).items():
        if isinstance(value, (int, float)):
            assert asdict(many)[name] >= value * (1 - 1e-9), name


# -- nonsense -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accounts_count": 0}, "accounts: 0 is not between 1 and"),
        ({"accounts_count": 10**13}, "accounts"),
        ({"transfers_per_second": -1}, "transfers a second: -1 is not between 0 and"),
        ({"transfers_per_second": math.nan}, "transfers a second"),
        ({"transfers_per_second": math.inf}, "transfers a second"),
        ({"keep_days": 13}, "days to keep the archive: 13 is not between 14 and"),
        ({"journal_days": 31}, "days of the journal"),
        ({"shards_count": 0}, "shards"),
        ({"shards_count": SHARDS_MAX + 1}, "shards"),
    ],
)
def test_nonsense_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        Demand(**{"accounts_count": 1000, "transfers_per_second": 1.0, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"utilisation": 0},
        {"utilisation": 1.1},
        {"cores_per_shard": 0},
        {"restore_hours_max": 0},
        {"checkpoint_seconds": 0},
        {"broker_nodes": 0},
        {"broker_cores_per_node": 0},
    ],
)
def test_nonsense_is_not_assumed(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        Assumptions(**changes)


def test_what_no_number_of_shards_can_do_is_said() -> None:
    hopeless = replace(ROUND, queue_messages_per_second=1e-9)
    with pytest.raises(PlanError, match="not even 1,048,576 shards will do: the shard's queue"):
        make_plan(Demand(1000, 1000), hopeless)


# -- the results --------------------------------------------------------------------


def _sizes() -> dict[str, Any]:
    accounts = {
        "account": {"table": 400.0, "indexes": 50.0, "total": 450.0},
        "account_key": {"table": 30.0, "indexes": 20.0, "total": 50.0},
    }
    update = {"consumer": 0.1, "scans": 0.2, "PostgreSQL": 0.3, "broker": 0.4, "driver": 9.0}
    run = {
        "few": {"wal_bytes": 4000.0, "network_bytes": 9000.0, "digest_bytes": 21.0},
        # as many touches as pages
        "many": {"count": 5000, "accounts_count": 200_000, "wal_bytes": 4000 + 1e4 * 0.632121},
        "update": {"cpu_ms": update, "wal_bytes": 6000.0, "message_bytes": 760},
        "vacuum": {"seconds": 0.5, "accounts_count": 250_000},
        "archive": {"bytes": 120.0},
        "restore": {"restore_seconds": 8.0, "schema_seconds": 3.0, "restored_bytes": 5e8},
    }
    return {"account_bytes": accounts, "accounts_per_page": 20.0, "runs": [run]}


def test_coefficients_are_read_from_results(results: dict[str, Any]) -> None:
    scenarios = {
        **results["scenarios"],
        "sizes": _sizes(),
        "shards": {"runs": [{"4": {"ratio": 1.4}}, {"4": {"ratio": 1.5}}]},
        "journal": {"runs": [{"on": {"bytes_per_transfer": 4100.0}}]},
    }
    found = coefficients_of({**results, "scenarios": scenarios})
    assert found.not_measured == ()
    assert found.account_bytes == 500
    assert found.account_index_bytes == 70
    assert found.accounts_per_page == 20
    assert found.archived_bytes == 120
    assert found.update_authority_cpu_ms == pytest.approx(0.3)
    assert (found.update_database_cpu_ms, found.update_broker_cpu_ms) == (0.3, 0.4)
    assert found.crossing_ratio == pytest.approx(1.45)
    assert found.image_wal_bytes == pytest.approx(10_000, rel=1e-5)
    assert found.vacuum_seconds == pytest.approx(2e-6)
    assert found.restore_seconds_per_gb == pytest.approx(10)
    assert found.journal_bytes == 4100
    together = found.authority_cpu_ms + found.database_cpu_ms + found.broker_cpu_ms
    totals = sorted(run["cpu_ms_total"] for run in results["scenarios"]["burst"]["runs"])
    assert totals[0] * 0.99 <= together <= totals[-1] * 1.01


def test_what_was_not_measured_is_named(results: dict[str, Any]) -> None:
    scenarios = {n: s for n, s in results["scenarios"].items() if n not in ("sizes", "shards")}
    found = coefficients_of({**results, "scenarios": scenarios})
    assert found.crossing_ratio == 1.6
    assert {"crossing_ratio", "account_bytes", "wal_bytes"} <= set(found.not_measured)
    text = as_text(make_plan(Demand(1000, 1), found), found, Assumptions())
    assert "Not measured, but guessed: " in text
    assert "crossing_ratio" in text


def test_without_a_burst_nothing_can_be_said(results: dict[str, Any]) -> None:
    with pytest.raises(NotMeasuredError, match=r"\./dev bench --only burst --publish"):
        coefficients_of({**results, "scenarios": {}})


# -- the command, and the page --------------------------------------------------------


def test_the_command_answers_in_words_and_for_programs() -> None:
    arguments = ["--accounts", "1000000", "--transfers-a-second", "100"]
    assert "what breaks first" in answer(parse_arguments(arguments))
    document = json.loads(answer(parse_arguments([*arguments, "--shards", "2", "--json"])))
    assert document["plan"]["shards_count"] == 2
    assert document["plan"]["accounts_count"] == 1_000_000
    assert document["coefficients"]["cores_count"] > 0
    assert document["assumptions"]["utilisation"] == 0.5


def test_the_command_says_what_is_not_tried() -> None:
    arguments = ["--accounts", "1000", "--transfers-a-second", "1", "--cores-a-shard", "64"]
    assert "Not tried: a shard on 64 cores." in answer(parse_arguments(arguments))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "--accounts and --transfers-a-second are needed"),
        (["--accounts", "x", "--transfers-a-second", "1"], 2, "invalid int value"),
        (["--accounts", "0", "--transfers-a-second", "1"], 1, "./dev size: accounts: 0 is not"),
    ],
)
def test_the_command_refuses_nonsense(arguments: list[str], code: int, words: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "scripts.sizing", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_the_page_tells_what_the_command_says(results: dict[str, Any]) -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.fill(text, results) == text


def test_the_page_has_every_part() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    for name in page.PARTS:
        assert text.count(f"<!-- begin {name} -->") == 1
        assert text.count(f"<!-- end {name} -->") == 1


@pytest.mark.parametrize(
    ("hours", "text"),
    [(0.0001, "< 1 s"), (0.001, "4 s"), (0.5, "30 min"), (1.0, "1.0 h"), (7.25, "7.2 h")],
)
def test_durations_are_in_the_unit_that_suits(hours: float, text: str) -> None:
    assert duration(hours) == text
