"""A shard in operation, to start a test from."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.db.shard import Row, Shard
from tests.db.wire import Message
from tests.model import builders
from tests.model.builders import BOB, DEBTOR, NOW, ROOT
from tests.model.state import PreparedTransfer


def open_books(shard: Shard, balances: Mapping[int, int], *, rate: float = 0.0) -> None:
    """Open a root account and the creditors' accounts at `NOW`, and issue their balances.

    The outboxes are empty afterwards.
    """
    configure_root(shard, rate=rate)
    shard.receive(*map(builders.configure_account, balances))
    for creditor_id, amount in balances.items():
        if amount != 0:
            commit(shard, [(prepare(shard, ROOT, creditor_id, amount, "issuing"), amount)])
    shard.process_balance_changes()
    shard.take_messages()


def configure_root(
    shard: Shard, ts: datetime = NOW, *, negligible_amount: float = 1e30, **config: object
) -> None:
    """Configure the debtor's account; `config` is what RootConfigData may contain."""
    config_data = json.dumps({"type": "RootConfigData", **config})
    shard.receive(
        builders.configure_account(
            ROOT, ts, config_data=config_data, negligible_amount=negligible_amount
        )
    )


def prepare(
    shard: Shard,
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
        max_commit_delay=2**31 - 1,
        **fields,
    )
    shard.receive(message)
    shard.process_transfer_requests()
    transfer = prepared(shard, creditor_id)[-1]
    assert transfer.locked_amount == amount
    return transfer


def prepared(shard: Shard, creditor_id: int) -> list[PreparedTransfer]:
    """The prepared transfers of an account, the last one at the end."""
    transfers = [PreparedTransfer(**row) for row in shard.rows("prepared_transfer")]
    return [transfer for transfer in transfers if transfer.creditor_id == creditor_id]


def commit(shard: Shard, amounts: list[tuple[PreparedTransfer, int]]) -> list[str]:
    """Finalize transfers together; returns the status codes."""
    shard.take_messages()
    shard.receive(*[builders.finalize_transfer(t, amount) for t, amount in amounts])
    shard.process_finalization_requests()
    answers = {row["transfer_id"]: row for row in shard.rows("finalized_transfer_signal")}
    return [answers[transfer.transfer_id]["status_code"] for transfer, _ in amounts]


def delete_account(shard: Shard, creditor_id: int, ts: datetime) -> None:
    """Schedule the account for deletion, and delete it."""
    shard.receive(
        builders.configure_account(creditor_id, ts, config_flags=1, negligible_amount=1e30)
    )
    shard.perform_chore(builders.chore("TryToDeleteAccount", creditor_id))
    assert account(shard, creditor_id)["status_flags"] & 1


def account(shard: Shard, creditor_id: int = BOB) -> Row:
    """The account of the creditor."""
    return shard.account(DEBTOR, creditor_id)


def sent(shard: Shard, message_type: str) -> list[Message]:
    """Take all messages out of the outboxes; returns those of one type."""
    return [message for message in shard.take_messages() if message["type"] == message_type]
