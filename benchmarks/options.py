"""What to measure, and how much of it."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.addresses import VARIABLES


@dataclass(frozen=True)
class Sizes:
    """How much each scenario does."""

    raw_limits_count: int = 20_000
    accounts_count: int = 10_000
    warm_up_count: int = 3_000
    burst_count: int = 20_000
    lone_count: int = 400
    steady_count: int = 10_000
    steady_rate: float = 500.0
    curve_seconds: float = 4.0
    """At the lowest rates, more."""
    causes_seconds: float = 2.0
    opening_count: int = 10_000
    fetch_seconds: float = 5.0
    backlog_few: int = 1_000
    backlog_few_rounds: int = 10
    backlog_many: int = 100_000
    accounts_few: int = 1_000
    accounts_many: int = 1_000_000
    accounts_transfers: int = 20_000
    scan_accounts: int = 1_000_000
    scan_transfers: int = 20_000
    sizes_accounts: int = 1_000_000
    archived_count: int = 20_000
    status_rows: int = 1_000_000
    """So many accounts, and so many rows that wait."""
    status_rounds: int = 20
    storm_count: int = 1_000_000
    stomp_count: int = 4_000
    stomp_few: int = 800
    cores_transfers: int = 3_000
    cores_most: int = 4
    """So many processes of a kind, or cores of a server, at most."""
    servers_count: int = 10_000
    servers_lone: int = 160
    queue_messages: int = 20_000
    flood_seconds: float = 30.0
    moved_accounts: int = 1_000_000
    """Of the databases that are moved and split."""
    moved_archive: int = 10_000_000
    split_archive: int = 1_000_000
    free_seconds: float = 60.0
    held_seconds: float = 60.0
    memory_seconds: float = 60.0
    settling_seconds: float = 30.0
    """After the start, before an idle authority is measured."""
    idle_seconds: float = 60.0
    start_rounds: int = 3
    """In each run, so often the whole is started."""
    outstanding_max: int = 2_000
    """In long runs: as many transfers are under way at any moment."""
    timeout_seconds: float = 120.0
    """How long a run may take beyond its own time."""


FULL = Sizes()
LONG_SECONDS = 600.0
SMOKE = Sizes(
    raw_limits_count=1_000,
    accounts_count=50,
    warm_up_count=20,
    burst_count=300,
    lone_count=20,
    steady_count=100,
    steady_rate=100.0,
    curve_seconds=0.3,
    causes_seconds=0.3,
    opening_count=100,
    fetch_seconds=0.5,
    backlog_few=20,
    backlog_few_rounds=2,
    backlog_many=200,
    accounts_few=20,
    accounts_many=2_000,
    accounts_transfers=200,
    scan_accounts=2_000,
    scan_transfers=200,
    sizes_accounts=2_000,
    archived_count=200,
    status_rows=2_000,
    status_rounds=2,
    storm_count=2_000,
    stomp_count=100,
    stomp_few=40,
    cores_transfers=50,
    cores_most=1,
    servers_count=200,
    servers_lone=20,
    queue_messages=500,
    flood_seconds=1.0,
    moved_accounts=2_000,
    moved_archive=2_000,
    split_archive=2_000,
    free_seconds=1.5,
    held_seconds=1.5,
    memory_seconds=1.5,
    settling_seconds=0.0,
    idle_seconds=1.0,
    start_rounds=1,
    outstanding_max=100,
    timeout_seconds=30.0,
)


@dataclass(frozen=True)
class Options:
    """The command line."""

    sizes: Sizes
    names: tuple[str, ...]
    runs_count: int
    output: Path
    is_smoke: bool
    is_published: bool
    is_report_only: bool
    servers: Mapping[str, Mapping[str, str]]
    """Others, by their names: the variables with the addresses that are different there."""


def parse_options(
    arguments: Sequence[str], names: Sequence[str], asked_for: Sequence[str] = ()
) -> Options:
    """The options; `names` are those of all scenarios. Exits when something is wrong.

    Those that have to be asked for are not among the scenarios of a whole run.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure a whole authority under load, and check that it does everything"
        " once and right. The scenarios: "
        + ", ".join(names)
        + ". "
        + " and ".join(asked_for)
        + " are measured with --only, and with --smoke.",
        epilog="docs/performance.md tells what is measured, and how. The exit code is 1 when"
        " anything was incorrect, however fast it was.",
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--smoke", action="store_true", help="everything, but small: is it correct? (CI does this)"
    )
    group.add_argument(
        "--long", action="store_true", help="ten minutes of load where the default is one"
    )
    group.add_argument(
        "--seconds", type=float, metavar="S", help="S seconds of load where the default is 60"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=names, help="only these scenarios"
    )
    for name in ("accounts", "archive"):
        parser.add_argument(f"--{name}", type=int, metavar="N", help="of moving and splitting")
    parser.add_argument(
        "--servers",
        nargs="+",
        metavar="NAME=POSTGRES,RABBITMQ,MANAGEMENT",
        type=_other_servers,
        default=(),
        help="the URLs of others, for the scenarios servers and queue_types, which measure them in"
        " turns with those of ./dev; where one is empty, that of ./dev",
    )
    parser.add_argument("--runs", type=int, metavar="N", help="runs of each scenario (default: 3)")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", default=Path("var/bench"), help="(default: var/bench)"
    )
    parser.add_argument(
        "--publish",
        action="store_true",
        help="put the results into docs/performance.md, in place of older ones",
    )
    parser.add_argument(
        "--report-only",
        action="store_true",
        help="measure nothing: make docs/performance.md anew",
    )
    given = parser.parse_args(arguments)
    runs_count = given.runs if given.runs is not None else 1 if given.smoke else 3
    if runs_count < 1:
        parser.error("--runs: at least 1")
    if given.smoke and given.publish:
        parser.error("--smoke measures nothing that could be published")
    return Options(
        sizes=_sizes(given),
        names=tuple(given.only or _names(given, names, asked_for)),
        runs_count=runs_count,
        output=given.output,
        is_smoke=given.smoke,
        is_published=given.publish,
        is_report_only=given.report_only,
        servers=dict(given.servers),
    )


def _other_servers(text: str) -> tuple[str, dict[str, str]]:
    """A name, and the variables with the addresses that are given."""
    name, _, addresses = text.partition("=")
    urls = addresses.split(",")
    if not name or len(urls) != len(VARIABLES) or not any(urls):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=POSTGRES,RABBITMQ,MANAGEMENT")
    return name, {variable: url for variable, url in zip(VARIABLES, urls, strict=True) if url}


def _names(
    given: argparse.Namespace, names: Sequence[str], asked_for: Sequence[str]
) -> Sequence[str]:
    return names if given.smoke else [name for name in names if name not in asked_for]


def _sizes(given: argparse.Namespace) -> Sizes:
    sizes = SMOKE if given.smoke else FULL
    if seconds := LONG_SECONDS if given.long else given.seconds:
        sizes = replace(sizes, held_seconds=seconds, memory_seconds=seconds, flood_seconds=seconds)
    if given.accounts:
        sizes = replace(sizes, moved_accounts=given.accounts)
    if given.archive:
        sizes = replace(sizes, moved_archive=given.archive, split_archive=given.archive)
    return sizes
