"""A message of each type, as agents receive them."""

import json
from dataclasses import replace
from typing import Any

import pika

from agentkit.received import Received
from swpt_accounts.smp import outgoing
from swpt_accounts.smp.outgoing import encode
from swpt_accounts.smp.routing import headers, route

TS = "2024-05-20T13:15:09.123456+00:00"
COORDINATOR: dict[str, Any] = {
    "coordinator_type": "direct",
    "coordinator_id": 2,
    "coordinator_request_id": -4,
}
ACCOUNT: dict[str, Any] = {"debtor_id": -1, "creditor_id": 2, "ts": TS}

MESSAGES: tuple[outgoing.OutgoingMessage, ...] = (
    outgoing.RejectedConfig(
        **ACCOUNT,
        config_ts=TS,
        config_seqnum=2,
        config_flags=-3,
        config_data="дата",
        negligible_amount=10.0,
        rejection_code="INVALID_CONFIGURATION",
    ),
    outgoing.RejectedTransfer(
        **ACCOUNT, **COORDINATOR, status_code="TIMEOUT", total_locked_amount=5
    ),
    outgoing.PreparedTransfer(
        **ACCOUNT,
        **COORDINATOR,
        transfer_id=3,
        locked_amount=500,
        recipient="18446744073709551614",
        prepared_at=TS,
        demurrage_rate=-50.0,
        deadline=TS,
        final_interest_rate_ts=TS,
    ),
    outgoing.FinalizedTransfer(
        **ACCOUNT,
        **COORDINATOR,
        transfer_id=3,
        committed_amount=500,
        status_code="OK",
        total_locked_amount=0,
        prepared_at=TS,
    ),
    outgoing.AccountUpdate(
        **ACCOUNT,
        creation_date="2024-05-20",
        last_change_ts=TS,
        last_change_seqnum=-5,
        principal=1000,
        interest=0.0,
        interest_rate=3.5,
        last_interest_rate_change_ts=TS,
        last_config_ts=TS,
        last_config_seqnum=7,
        negligible_amount=1e30,
        config_flags=0,
        config_data="",
        account_id="2",
        debtor_info_iri="https://example.com/ü",
        debtor_info_content_type="text/html",
        debtor_info_sha256="AB" * 32,
        last_transfer_number=8,
        last_transfer_committed_at=TS,
        commit_period=7776000,
        ttl=1000000,
    ),
    outgoing.AccountPurge(**ACCOUNT, creation_date="2024-05-20"),
    outgoing.AccountTransfer(
        **ACCOUNT,
        creation_date="2024-05-20",
        transfer_number=1,
        coordinator_type="direct",
        sender="2",
        recipient="3",
        acquired_amount=-10,
        transfer_note="für Äpfel",
        transfer_note_format="",
        committed_at=TS,
        principal=90,
        previous_transfer_number=0,
    ),
)
NAMES = {type(message).__name__: message for message in MESSAGES}


def arrived(message: outgoing.OutgoingMessage) -> Received:
    """The message as it comes from the authority."""
    way = route(message)
    properties = pika.BasicProperties(
        content_type="application/json",
        delivery_mode=2,
        type=type(message).__name__,
        app_id="swpt_accounts",
        headers=dict(headers(message)),
    )
    return Received(way.exchange, way.routing_key, properties, encode(message))


def changed(name: str, /, **values: Any) -> Received:
    """The message with other values of fields."""
    answer = arrived(NAMES[name])
    body = json.dumps({**answer.data, **values}, ensure_ascii=False).encode()
    return replace(answer, body=body)
