"""What one can say to `./dev chaos`."""

import argparse
from collections.abc import Sequence

from tests.faults.chaos.cluster import Cluster
from tests.faults.chaos.faults import KINDS, MANY, ONE, SLOW
from tests.faults.chaos.plan import Kind
from tests.faults.chaos.servers import Servers


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="./dev chaos",
        description="Runs a whole authority under load on servers of its own, and lets them fail"
        " at random. After each round nothing may be lost, doubled, or stuck.",
    )
    add = parser.add_argument
    add("--rounds", type=int, default=5, metavar="N", help="how many rounds (default: 5)")
    add("--minutes", type=float, metavar="M", help="begin no more rounds after so many minutes")
    add("--seed", type=int, default=1, metavar="S", help="of the first round; the next has S + 1")
    add(
        "--servers", choices=("one", "many"), default="one", help="one of each, or clusters of them"
    )
    add("--direct", action="store_true", help="with many: no HAProxy before PostgreSQL")
    add("--asynchronous", action="store_true", help="with many: the standby does not confirm")
    add("--only", nargs="+", choices=KINDS, metavar="FAULT", help="no other faults than these")
    add("--steps", type=int, nargs="*", metavar="K", help="only these steps of each plan")
    add("--slow", action="store_true", help=f"also {', '.join(SLOW)}: minutes for each round")
    add("--no-shrink", action="store_true", help="do not look for the fewest faults")
    add("--list", action="store_true", help="show the faults, and end")
    add("--plan", action="store_true", help="show the plans of the rounds, and end")
    options = parser.parse_args(arguments)
    options.kinds = kinds_of(parser, options)
    return options


def kinds_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[Kind]:
    """The faults of the plans."""
    has_many = options.servers == "many"
    if not has_many and (options.direct or options.asynchronous):
        parser.error("--direct and --asynchronous are for --servers many")
    possible = [kind.name for kind in (MANY if has_many else ONE)]
    if wrong := [name for name in options.only or () if name not in possible]:
        parser.error(f"not with --servers {options.servers}: {', '.join(wrong)}")
    names = options.only or [name for name in possible if options.slow or name not in SLOW]
    return [KINDS[name] for name in names]


def make_servers(options: argparse.Namespace) -> Servers:
    if options.servers == "one":
        return Servers()
    return Cluster(is_synchronous=not options.asynchronous, is_direct=options.direct)


def show_kinds(options: argparse.Namespace) -> None:
    for kind in MANY if options.servers == "many" else ONE:
        slow = " (slow)" if kind.name in SLOW else ""
        print(f"{kind.name:17} {kind.what}{slow}")
