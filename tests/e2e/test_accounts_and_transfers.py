"""Accounts and transfers, through the whole authority.

The waits of the workers are minutes here: what follows at once, follows a notice. And the accounts
scan makes one pass of eight hours: what is told within seconds is not its work.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentkit.currency import SECONDS_MAX, Currency
from agentkit.messages import configure, finalize
from agentkit.waiting import wait_until

T0 = "1970-01-01T00:00:00+00:00"
INFO = {
    "type": "DebtorInfo",
    "iri": "https://example.com/ü",
    "contentType": "text/plain",
    "sha256": "0A" * 32,
}
WAIT_SECONDS = 150
LISTENERS = (
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
)


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    assert SECONDS_MAX < WAIT_SECONDS / 2
    return {
        "FLUSH_PERIOD": str(WAIT_SECONDS),
        "APP_PROCESS_BALANCE_CHANGES_WAIT": str(WAIT_SECONDS),
        "APP_PROCESS_TRANSFER_REQUESTS_WAIT": str(WAIT_SECONDS),
        "APP_PROCESS_FINALIZATION_REQUESTS_WAIT": str(WAIT_SECONDS),
    }


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def root_config(**properties: object) -> str:
    return json.dumps({"type": "RootConfigData", **properties}, ensure_ascii=False)


# -- configurations ---------------------------------------------------------------


def test_new_account(currency: Currency) -> None:
    before = datetime.now(UTC)
    ts = (before - timedelta(minutes=1)).astimezone().isoformat()
    update = currency.configure(
        2**32 + 7, negligible_amount=123456789.1, config_flags=5, ts=ts, seqnum=-5
    )
    assert moment(update.pop("last_config_ts")) == moment(ts)
    last_change_ts = moment(update.pop("last_change_ts"))
    assert before - timedelta(seconds=1) <= last_change_ts <= datetime.now(UTC)
    assert moment(update.pop("ts")) >= last_change_ts
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


def test_extreme_numbers(currency: Currency) -> None:
    for negligible_amount in (1e-60, 16777217.0, 1.7e308, 0):
        update = currency.configure(2**32 + 9, negligible_amount=negligible_amount)
        assert update["negligible_amount"] == negligible_amount
    for debtor_id, creditor_id in ((-1, -(2**63)), (2**63 - 1, 2**63 - 1), (-(2**63), 0)):
        extreme = Currency(currency.authority, debtor_id)
        assert extreme.configure(creditor_id)["account_id"] == str(creditor_id % 2**64)


@pytest.mark.parametrize(
    ("creditor_id", "config_data"), [(2**32 + 11, root_config()), (0, "ünknown ✓")]
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
    assert moment(rejected.pop("config_ts")) == moment(message["ts"])
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


def test_message_that_is_too_old_creates_nothing(currency: Currency) -> None:
    old = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    currency.authority.send(configure(currency.debtor_id, 2**32 + 12, ts=old))
    # Once this one is answered, the one before it has been handled.
    currency.open_root()
    rows = currency.authority.query(
        "SELECT creditor_id FROM account WHERE debtor_id = %s", currency.debtor_id
    )
    assert rows == [(0,)]


# -- transfers ----------------------------------------------------------------------


def test_whole_life(currency: Currency) -> None:
    currency.open_root()
    sender = currency.open_account(1000)
    recipient = currency.open_account()
    request = currency.ask(sender, recipient, 100, min_locked_amount=40, max_commit_delay=3600)
    prepared = currency.answer("PreparedTransfer", request)
    assert prepared == {
        **{name: request[name] for name in ("debtor_id", "creditor_id", "recipient")},
        **{name: request[name] for name in request if name.startswith("coordinator")},
        "type": "PreparedTransfer",
        "locked_amount": 100,
        "demurrage_rate": -50.0,
        **{
            name: prepared[name]
            for name in ("transfer_id", "prepared_at", "deadline", "final_interest_rate_ts", "ts")
        },
    }
    assert moment(prepared["deadline"]) == moment(request["ts"]) + timedelta(hours=1)
    assert moment(prepared["final_interest_rate_ts"]) == moment(request["final_interest_rate_ts"])
    assert moment(prepared["prepared_at"]) <= moment(prepared["ts"])
    days = prepared["transfer_id"] >> 40
    assert abs(days - moment(prepared["ts"]).timestamp() / 86400) < 2

    note = {"transfer_note": 'nöte "✓" \n\\ 𝄞', "transfer_note_format": "-json.1"}
    finalized = currency.finalize(prepared, 60, **note)
    assert finalized == {
        **{
            name: prepared[name]
            for name in ("debtor_id", "creditor_id", "transfer_id", "prepared_at")
        },
        **{name: request[name] for name in request if name.startswith("coordinator")},
        "type": "FinalizedTransfer",
        "committed_amount": 60,
        "status_code": "OK",
        "total_locked_amount": 0,
        "ts": finalized["ts"],
    }

    (paid,) = currency.transfers(sender, 2)[1:]
    (received,) = currency.transfers(recipient, 1)
    common = {
        "type": "AccountTransfer",
        "debtor_id": currency.debtor_id,
        "coordinator_type": "direct",
        "sender": str(sender),
        "recipient": str(recipient),
        **note,
    }
    assert moment(paid["committed_at"]) == moment(finalized["ts"])
    assert moment(received["committed_at"]) == moment(finalized["ts"])
    assert paid == {
        **common,
        "creditor_id": sender,
        "acquired_amount": -60,
        "principal": 940,
        "transfer_number": paid["transfer_number"],
        "previous_transfer_number": currency.transfers(sender, 2)[0]["transfer_number"],
        **{name: paid[name] for name in ("creation_date", "committed_at", "ts")},
    }
    assert received == {
        **common,
        "creditor_id": recipient,
        "acquired_amount": 60,
        "principal": 60,
        "transfer_number": received["transfer_number"],
        "previous_transfer_number": 0,
        **{name: received[name] for name in ("creation_date", "committed_at", "ts")},
    }
    assert currency.principal(0) == -1000
    update = currency.configure(sender)
    assert update["principal"] == 940
    assert update["last_transfer_number"] == paid["transfer_number"]
    assert moment(update["last_transfer_committed_at"]) == moment(paid["committed_at"])


def test_refusals(currency: Currency) -> None:
    """One of each kind of answer; when which of them comes is told by the examples."""
    currency.open_root(config_data=root_config(limit=100))
    sender, recipient = currency.open_account(100), currency.open_account()
    for rejected, code in (
        (currency.reject(sender, recipient, 101), "INSUFFICIENT_AVAILABLE_AMOUNT"),
        (currency.reject(0, recipient, 1), "INSUFFICIENT_AVAILABLE_AMOUNT"),
        (currency.reject(sender, 5, 1, recipient="007"), "RECIPIENT_IS_UNREACHABLE"),
        (currency.reject(sender, sender, 1), "RECIPIENT_SAME_AS_SENDER"),
        (currency.reject(2**50, recipient, 0), "SENDER_IS_UNREACHABLE"),
    ):
        assert (rejected["status_code"], rejected["total_locked_amount"]) == (code, 0)
    for amount, delay, code in ((101, 3600, "INSUFFICIENT_AVAILABLE_AMOUNT"), (50, 0, "TIMEOUT")):
        failed = currency.finalize(
            currency.prepare(sender, recipient, 0, max_commit_delay=delay), amount
        )
        assert (failed["status_code"], failed["committed_amount"]) == (code, 0)


def test_extreme_creditors(currency: Currency) -> None:
    sender, recipient = 2**62, -(2**63)
    currency.open_root()
    currency.open_account(2**63 - 1, creditor_id=sender)
    currency.open_account(creditor_id=recipient)
    currency.transfer(sender, recipient, 2**63 - 1)
    (received,) = currency.transfers(recipient, 1)
    assert received["sender"] == str(sender % 2**64)
    assert received["principal"] == 2**63 - 1


def test_transfer_of_another_kind_of_coordinator(currency: Currency) -> None:
    """Nothing is bound for it here, but the observer: it goes to `to_coordinators` all the same."""
    currency.open_root()
    sender, recipient = currency.open_account(100), currency.open_account()
    prepared = currency.prepare(sender, recipient, 10, coordinator_type="swap", coordinator_id=-1)
    assert currency.finalize(prepared, 10)["status_code"] == "OK"


def test_second_finalization_changes_nothing(currency: Currency) -> None:
    currency.open_root()
    sender, recipient = currency.open_account(100), currency.open_account()
    prepared = currency.prepare(sender, recipient, 10)
    wrong: list[dict[str, Any]] = [
        {"coordinator_type": "agent"},
        {"coordinator_id": 1},
        {"coordinator_request_id": 10**9},
        {"transfer_id": prepared["transfer_id"] + 1},
        {"creditor_id": recipient},
    ]
    for changes in wrong:
        currency.authority.send(finalize(prepared, 90, **changes))
    for _ in range(3):
        currency.authority.send(finalize(prepared, 10))
    currency.answer("FinalizedTransfer", prepared)
    currency.transfer(sender, recipient, 1)
    assert currency.principal(recipient) == 11
    answers = currency.observer.find(
        "FinalizedTransfer",
        debtor_id=currency.debtor_id,
        creditor_id=sender,
        transfer_id=prepared["transfer_id"],
    )
    assert len(answers) == 1


def test_a_burst_gives_few_account_updates(currency: Currency) -> None:
    """The balance is reported eventually, not with each transfer."""
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    since = len(currency.observer.messages)
    for _ in range(20):
        currency.transfer(sender, recipient, 1)
    updates = currency.observer.find("AccountUpdate", since, debtor_id=currency.debtor_id)
    assert len(updates) < 20


def test_notices_are_heard_on_new_connections(currency: Currency) -> None:
    authority = currency.authority
    authority.database.drop_connections()
    authority.wait_ready(LISTENERS)
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    currency.transfer(sender, recipient, 5)
    assert len(currency.transfers(recipient, 1)) == 1


# -- how soon balances are told -------------------------------------------------

# A busy machine may need them; the program's own part is half a second, a pass takes hours.
PROMPT_SECONDS_MAX = 30.0
# In this time it would have come, mostly.
QUIET_SECONDS = 3.0


def wait_an_hour(currency: Currency, *creditor_ids: int) -> None:
    """Let the last AccountUpdates of accounts be an hour old."""
    currency.authority.query(
        "UPDATE account SET last_heartbeat_ts = last_heartbeat_ts - interval '1 hour'"
        " WHERE debtor_id = %s AND creditor_id = ANY (%s)",
        currency.debtor_id,
        list(creditor_ids),
    )


def told_principals(currency: Currency, creditor_id: int, since: int) -> list[int]:
    """The principals of the AccountUpdates that have come."""
    currency.observer.receive_all()
    fields = {"debtor_id": currency.debtor_id, "creditor_id": creditor_id}
    return [m.data["principal"] for m in currency.observer.find("AccountUpdate", since, **fields)]


def test_first_change_after_a_quiet_hour_is_told_at_once(currency: Currency) -> None:
    currency.open_root()
    creditor_id, probe = currency.open_account(), currency.open_account()
    wait_an_hour(currency, 0, creditor_id)
    since = len(currency.observer.messages)
    currency.transfer(0, creditor_id, 100)
    transfer = currency.wait("AccountTransfer", since=since, creditor_id=creditor_id)
    update = currency.wait("AccountUpdate", since=since, creditor_id=creditor_id, principal=100)
    assert update.received_at - transfer.received_at < PROMPT_SECONDS_MAX
    assert update.data["last_transfer_number"] == 1
    root = currency.wait("AccountUpdate", since=since, creditor_id=0, principal=-100)
    assert root.received_at - transfer.received_at < PROMPT_SECONDS_MAX

    # More of them within the hour are not reported, while other accounts are.
    for amount in (1, 2, 3):
        currency.transfer(0, creditor_id, amount)
    wait_an_hour(currency, probe)
    currency.transfer(0, probe, 7)
    assert currency.wait("AccountUpdate", since=since, creditor_id=probe, principal=7)
    assert told_principals(currency, creditor_id, since) == [100]
    assert told_principals(currency, 0, since) == [-100]

    # When the hour is over, they are reported together.
    wait_an_hour(currency, creditor_id)
    assert currency.wait("AccountUpdate", since=since, creditor_id=creditor_id, principal=106)
    assert told_principals(currency, creditor_id, since) == [100, 106]
    assert told_principals(currency, 0, since) == [-100]


def test_configuration_is_told_at_once_and_counts_as_an_update(currency: Currency) -> None:
    currency.open_root()
    creditor_id, probe = currency.open_account(), currency.open_account()
    wait_an_hour(currency, creditor_id)
    currency.configure(creditor_id, negligible_amount=1.5)
    since = len(currency.observer.messages)
    currency.transfer(0, creditor_id, 100)
    wait_an_hour(currency, probe)
    currency.transfer(0, probe, 7)
    assert currency.wait("AccountUpdate", since=since, creditor_id=probe, principal=7)
    assert told_principals(currency, creditor_id, since) == []
    # A configuration tells the balance too; nothing is pending then.
    currency.configure(creditor_id, negligible_amount=2.5)
    wait_an_hour(currency, creditor_id, probe)
    currency.transfer(0, probe, 8)
    assert currency.wait("AccountUpdate", since=since, creditor_id=probe, principal=15)
    assert told_principals(currency, creditor_id, since) == [100]


def test_many_accounts_are_told_at_once(currency: Currency) -> None:
    """More of them than are sent together."""
    currency.authority.query(
        "INSERT INTO account_key SELECT %s, n FROM generate_series(1, 3333) AS n",
        currency.debtor_id,
    )
    currency.authority.query(
        "INSERT INTO account (debtor_id, creditor_id, creation_date, last_change_ts,"
        " last_interest_capitalization_ts, last_transfer_id, pending_account_update)"
        " SELECT %s, n, current_date, now(), now(), 0, true FROM generate_series(1, 3333) AS n",
        currency.debtor_id,
    )
    fields = {"debtor_id": currency.debtor_id}
    observer = currency.observer
    observer.wait_for(lambda _: len(observer.find("AccountUpdate", **fields)) >= 3333, SECONDS_MAX)
    found = [m.data["creditor_id"] for m in observer.find("AccountUpdate", **fields)]
    assert sorted(found) == list(range(1, 3334))


def test_notices_come_from_wherever_work_is_made(currency: Currency) -> None:
    """A scan records messages, too."""
    currency.open_root()
    creditor_id = currency.open_account(7)
    result = currency.authority.run("scan_accounts", "--hours", "0.00001", "--quit-early")
    assert result.returncode == 0, result.stdout
    currency.wait("AccountUpdate", creditor_id=creditor_id, principal=7)


def test_turned_off(currency: Currency) -> None:
    authority = currency.authority
    assert authority.terminate("scan_accounts")[0] == 0
    authority.environment["APP_PROMPT_ACCOUNT_UPDATES"] = "false"
    currency.open_root()
    creditor_id = currency.open_account()
    wait_an_hour(currency, 0, creditor_id)
    authority.begin("scan_accounts")
    wait_until(lambda: authority.connections_of("scan_accounts"), what="the scan is at work")
    since = len(currency.observer.messages)
    currency.transfer(0, creditor_id, 100)
    currency.observer.receive(QUIET_SECONDS)
    assert told_principals(currency, creditor_id, since) == []

    # A pass brings it.
    assert authority.run("scan_accounts", "--hours", "0.00001", "--quit-early").returncode == 0
    assert currency.wait("AccountUpdate", since=since, creditor_id=creditor_id, principal=100)
    assert currency.wait("AccountUpdate", since=since, creditor_id=0, principal=-100)
