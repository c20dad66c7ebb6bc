"""Shows an authority at work, and checks that it keeps to the protocol.

Plays the agents of a debtor and of its creditors: opens a new currency and accounts, issues
money, pays, and does what must fail. It uses what any agent uses: the exchanges of the broker at
$PROTOCOL_BROKER_URL, and the fetch API at $FETCH_API_URL. What stays: the accounts, and a queue,
demo_agents, which takes what the authority sends to their owners later.

Exit code 0: everything was as the protocol says; 1: something was not; 2: the authority cannot
be reached.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence

# What is not of the standard library is imported when it is known what to do.

EXIT_WRONG = 1
EXIT_UNREACHABLE = 2
EXIT_INTERRUPTED = 130
_MAX_TIMEOUT_SECONDS = 3600
_MAX_TRANSFERS = 10_000  # for more, the creditors' money might not do


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(
        prog="./dev demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, seconds=10.0)
    parser.add_argument(
        "--malformed",
        action="store_true",
        help="send a malformed message, too: it stays as a dead letter, which `status` reports",
    )
    return parser.parse_args(arguments)


def add_options(parser: argparse.ArgumentParser, *, seconds: float) -> None:
    """Those of whatever plays these steps; a step waits so long if nobody says otherwise."""
    parser.add_argument(
        "--transfers",
        type=_transfers,
        default=20,
        metavar="N",
        help="how many payments there are between creditors (default %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=seconds,
        metavar="SECONDS",
        help="how long a step waits for an answer (default %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _transfers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_TRANSFERS:
        raise argparse.ArgumentTypeError(f"it must be from 1 to {_MAX_TRANSFERS}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds <= _MAX_TIMEOUT_SECONDS:
        raise argparse.ArgumentTypeError(f"it must be above 0, and at most {_MAX_TIMEOUT_SECONDS}")
    return seconds


def _address(name: str) -> str:
    address = os.environ.get(name)
    if not address:
        sys.exit(f"The variable {name} is not set. ./dev demo sets it.")
    return address


def main() -> int:
    """Run the demo. Returns the exit code."""
    options = parse()
    from scripts.demo_agents.conversation import UnreachableError
    from scripts.demo_agents.play import play

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not everybody has UTF-8
    try:
        is_right = play(options, _address("PROTOCOL_BROKER_URL"), _address("FETCH_API_URL"))
    except UnreachableError as error:
        print(f"The authority cannot be reached: {error}", file=sys.stderr)
        print("Is one running? ./dev up starts one here.", file=sys.stderr)
        return EXIT_UNREACHABLE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0 if is_right else EXIT_WRONG


if __name__ == "__main__":
    raise SystemExit(main())
