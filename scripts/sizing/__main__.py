"""The command: `./dev size --accounts N --transfers-a-second R`."""

import argparse
import sys
from collections.abc import Sequence

from scripts.sizing import page
from scripts.sizing.coefficients import NotMeasuredError, coefficients_of, read_results
from scripts.sizing.plan import Assumptions, Demand, PlanError, make_plan
from scripts.sizing.wording import as_json, as_text


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The options. Exits when something is wrong."""
    demand = Demand(1, 1)
    assumptions = Assumptions()
    parser = argparse.ArgumentParser(
        prog="./dev size",
        description="How many shards, cores and gigabytes so many accounts and transfers need,"
        " and what breaks first. docs/scaling.md tells what that is made of.",
    )
    parser.add_argument("--accounts", type=int, metavar="N")
    parser.add_argument("--transfers-a-second", type=float, metavar="R")
    parser.add_argument("--shards", type=int, metavar="K", help="(default: as many as it takes)")
    parser.add_argument(
        "--keep-days",
        type=float,
        metavar="D",
        default=demand.keep_days,
        help="how long the archive is kept, by REMOVE_FROM_ARCHIVE_THRESHOLD_DATE"
        " (default: %(default)g)",
    )
    parser.add_argument(
        "--journal-days", type=int, metavar="D", default=0, help="JOURNAL_DAYS (default: 0)"
    )
    parser.add_argument(
        "--cores-a-shard",
        type=int,
        metavar="N",
        help="of the machine of a shard (default: as many as that of the measurement)",
    )
    parser.add_argument(
        "--restore-hours",
        type=float,
        metavar="H",
        default=assumptions.restore_hours_max,
        help="so long may a shard be away while it is restored (default: %(default)g)",
    )
    parser.add_argument(
        "--utilisation",
        type=float,
        metavar="U",
        default=assumptions.utilisation,
        help="so much of what was measured is planned with (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--page", action="store_true", help="nothing but: make the tables of docs/scaling.md anew"
    )
    given = parser.parse_args(arguments)
    if not given.page and (given.accounts is None or given.transfers_a_second is None):
        parser.error("--accounts and --transfers-a-second are needed")
    return given


def answer(given: argparse.Namespace) -> str:
    """What is printed. Raises `PlanError`, and `NotMeasuredError`."""
    demand = Demand(
        accounts_count=given.accounts,
        transfers_per_second=given.transfers_a_second,
        keep_days=given.keep_days,
        journal_days=given.journal_days,
        shards_count=given.shards,
    )
    assumptions = Assumptions(
        utilisation=given.utilisation,
        cores_per_shard=given.cores_a_shard,
        restore_hours_max=given.restore_hours,
    )
    coefficients = coefficients_of(read_results())
    plan = make_plan(demand, coefficients, assumptions)
    return (as_json if given.json else as_text)(plan, coefficients, assumptions)


def main() -> None:
    """Answer."""
    given = parse_arguments(sys.argv[1:])
    try:
        if given.page:
            page.write(read_results())
        else:
            sys.stdout.write(answer(given))
    except (PlanError, NotMeasuredError) as error:
        sys.exit(f"./dev size: {error}")


if __name__ == "__main__":
    main()
