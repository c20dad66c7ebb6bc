"""Shows what came of the demo, on a terminal or elsewhere."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from scripts.demo_agents.agents import Agents
from scripts.demo_agents.closing import read_balances
from scripts.demo_agents.steps import HOPS, Step

_COLORS = {"OK": "green", "WRONG": "bold red", "not tried": "yellow"}
_PLAIN_WIDTH = 140
_WIDE = 95  # where the longest code fits
_LONGEST_TYPE = len("FinalizedTransfer")
_LONGEST_CODE = len("INSUFFICIENT_AVAILABLE_AMOUNT")
_MAX_PROBLEMS_SHOWN = 5  # of a step; often they are alike


def make_progress() -> Progress:
    """A bar, which is only seen on a terminal (and goes away when the work is done)."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def show(steps: Sequence[Step], agents: Agents, ending: Sequence[str]) -> None:
    """Prints a table of the steps, what went wrong, the books, and these lines."""
    is_terminal = sys.stdout.isatty()
    console = Console(highlight=False, width=None if is_terminal else _PLAIN_WIDTH)
    console.print(_table(console, steps))
    console.print()
    for step in steps:
        if step.remark and step.is_done:
            console.print(escape(step.remark), soft_wrap=True, style="dim")
    for step in steps:
        _show_problems(console, step)
    for line in [*_books(agents), *ending]:
        console.print(line, soft_wrap=True)


def _table(console: Console, steps: Sequence[Step]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("step")
    table.add_column("result", no_wrap=True)
    table.add_column("sent", no_wrap=True)
    longest = _LONGEST_CODE if console.width >= _WIDE else _LONGEST_TYPE
    table.add_column("came back", min_width=longest, overflow="fold")
    hops = HOPS if any(step.hops_ms for step in steps) else ()
    for title in ("n", "min ms", "median", "max", *hops):
        table.add_column(title, justify="right", no_wrap=True)
    for step in steps:
        result = f"[{_COLORS[step.result]}]{step.result}[/]"
        rows = [_cells(row, hops) for row in step.summary()] or [[""] * (6 + len(hops))]
        titles = [escape(step.name), result]
        for cells in rows:
            table.add_row(*titles, *cells)
            titles = ["", ""]
    return table


def _cells(row: dict[str, Any], hops: Sequence[str]) -> list[str]:
    times = [f"{row[name]:.1f}" for name in ("min_ms", "median_ms", "max_ms")]
    times += [f"{row['hops_ms'][name]:.1f}" if "hops_ms" in row else "" for name in hops]
    return [escape(row["sent"]), escape(row["received"]), str(row["count"]), *times]


def _show_problems(console: Console, step: Step) -> None:
    shown = step.problems[:_MAX_PROBLEMS_SHOWN]
    for problem in shown:
        text = f"[bold red]WRONG[/]  {escape(step.name)}: {escape(problem)}"
        console.print(text, soft_wrap=True)
    if len(step.problems) > len(shown):
        console.print(f"       ... and {len(step.problems) - len(shown)} more")


def _books(agents: Agents) -> list[str]:
    balances = read_balances(agents)
    held = " + ".join(f"{name} {amount}" for name, amount in balances["held"].items())
    lines = [
        f"Books of the currency {agents.debtor.debtor_id}",
        "  {issued} issued - {returned} returned = {in_circulation}".format(**balances),
        f"  held by {held} = {balances['sum_held']}",
    ]
    if count := agents.conversation.repeated:
        lines.append(f"  messages that came again, unchanged, which is allowed: {count}")
    return lines


def trace_command(agents: Agents) -> list[str]:
    """How to see what became of the last payment."""
    if (made := agents.last_payment) is None:
        return []
    ids = [made[name] for name in ("debtor_id", "creditor_id", "transfer_id")]
    # What ./dev has started has a supervisor with a folder; another one is in containers.
    program = "./dev run" if "SUPERVISOR_DIR" in os.environ else "docker/entrypoint.sh"
    return [
        "The last payment: debtor {}, creditor {}, transfer {}. To see what became of it:".format(
            *ids
        ),
        "  {} trace transfer {} {} {}".format(program, *ids),
    ]


def print_json(steps: Sequence[Step], agents: Agents) -> None:
    """Prints the same as a JSON object."""
    document = {
        "ok": all(step.result == "OK" for step in steps),
        "debtor_id": agents.debtor.debtor_id,
        "books": read_balances(agents),
        "repeated_messages": agents.conversation.repeated,
        "steps": [
            {
                "name": step.name,
                "result": step.result,
                "at_once": step.at_once,
                "answers": step.summary(),
                "problems": step.problems,
            }
            for step in steps
        ],
    }
    print(json.dumps(document, indent=2))
