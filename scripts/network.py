"""Shows a network at work: three nodes on this machine, and the STOMP programs of real nodes.

An authority of ours, a creditors agent and a debtors agent, each with its own certificate
authority and virtual host, get to know each other, and a currency lives through the steps of
./dev demo. Each message goes all the way: the agent's RabbitMQ, its STOMP client, TLS, the
authority's STOMP server, the authority; and back. Meanwhile a fourth node joins, by the commands
of docs/how-to/join-the-network.md, and is deactivated. In the end nothing of it is left.

SWPT_REAL has to name a folder with the programs of real nodes.

Exit code 0: everything was as it should be; 1: something was not, or is missing; 130: interrupted.
"""

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from secrets import token_urlsafe
from typing import TYPE_CHECKING

# What is not of the standard library is imported when it is known what to do.
from scripts.demo import EXIT_INTERRUPTED, EXIT_WRONG, add_options

if TYPE_CHECKING:
    from scripts.demo_network.ending import Ending
    from scripts.demo_network.network import Network


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command. Ends the program, with a line, if it could not run."""
    parser = argparse.ArgumentParser(
        prog="./dev network",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, seconds=30.0)
    help_text = "a console beside the authority, and the steps again and again, until Ctrl-C"
    parser.add_argument("--console", action="store_true", help=help_text)
    options = parser.parse_args(arguments)
    from agentkit.real_nodes import programs_missing

    if text := programs_missing():
        sys.exit(f"dev: {text}; then: SWPT_REAL=FOLDER ./dev network")
    return options


def _run(options: argparse.Namespace, ending: "Ending") -> bool:
    from scripts.demo_network.network import Network, say
    from scripts.demo_network.play import play

    network = Network(ending)
    network.begin()
    if options.console:
        say(_start_console(network, ending))
    is_right = play(options, network, with_guest=True)
    while is_right and options.console and sys.stdin.isatty():
        say("once more; Ctrl-C ends it")
        is_right = play(options, network, with_guest=False)
    return is_right


def _start_console(network: "Network", ending: "Ending") -> str:
    from agentkit.processes import Service, free_port, program_command
    from agentkit.waiting import KitError, wait_until

    token, port = token_urlsafe(24), str(free_port())
    service = Service("console", program_command("console"), network.folder / "console.log")
    settings = {"CONSOLE_TOKEN": token, "CONSOLE_PORT": port}
    ending.callback(service.kill)
    service.start({**network.authority.environment, **settings})

    def listens() -> bool:
        if not service.is_alive():
            raise KitError(f"the console has ended:\n{service.log}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", int(port))) == 0

    wait_until(listens, what="the console listens")
    return f"the console: http://127.0.0.1:{port}/   the token: {token}"


def main() -> int:
    """Run it. Returns the exit code."""
    options = parse()
    from agentkit.real_nodes import what_is_missing
    from agentkit.waiting import KitError
    from scripts.demo_network.ending import Ending

    if text := what_is_missing():
        sys.exit(f"dev: {text}")
    os.environ["FLASK_SKIP_DOTENV"] = "1"
    try:
        with Ending() as ending:
            return 0 if _run(options, ending) else EXIT_WRONG
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (KitError, AssertionError) as error:
        print(f"dev: {error}", file=sys.stderr)
        return EXIT_WRONG


if __name__ == "__main__":
    raise SystemExit(main())
