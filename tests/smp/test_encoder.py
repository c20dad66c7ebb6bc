"""Encoding of outgoing messages: the exact fields, and the form of each."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.core.ids import MAX_INT64, MIN_INT64
from swpt_accounts.smp import incoming, outgoing
from swpt_accounts.smp.decoder import decode
from swpt_accounts.smp.outgoing import (
    SIGNALS,
    AccountPurge,
    AccountTransfer,
    AccountUpdate,
    FinalizedTransfer,
    OutgoingMessage,
    PendingBalanceChange,
    PreparedTransfer,
    RejectedConfig,
    RejectedTransfer,
    encode,
)

TS = "2024-05-20T13:15:09.123456+00:00"
T0 = "1970-01-01T00:00:00+00:00"
DAY = "2024-05-20"

# Built from positions, as from the rows of the outbox.
MESSAGES: dict[str, OutgoingMessage] = {
    "RejectedConfig": RejectedConfig(
        -1, 2, TS, -3, 4, "дата", 10.5, "INVALID_CONFIGURATION", "2024-05-21T00:00:00+00:00"
    ),
    "RejectedTransfer": RejectedTransfer(-1, 2, "direct", 2, -4, "TIMEOUT", 5, TS),
    "PreparedTransfer": PreparedTransfer(
        -1, 2, 3, "direct", 2, -4, 500, "18446744073709551614", TS, -50.0, TS, TS, TS
    ),
    "FinalizedTransfer": FinalizedTransfer(-1, 2, 3, "direct", 2, -4, 500, "OK", 6, TS, TS),
    "AccountUpdate": AccountUpdate(
        *(-1, 2, DAY, TS, -3, MAX_INT64, 0.0, 1e100, T0, TS, -5, 1e30, 1 << 16, "", "2"),
        *("https://example.com/й", "text/html", "AB" * 32, 7, T0, TS, 7776000, 604800),
    ),
    "AccountPurge": AccountPurge(-1, 2, DAY, TS),
    "AccountTransfer": AccountTransfer(
        *(-1, 2, DAY, 3, "direct", "2", "18446744073709551614", -500, "бележка 🙂", "json"),
        *(TS, 4000, 1, TS),
    ),
    "PendingBalanceChange": PendingBalanceChange(
        -1, 2, -2, MIN_INT64, "direct", "json", "бележка", TS, 500, TS
    ),
}

EXPECTED = {
    "RejectedConfig": (
        '{"type":"RejectedConfig","debtor_id":-1,"creditor_id":2,'
        f'"config_ts":"{TS}","config_seqnum":-3,"config_flags":4,"config_data":"дата",'
        '"negligible_amount":10.5,"rejection_code":"INVALID_CONFIGURATION",'
        '"ts":"2024-05-21T00:00:00+00:00"}'
    ),
    "RejectedTransfer": (
        '{"type":"RejectedTransfer","debtor_id":-1,"creditor_id":2,'
        '"coordinator_type":"direct","coordinator_id":2,"coordinator_request_id":-4,'
        f'"status_code":"TIMEOUT","total_locked_amount":5,"ts":"{TS}"}}'
    ),
    "PreparedTransfer": (
        '{"type":"PreparedTransfer","debtor_id":-1,"creditor_id":2,"transfer_id":3,'
        '"coordinator_type":"direct","coordinator_id":2,"coordinator_request_id":-4,'
        '"locked_amount":500,"recipient":"18446744073709551614",'
        f'"prepared_at":"{TS}","demurrage_rate":-50.0,"deadline":"{TS}",'
        f'"final_interest_rate_ts":"{TS}","ts":"{TS}"}}'
    ),
    "FinalizedTransfer": (
        '{"type":"FinalizedTransfer","debtor_id":-1,"creditor_id":2,"transfer_id":3,'
        '"coordinator_type":"direct","coordinator_id":2,"coordinator_request_id":-4,'
        '"committed_amount":500,"status_code":"OK","total_locked_amount":6,'
        f'"prepared_at":"{TS}","ts":"{TS}"}}'
    ),
    "AccountUpdate": (
        '{"type":"AccountUpdate","debtor_id":-1,"creditor_id":2,'
        f'"creation_date":"{DAY}","last_change_ts":"{TS}","last_change_seqnum":-3,'
        '"principal":9223372036854775807,"interest":0.0,"interest_rate":1e100,'
        f'"last_interest_rate_change_ts":"{T0}","last_config_ts":"{TS}",'
        '"last_config_seqnum":-5,"negligible_amount":1e30,"config_flags":65536,'
        '"config_data":"","account_id":"2","debtor_info_iri":"https://example.com/й",'
        f'"debtor_info_content_type":"text/html","debtor_info_sha256":"{"AB" * 32}",'
        f'"last_transfer_number":7,"last_transfer_committed_at":"{T0}","ts":"{TS}",'
        '"commit_period":7776000,"ttl":604800,"demurrage_rate":-50.0,'
        '"transfer_note_max_bytes":500}'
    ),
    "AccountPurge": (
        '{"type":"AccountPurge","debtor_id":-1,"creditor_id":2,'
        f'"creation_date":"{DAY}","ts":"{TS}"}}'
    ),
    "AccountTransfer": (
        '{"type":"AccountTransfer","debtor_id":-1,"creditor_id":2,'
        f'"creation_date":"{DAY}","transfer_number":3,"coordinator_type":"direct",'
        '"sender":"2","recipient":"18446744073709551614","acquired_amount":-500,'
        f'"transfer_note":"бележка 🙂","transfer_note_format":"json","committed_at":"{TS}",'
        f'"principal":4000,"previous_transfer_number":1,"ts":"{TS}"}}'
    ),
    "PendingBalanceChange": (
        '{"type":"PendingBalanceChange","debtor_id":-1,"creditor_id":2,'
        '"other_creditor_id":-2,"change_id":-9223372036854775808,'
        '"coordinator_type":"direct","transfer_note_format":"json",'
        f'"transfer_note":"бележка","committed_at":"{TS}","principal_delta":500,"ts":"{TS}"}}'
    ),
}


KINDS = sorted(MESSAGES)


def read(body: bytes) -> dict[str, Any]:
    """Parse as strictly as a peer. A float stays text, so that its form is seen."""
    document = json.loads(body.decode("utf-8"), parse_float=lambda text: ("float", text))
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("kind", KINDS)
def test_body(kind: str) -> None:
    assert encode(MESSAGES[kind]).decode() == EXPECTED[kind]


def test_signals() -> None:
    assert {name: cls.__name__ for name, cls in SIGNALS.items()} == {
        "RejectedTransferSignal": "RejectedTransfer",
        "PreparedTransferSignal": "PreparedTransfer",
        "FinalizedTransferSignal": "FinalizedTransfer",
        "AccountTransferSignal": "AccountTransfer",
        "AccountUpdateSignal": "AccountUpdate",
        "AccountPurgeSignal": "AccountPurge",
        "RejectedConfigSignal": "RejectedConfig",
        "PendingBalanceChangeSignal": "PendingBalanceChange",
    }
    assert {type(message) for message in MESSAGES.values()} == set(SIGNALS.values())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-50.0, "-50.0"),
        (10.5, "10.5"),
        (123456789.0, "123456789.0"),
        (16777217.0, "16777217.0"),
        (2.0**53, "9007199254740992.0"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e16"),
        (1e22, "1e22"),
        (1e100, "1e100"),
        (1.7e308, "1.7e308"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (1e-60, "1e-60"),
        (5e-324, "5e-324"),
        (2.2250738585072014e-308, "2.2250738585072014e-308"),
        (1 / 3, "0.3333333333333333"),
    ],
)
def test_floats(value: float, text: str) -> None:
    body = encode(RejectedConfig(1, 2, TS, 3, 4, "", value, "X", TS))
    assert f'"negligible_amount":{text},'.encode() in body


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_float_keeps_its_precision_and_looks_like_one(value: float) -> None:
    body = encode(RejectedConfig(1, 2, TS, 3, 4, "", value, "X", TS))
    tag, text = read(body)["negligible_amount"]
    assert tag == "float"
    assert float(text) == value
    assert math.copysign(1, float(text)) == math.copysign(1, value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_can_not_tell(value: float) -> None:
    with pytest.raises(ValueError, match="RejectedConfig: `negligible_amount` is"):
        encode(RejectedConfig(1, 2, TS, 3, 4, "", value, "X", TS))


def test_a_text_may_look_like_a_null() -> None:
    data = '{"type":null}'
    assert read(encode(RejectedConfig(1, 2, TS, 3, 4, data, 0.0, "X", TS)))["config_data"] == data


@given(st.text())
def test_any_text(text: str) -> None:
    body = encode(RejectedConfig(1, 2, TS, 3, 4, text, 0.0, "X", TS))
    assert read(body)["config_data"] == text
    assert not any(c >= "\x80" for c in _escaped_symbols(body.decode()))


def _escaped_symbols(text: str) -> list[str]:
    plain = text.replace("\\\\", "")
    return [chr(int(part[:4], 16)) for part in plain.split("\\u")[1:]]


@given(st.integers(MIN_INT64, MAX_INT64), st.text(max_size=100), st.integers(1, MAX_INT64))
def test_a_balance_change_comes_back_the_same(change_id: int, note: str, delta: int) -> None:
    note = note.replace("\0", "")
    sent = outgoing.PendingBalanceChange(
        -1, 2, -2, change_id, "direct", "json", note, TS, -delta, TS
    )
    received = decode("PendingBalanceChange", "application/json", encode(sent))
    assert isinstance(received, incoming.PendingBalanceChange)
    for name in received.__struct_fields__:
        if name != "committed_at":
            assert getattr(received, name) == getattr(sent, name)
    assert received.committed_at.isoformat() == sent.committed_at
