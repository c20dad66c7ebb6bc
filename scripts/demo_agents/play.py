"""Plays the steps of the demo, and shows what came of them."""

import argparse
from collections.abc import Sequence

from scripts.demo_agents.agents import Agents, make_accounts
from scripts.demo_agents.closing import close_books
from scripts.demo_agents.conversation import NoAnswerError, converse
from scripts.demo_agents.fetching import check_health
from scripts.demo_agents.plan import make_plan
from scripts.demo_agents.report import make_progress, print_json, show, trace_command
from scripts.demo_agents.steps import Step


def play(options: argparse.Namespace, broker_url: str, api_url: str) -> bool:
    """Does everything, and returns whether all went well. Raises `UnreachableError`."""
    api_url = api_url.rstrip("/")
    check_health(api_url, options.timeout)
    debtor, *creditors = make_accounts()
    creditor_ids = [account.creditor_id for account in creditors]
    with converse(broker_url, debtor.debtor_id, creditor_ids, options.timeout) as conversation:
        agents = Agents(conversation, debtor, creditors)
        steps = make_plan(agents, api_url, options.transfers, with_malformed=options.malformed)
        play_steps(agents, steps)
    return print_result(options, steps, agents, trace_command(agents))


def print_result(
    options: argparse.Namespace, steps: list[Step], agents: Agents, ending: Sequence[str] = ()
) -> bool:
    """Prints what has come of the steps. Returns whether all went well."""
    if options.json:
        print_json(steps, agents)
    else:
        show(steps, agents, ending)
    return all(step.result == "OK" for step in steps)


def play_steps(agents: Agents, steps: list[Step]) -> None:
    """Plays the steps, in order. One that misses an answer is the last."""
    with make_progress() as progress:
        bar = progress.add_task("", total=len(steps))
        for step in steps:
            progress.update(bar, description=step.name)
            try:
                for group in [step.talks] if step.at_once else [[talk] for talk in step.talks]:
                    agents.conversation.run(step, group)
            except NoAnswerError as error:
                step.problems += [str(error), *agents.conversation.faults]
                return
            step.is_done = True
            progress.advance(bar)
    close_books(agents, steps[-1])
    steps[-1].problems += agents.conversation.faults
