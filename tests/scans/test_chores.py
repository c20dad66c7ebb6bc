"""Encoding and decoding of chores."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.core.ids import MAX_INT64, MIN_INT64
from swpt_accounts.core.timestamps import MAX_MOMENT
from swpt_accounts.scans.chores import (
    CHORE_BYTES_MAX,
    CHORE_TYPES,
    CapitalizeInterest,
    ChangeInterestRate,
    Chore,
    TryToDeleteAccount,
    UnknownChoreType,
    UpdateDebtorInfo,
    decode_chore,
    encode_chore,
)
from swpt_accounts.smp.decoder import MalformedMessage

TS = datetime(2024, 5, 20, 13, 15, 9, 123456, UTC)
TS_TEXT = "2024-05-20T13:15:09.123456+00:00"

CHORES: dict[str, Chore] = {
    "ChangeInterestRate": ChangeInterestRate(
        debtor_id=-1, creditor_id=2, interest_rate=3.123456789, ts=TS
    ),
    "UpdateDebtorInfo": UpdateDebtorInfo(
        debtor_id=-1,
        creditor_id=2,
        debtor_info_iri="https://example.com/й",
        debtor_info_content_type="text/html",
        debtor_info_sha256=b"\xab" * 32,
        ts=TS,
    ),
    "CapitalizeInterest": CapitalizeInterest(debtor_id=-1, creditor_id=2),
    "TryToDeleteAccount": TryToDeleteAccount(debtor_id=-1, creditor_id=2),
}

DOCUMENTS: dict[str, dict[str, Any]] = {
    "ChangeInterestRate": {"interest_rate": 3.123456789, "ts": TS_TEXT},
    "UpdateDebtorInfo": {
        "debtor_info_iri": "https://example.com/й",
        "debtor_info_content_type": "text/html",
        "debtor_info_sha256": "AB" * 32,
        "ts": TS_TEXT,
    },
    "CapitalizeInterest": {},
    "TryToDeleteAccount": {},
}
for _name, _document in DOCUMENTS.items():
    _document |= {"type": _name, "debtor_id": -1, "creditor_id": 2}

FIELDS = [(kind, name) for kind, document in DOCUMENTS.items() for name in document]


def changed(kind: str, **changes: Any) -> bytes:
    document = {k: v for k, v in {**DOCUMENTS[kind], **changes}.items() if v is not ...}
    return json.dumps(document).encode()


def refuse(kind: str | None, body: bytes) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode_chore(kind, body)
    assert str(caught.value).isprintable()


def test_too_long() -> None:
    body = json.dumps({**DOCUMENTS["CapitalizeInterest"], "new": [[]] * 100}).encode()
    assert decode_chore("CapitalizeInterest", body.ljust(CHORE_BYTES_MAX))
    with pytest.raises(MalformedMessage, match=f"{CHORE_BYTES_MAX + 1} bytes, more than"):
        decode_chore("CapitalizeInterest", body.ljust(CHORE_BYTES_MAX + 1))


@pytest.mark.parametrize("kind", CHORES)
def test_those_of_this_version_are_short(kind: str) -> None:
    longest = UpdateDebtorInfo(
        debtor_id=MIN_INT64,
        creditor_id=MIN_INT64,
        debtor_info_iri="\U0010ffff" * 200,
        debtor_info_content_type="\x01" * 100,
        debtor_info_sha256=b"\xab" * 32,
        ts=TS,
    )
    chore = longest if kind == "UpdateDebtorInfo" else CHORES[kind]
    assert len(encode_chore(chore)) < 3000 < CHORE_BYTES_MAX


def test_types() -> None:
    assert set(CHORE_TYPES) == set(CHORES)


@pytest.mark.parametrize("kind", CHORES)
def test_encode(kind: str) -> None:
    assert json.loads(encode_chore(CHORES[kind])) == DOCUMENTS[kind]


@pytest.mark.parametrize("kind", CHORES)
def test_decode(kind: str) -> None:
    assert decode_chore(kind, changed(kind)) == CHORES[kind]
    assert decode_chore(kind, changed(kind, unknown=[1])) == CHORES[kind]
    assert decode_chore(kind, encode_chore(CHORES[kind])) == CHORES[kind]


@given(st.floats(-50, 100), st.integers(MIN_INT64, MAX_INT64), st.integers(MIN_INT64, MAX_INT64))
def test_rates_keep_their_precision(rate: float, debtor_id: int, creditor_id: int) -> None:
    chore = ChangeInterestRate(
        debtor_id=debtor_id, creditor_id=creditor_id, interest_rate=rate, ts=TS
    )
    assert decode_chore("ChangeInterestRate", encode_chore(chore)) == chore


def test_empty_debtor_info() -> None:
    chore = UpdateDebtorInfo(
        debtor_id=1,
        creditor_id=2,
        debtor_info_iri="",
        debtor_info_content_type="",
        debtor_info_sha256=b"",
        ts=TS.astimezone(timezone(timedelta(hours=2))),
    )
    assert decode_chore("UpdateDebtorInfo", encode_chore(chore)) == chore


@pytest.mark.parametrize("kind", [None, "", "Unknown", "Chore", "changeInterestRate"])
def test_unknown_type(kind: str | None) -> None:
    with pytest.raises(UnknownChoreType):
        decode_chore(kind, json.dumps({"type": kind, "debtor_id": 1, "creditor_id": 2}).encode())


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_every_field_is_required_and_has_a_type(kind: str, name: str) -> None:
    wrong_number: object = 1.5 if name != "interest_rate" else "1.5"
    values: list[object] = [..., None, True, [], {}, wrong_number]
    for value in values:
        refuse(kind, changed(kind, **{name: value}))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("CapitalizeInterest", {"type": "TryToDeleteAccount"}),
        ("CapitalizeInterest", {"debtor_id": MAX_INT64 + 1}),
        ("CapitalizeInterest", {"debtor_id": MIN_INT64 - 1}),
        ("CapitalizeInterest", {"creditor_id": "2"}),
        ("CapitalizeInterest", {"creditor_id": 2.0}),
        ("ChangeInterestRate", {"interest_rate": float("nan")}),
        ("ChangeInterestRate", {"interest_rate": float("inf")}),
        ("ChangeInterestRate", {"interest_rate": 10**400}),
        ("ChangeInterestRate", {"ts": "2024-05-20"}),
        ("ChangeInterestRate", {"ts": "2024-05-20T13:15:09"}),
        ("ChangeInterestRate", {"ts": "0001-01-01T00:00:00+01:00"}),
        ("ChangeInterestRate", {"ts": "yesterday"}),
        ("UpdateDebtorInfo", {"debtor_info_iri": "x" * 201}),
        ("UpdateDebtorInfo", {"debtor_info_iri": "\0"}),
        ("UpdateDebtorInfo", {"debtor_info_iri": "\ud800"}),
        ("UpdateDebtorInfo", {"debtor_info_content_type": "x" * 101}),
        ("UpdateDebtorInfo", {"debtor_info_content_type": "й"}),
        ("UpdateDebtorInfo", {"debtor_info_sha256": "AB"}),
        ("UpdateDebtorInfo", {"debtor_info_sha256": "ab" * 32}),
        ("UpdateDebtorInfo", {"debtor_info_sha256": "A" * 63}),
    ],
)
def test_wrong_values(kind: str, changes: dict[str, Any]) -> None:
    refuse(kind, changed(kind, **changes))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"type":' + b"9" * 5000 + b"}"],
)
def test_not_a_chore(body: bytes) -> None:
    for kind in CHORES:
        refuse(kind, body)


def test_an_unspeakable_chore_is_not_encoded() -> None:
    for rate in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            encode_chore(
                ChangeInterestRate(debtor_id=1, creditor_id=2, interest_rate=rate, ts=MAX_MOMENT)
            )
