"""Configurations of accounts, through the whole authority with its default settings."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from agentkit.currency import Currency
from agentkit.messages import configure

T0 = "1970-01-01T00:00:00+00:00"
INFO = {
    "type": "DebtorInfo",
    "iri": "https://example.com/ü",
    "contentType": "text/plain",
    "sha256": "0A" * 32,
}


def root_config(**properties: object) -> str:
    return json.dumps({"type": "RootConfigData", **properties}, ensure_ascii=False)


def is_same_moment(a: str, b: str) -> bool:
    return datetime.fromisoformat(a) == datetime.fromisoformat(b)


def test_new_account(currency: Currency) -> None:
    before = datetime.now(UTC)
    ts = (before - timedelta(minutes=1)).astimezone().isoformat()
    update = currency.configure(
        2**32 + 7, negligible_amount=123456789.1, config_flags=5, ts=ts, seqnum=-5
    )
    assert is_same_moment(update.pop("last_config_ts"), ts)
    last_change_ts = datetime.fromisoformat(update.pop("last_change_ts"))
    assert before - timedelta(seconds=1) <= last_change_ts <= datetime.now(UTC)
    assert datetime.fromisoformat(update.pop("ts")) >= last_change_ts
    assert update.pop("creation_date") in {str(before.date()), str(datetime.now(UTC).date())}
    assert update == {
        "type": "AccountUpdate",
        "debtor_id": currency.debtor_id,
        "creditor_id": 2**32 + 7,
        "account_id": str(2**32 + 7),
        "last_change_seqnum": update["last_change_seqnum"],
        "principal": 0,
        "interest": 0.0,
        "interest_rate": 0.0,
        "last_interest_rate_change_ts": T0,
        "last_config_seqnum": -5,
        "negligible_amount": 123456789.1,
        "config_flags": 5,
        "config_data": "",
        "debtor_info_iri": "",
        "debtor_info_content_type": "",
        "debtor_info_sha256": "",
        "last_transfer_number": 0,
        "last_transfer_committed_at": T0,
        "demurrage_rate": -50.0,
        "commit_period": 90 * 86400,
        "transfer_note_max_bytes": 500,
        "ttl": 7 * 86400,
    }


def test_root_configuration_reaches_new_accounts(currency: Currency) -> None:
    config_data = root_config(rate=3.123456789, limit=2**63 - 1, info=INFO)
    update = currency.open_root(config_data=config_data)
    assert update["config_data"] == config_data
    assert update["interest_rate"] == 0.0
    creditor = currency.configure(2**32 + 8)
    assert creditor["interest_rate"] == 3.123456789
    assert creditor["config_data"] == ""


@pytest.mark.parametrize("negligible_amount", [1e-60, 16777217.0, 1e100, 1.7e308, 0])
def test_floats_keep_their_precision(currency: Currency, negligible_amount: float) -> None:
    update = currency.configure(2**32 + 9, negligible_amount=negligible_amount)
    assert update["negligible_amount"] == negligible_amount


@pytest.mark.parametrize(
    ("debtor_id", "creditor_id"),
    [(-1, -(2**63)), (2**63 - 1, 2**63 - 1), (-(2**63), -1), (0, 2**40), (-2, 0)],
)
def test_extreme_ids(currency: Currency, debtor_id: int, creditor_id: int) -> None:
    extreme = Currency(currency.authority, debtor_id)
    update = extreme.configure(creditor_id)
    assert update["account_id"] == str(creditor_id % 2**64)


def test_later_configuration_wins(currency: Currency) -> None:
    creditor_id = 2**32 + 10
    ts = datetime.now(UTC)
    first = currency.configure(creditor_id, ts=ts.isoformat(), seqnum=2**31 - 1)
    older = {"ts": (ts - timedelta(seconds=1)).isoformat(), "seqnum": 5}
    same = {"ts": ts.isoformat(), "seqnum": 2**31 - 2}
    for changes in (older, same, {**same, "seqnum": 2**31 - 1}):
        currency.authority.send(configure(currency.debtor_id, creditor_id, **changes))
    wrapped = currency.configure(creditor_id, ts=ts.isoformat(), seqnum=-(2**31))
    assert (wrapped["last_change_seqnum"] - first["last_change_seqnum"]) % 2**32 == 1


@pytest.mark.parametrize(
    ("creditor_id", "config_data"),
    [
        (2**32 + 11, "anything"),
        (2**32 + 11, root_config()),
        (0, "{}"),
        (0, root_config(rate=101)),
        (0, root_config(limit=10.7)),
        (0, root_config(limit="10")),
        (0, "ünknown ✓"),
        (0, "[" * 1000),
    ],
)
def test_invalid_configuration(currency: Currency, creditor_id: int, config_data: str) -> None:
    message = configure(
        currency.debtor_id,
        creditor_id,
        config_data=config_data,
        config_flags=-1,
        negligible_amount=2.5,
        seqnum=-(2**31),
    )
    currency.authority.send(message)
    rejected = currency.wait("RejectedConfig", creditor_id=creditor_id).data
    assert is_same_moment(rejected.pop("config_ts"), message["ts"])
    del rejected["ts"]
    assert rejected == {
        "type": "RejectedConfig",
        "debtor_id": currency.debtor_id,
        "creditor_id": creditor_id,
        "config_seqnum": -(2**31),
        "config_flags": -1,
        "config_data": config_data,
        "negligible_amount": 2.5,
        "rejection_code": "INVALID_CONFIGURATION",
    }
    assert not currency.authority.query(
        "SELECT FROM account WHERE debtor_id = %s", currency.debtor_id
    )


def test_invalid_configuration_changes_nothing(currency: Currency) -> None:
    config_data = root_config(rate=5.0)
    update = currency.open_root(config_data=config_data)
    currency.authority.send(configure(currency.debtor_id, 0, config_data="{}", config_flags=1))
    currency.wait("RejectedConfig")
    again = currency.open_root(config_data=config_data)
    assert (again["last_change_seqnum"] - update["last_change_seqnum"]) % 2**32 == 1
    assert again["config_flags"] == 0


def test_message_that_is_too_old_creates_nothing(currency: Currency) -> None:
    old = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    currency.authority.send(configure(currency.debtor_id, 2**32 + 12, ts=old))
    # Once this one is answered, the one before it has been handled.
    currency.open_root()
    rows = currency.authority.query(
        "SELECT creditor_id FROM account WHERE debtor_id = %s", currency.debtor_id
    )
    assert rows == [(0,)]
