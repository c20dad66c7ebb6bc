"""The AccountTransfers of an account make a chain, which its owner can check."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

from agentkit.messages import Message
from agentkit.received import Received


class Link(NamedTuple):
    """What an AccountTransfer says about its place in the chain."""

    number: int
    previous: int
    amount: int
    principal: int


_START = Link(0, 0, 0, 0)


def link_of(transfer: Message) -> Link:
    """The link that an AccountTransfer is."""
    return Link(
        transfer["transfer_number"],
        transfer["previous_transfer_number"],
        transfer["acquired_amount"],
        transfer["principal"],
    )


def link_problems(
    links: Iterable[Link], start: Link | None = _START, *, are_all_reported: bool = True
) -> list[str]:
    """Says where links, which may come in any order, do not follow from each other.

    Without a start the first link may follow from anything. Where all transfers are reported, none
    being negligible, they add up to the principals.
    """
    problems = []
    for link in sorted(links):
        known = start or Link(link.previous, 0, 0, link.principal - link.amount)
        before = known.principal if are_all_reported else link.principal - link.amount
        expected = (known.number, before + link.amount)
        found = (link.previous, link.principal)
        if found != expected:
            problems.append(
                f"transfer number {link.number}: expected"
                f" (previous_transfer_number, principal) {expected}, came {found}"
            )
        start = link
    return problems


def chain_problems(
    messages: Iterable[Received], *, are_all_reported: bool = False, are_whole: bool = True
) -> list[str]:
    """Says what is wrong with the chains of all accounts; repetitions must be equal.

    The chains are whole, or begin anywhere.
    """
    chains: dict[tuple[Any, ...], dict[int, Message]] = {}
    problems = []
    for message in messages:
        if message.type == "AccountTransfer":
            data = message.data
            account = (data["debtor_id"], data["creditor_id"], data["creation_date"])
            before = chains.setdefault(account, {}).setdefault(data["transfer_number"], data)
            if before != data:
                problems.append(f"repeated with a different content: {before}, {data}")
    for account, chain in chains.items():
        links = map(link_of, chain.values())
        start = _START if are_whole else None
        for text in link_problems(links, start, are_all_reported=are_all_reported):
            problems.append(f"{account}: {text}")
    return problems


def is_later(update: Message, previous: Message) -> bool:
    """Returns whether an AccountUpdate is newer than another one of the account."""
    a, b = _change(update), _change(previous)
    if a != b:
        return a > b
    ahead: int = (update["last_change_seqnum"] - previous["last_change_seqnum"]) % (1 << 32)
    return 0 < ahead < 1 << 31


def _change(update: Message) -> tuple[date, datetime]:
    creation_date = date.fromisoformat(update["creation_date"])
    return creation_date, datetime.fromisoformat(update["last_change_ts"])
