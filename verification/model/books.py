"""A node in operation, to start a test from."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from . import builders
from .builders import BOB, DEBTOR, NOW, ROOT
from .node import Node, Row
from .state import Message, PreparedTransfer


def open_books(node: Node, balances: Mapping[int, int], *, rate: float = 0.0) -> None:
    """Open a root account and the creditors' accounts at `NOW`, and issue their balances.

    There are no messages afterwards.
    """
    configure_root(node, rate=rate)
    node.receive(*map(builders.configure_account, balances))
    for creditor_id, amount in balances.items():
        if amount != 0:
            commit(node, [(prepare(node, ROOT, creditor_id, amount, "issuing"), amount)])
    node.process_balance_changes()
    node.take_messages()


def configure_root(
    node: Node, ts: datetime = NOW, *, negligible_amount: float = 1e30, **config: object
) -> None:
    """Configure the debtor's account; `config` is what RootConfigData may contain."""
    config_data = json.dumps({"type": "RootConfigData", **config})
    node.receive(
        builders.configure_account(
            ROOT, ts, config_data=config_data, negligible_amount=negligible_amount
        )
    )


def prepare(
    node: Node,
    creditor_id: int,
    recipient_id: int,
    amount: int,
    coordinator_type: str = "direct",
    **fields: Any,
) -> PreparedTransfer:
    """Prepare a transfer, which must succeed and lock the whole amount."""
    message = builders.prepare_transfer(
        creditor_id,
        recipient_id,
        amount,
        coordinator_type=coordinator_type,
        **{"max_commit_delay": 2**31 - 1, **fields},
    )
    node.receive(message)
    node.process_transfer_requests()
    transfer = prepared(node, creditor_id)[-1]
    assert transfer.locked_amount == amount
    assert transfer.transfer_id == account(node, creditor_id)["last_transfer_id"]
    return transfer


def prepared(node: Node, creditor_id: int) -> list[PreparedTransfer]:
    """The prepared transfers of an account, the last one at the end."""
    transfers = [PreparedTransfer(**row) for row in node.prepared_transfers()]
    return [transfer for transfer in transfers if transfer.creditor_id == creditor_id]


def commit(node: Node, amounts: list[tuple[PreparedTransfer, int]]) -> list[str]:
    """Finalize transfers together; returns the status codes. Only what is sent now is left."""
    node.take_messages()
    node.receive(*[builders.finalize_transfer(t, amount) for t, amount in amounts])
    node.process_finalization_requests()
    answers = {m["transfer_id"]: m for m in _of_type("FinalizedTransfer", node.peek_messages())}
    return [answers[transfer.transfer_id]["status_code"] for transfer, _ in amounts]


def delete_account(node: Node, creditor_id: int, ts: datetime) -> None:
    """Schedule the account for deletion by a message of the moment `ts`, and delete it."""
    node.receive(
        builders.configure_account(creditor_id, ts, config_flags=1, negligible_amount=1e30)
    )
    node.perform_chore(builders.chore("TryToDeleteAccount", creditor_id))
    assert account(node, creditor_id)["status_flags"] & 1


def account(node: Node, creditor_id: int = BOB) -> Row:
    """The account of the creditor."""
    return node.account(DEBTOR, creditor_id)


def everything(node: Node) -> dict[str, list[Row]]:
    """All that is remembered, and all that is sent."""
    return {**node.state(), "message": node.peek_messages()}


def creditors(node: Node) -> list[int]:
    """Those who have an account, by their ids."""
    return [row["creditor_id"] for row in node.accounts()]


def pending_amounts(node: Node) -> list[int]:
    """The amounts of the balance changes that wait, in their order."""
    return [row["principal_delta"] for row in node.pending_changes()]


def sent(node: Node, message_type: str) -> list[Message]:
    """Take all messages; returns those of one type."""
    return _of_type(message_type, node.take_messages())


def _of_type(message_type: str, messages: list[Message]) -> list[Message]:
    return [message for message in messages if message["type"] == message_type]
