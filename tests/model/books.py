"""An authority in operation, to start a test from."""

import json
from collections.abc import Mapping
from datetime import datetime

from . import builders
from .builders import BOB, DEBTOR, NOW, ROOT
from .oracle import Authority
from .state import Account, Message, Params, PreparedTransfer


def open_books(
    balances: Mapping[int, int], *, rate: float = 0.0, params: Params | None = None
) -> Authority:
    """Open a root account and the creditors' accounts at `NOW`, and issue their balances.

    The outbox of the returned authority is empty.
    """
    authority = Authority(params)
    configure_root(authority, NOW, rate=rate)
    for creditor_id, amount in balances.items():
        authority.configure_account(builders.configure_account(creditor_id), NOW)
        if amount != 0:
            transfer = prepare(authority, ROOT, creditor_id, amount, NOW, "issuing")
            commit(authority, [(transfer, amount)], NOW)
    authority.process_balance_changes(NOW)
    authority.check_invariants()
    authority.outbox.clear()
    return authority


def configure_root(
    authority: Authority, ts: datetime, *, negligible_amount: float = 1e30, **config: object
) -> None:
    """Configure the debtor's account; `config` is what RootConfigData may contain."""
    config_data = json.dumps({"type": "RootConfigData", **config})
    message = builders.configure_account(
        ROOT, ts, config_data=config_data, negligible_amount=negligible_amount
    )
    authority.configure_account(message, ts)


def prepare(
    authority: Authority,
    creditor_id: int,
    recipient_id: int,
    amount: int,
    now: datetime,
    coordinator_type: str = "direct",
) -> PreparedTransfer:
    """Prepare a transfer, which must succeed and lock the whole amount."""
    message = builders.prepare_transfer(
        creditor_id,
        recipient_id,
        amount,
        now,
        coordinator_type=coordinator_type,
        max_commit_delay=2**31 - 1,
    )
    authority.prepare_transfer(message, now)
    authority.process_transfer_requests(now)
    transfer_id = account(authority, creditor_id).last_transfer_id
    assert authority.outbox[-1]["transfer_id"] == transfer_id
    return authority.prepared[DEBTOR, creditor_id, transfer_id]


def commit(
    authority: Authority, amounts: list[tuple[PreparedTransfer, int]], now: datetime
) -> list[str]:
    """Finalize transfers together; returns the status codes."""
    for transfer, amount in amounts:
        authority.finalize_transfer(builders.finalize_transfer(transfer, amount, now), now)
    authority.process_finalization_requests(now)
    finalized = {m["transfer_id"]: m for m in sent(authority, "FinalizedTransfer")}
    return [finalized[transfer.transfer_id]["status_code"] for transfer, _ in amounts]


def delete_account(authority: Authority, creditor_id: int, now: datetime) -> None:
    """Schedule the account for deletion, and delete it."""
    authority.configure_account(
        builders.configure_account(creditor_id, now, config_flags=1, negligible_amount=1e30), now
    )
    authority.try_to_delete_account(builders.chore("TryToDeleteAccount", creditor_id), now)
    assert account(authority, creditor_id).is_deleted


def account(authority: Authority, creditor_id: int = BOB) -> Account:
    """The account of the creditor."""
    return authority.accounts[DEBTOR, creditor_id]


def sent(authority: Authority, message_type: str) -> list[Message]:
    """The messages of one type in the outbox."""
    return [message for message in authority.outbox if message["type"] == message_type]
