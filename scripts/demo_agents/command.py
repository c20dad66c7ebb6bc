"""The command: its arguments, its exit code."""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from scripts.demo_agents.agents import BINDINGS, Agents, make_agents, random_debtor_id
from scripts.demo_agents.closing import close_books
from scripts.demo_agents.conversation import Conversation, NoAnswerError
from scripts.demo_agents.fetching import check_health
from scripts.demo_agents.link import Link, UnreachableError
from scripts.demo_agents.plan import make_plan
from scripts.demo_agents.report import make_progress, print_json, show
from scripts.demo_agents.steps import Step

EXIT_WRONG = 1
EXIT_UNREACHABLE = 2
EXIT_INTERRUPTED = 130
_MAX_TIMEOUT_SECONDS = 3600
_MAX_TRANSFERS = 10_000  # for more, the creditors' money might not do


def run(description: str | None) -> int:
    """Runs the demo, and returns the exit code."""
    arguments = _parse_arguments(description)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not everybody has UTF-8
    try:
        is_right = _play(arguments)
    except UnreachableError as error:
        print(f"The authority cannot be reached: {error}", file=sys.stderr)
        print("Is one running? ./dev up starts one here.", file=sys.stderr)
        return EXIT_UNREACHABLE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0 if is_right else EXIT_WRONG


def _parse_arguments(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
        default=10.0,
        metavar="SECONDS",
        help="how long a step waits when no answer comes (default %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args()


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


def _play(arguments: argparse.Namespace) -> bool:
    """Does everything, and returns whether all went well."""
    broker_url, api_url = _address("PROTOCOL_BROKER_URL"), _address("FETCH_API_URL").rstrip("/")
    check_health(api_url, arguments.timeout)
    debtor_id = random_debtor_id()
    with Link(broker_url, BINDINGS) as link:
        agents = make_agents(Conversation(link, debtor_id, arguments.timeout), debtor_id)
        steps = make_plan(agents, api_url, arguments.transfers)
        _play_steps(agents, steps)
    if arguments.json:
        print_json(steps, agents)
    else:
        show(steps, agents)
    return all(step.result == "OK" for step in steps)


def _play_steps(agents: Agents, steps: Sequence[Step]) -> None:
    """Plays the steps, in order. One that misses an answer is the last."""
    with make_progress() as progress:
        bar = progress.add_task("", total=sum(len(step.talks) for step in steps))
        for step in steps:
            progress.update(bar, description=step.name)
            groups = [step.talks] if step.at_once else [[talk] for talk in step.talks]
            try:
                for group in groups:
                    agents.conversation.run(step, group, lambda: progress.advance(bar))
            except NoAnswerError as error:
                step.problems += [str(error), *agents.conversation.faults]
                return
            step.is_done = True
    close_books(agents, steps[-1])
    steps[-1].problems += agents.conversation.faults


def _address(name: str) -> str:
    address = os.environ.get(name, "")
    if not address:
        raise UnreachableError(f"the variable {name} is not set")
    return address
