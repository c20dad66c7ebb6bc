"""The AccountTransfers of an account make a chain, which its owner can check."""

from collections.abc import Iterable

from agentkit.messages import Message
from agentkit.received import Received


def check_chain(transfers: Iterable[Message], *, are_all_reported: bool = True) -> list[str]:
    """Says where the AccountTransfers of an account do not follow from each other.

    Where all transfers are reported, none being negligible, they add up to the principals.
    """
    problems = []
    number = principal = 0
    for message in sorted(transfers, key=lambda transfer: int(transfer["transfer_number"])):
        if not are_all_reported:
            principal = message["principal"] - message["acquired_amount"]
        expected = (number, principal + message["acquired_amount"])
        found = (message["previous_transfer_number"], message["principal"])
        if found != expected:
            problems.append(
                f"transfer number {message['transfer_number']}: expected"
                f" (previous_transfer_number, principal) {expected}, came {found}"
            )
        number, principal = message["transfer_number"], message["principal"]
    return problems


def chain_problems(messages: Iterable[Received], *, are_all_reported: bool = False) -> list[str]:
    """Says what is wrong with the chains of all accounts; repetitions must be equal."""
    chains: dict[tuple[int, int, str], dict[int, Message]] = {}
    problems = []
    for message in messages:
        if message.type == "AccountTransfer":
            data = message.data
            account = (data["debtor_id"], data["creditor_id"], data["creation_date"])
            before = chains.setdefault(account, {}).setdefault(data["transfer_number"], data)
            if before != data:
                problems.append(f"repeated with a different content: {before}, {data}")
    for account, chain in chains.items():
        for text in check_chain(chain.values(), are_all_reported=are_all_reported):
            problems.append(f"{account}: {text}")
    return problems
