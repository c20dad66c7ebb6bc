"""Whole lives of transfers, through the whole authority with its default settings."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from agentkit.currency import Currency
from agentkit.messages import finalize

AGENT = 0x0000AA << 40


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


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


def test_dismissal(currency: Currency) -> None:
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    kept = currency.prepare(sender, recipient, 30)
    dismissed = currency.prepare(sender, recipient, 500)
    assert dismissed["transfer_id"] == kept["transfer_id"] + 1
    finalized = currency.finalize(dismissed, 0)
    assert (finalized["status_code"], finalized["committed_amount"]) == ("OK", 0)
    assert finalized["total_locked_amount"] == 30
    currency.transfer(sender, recipient, 970)
    assert currency.principal(sender) == 30
    assert len(currency.transfers(recipient, 1)) == 1


def test_commit_of_more_than_the_lock(currency: Currency) -> None:
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    nothing = currency.prepare(sender, recipient, 0)
    assert nothing["locked_amount"] == 0
    assert currency.finalize(nothing, 600)["status_code"] == "OK"
    too_much = currency.prepare(sender, recipient, 0)
    failed = currency.finalize(too_much, 401)
    assert (failed["status_code"], failed["committed_amount"]) == (
        "INSUFFICIENT_AVAILABLE_AMOUNT",
        0,
    )
    assert currency.principal(sender) == 400


def test_lock_is_what_is_available(currency: Currency) -> None:
    currency.open_root()
    sender, recipient = currency.open_account(100), currency.open_account()
    prepared = currency.prepare(
        sender, recipient, 0, max_locked_amount=2**63 - 1, min_locked_amount=0
    )
    assert prepared["locked_amount"] == 100
    rejected = currency.reject(sender, recipient, 1)
    assert rejected["status_code"] == "INSUFFICIENT_AVAILABLE_AMOUNT"
    assert rejected["total_locked_amount"] == 100


def test_commit_after_the_deadline(currency: Currency) -> None:
    currency.open_root()
    sender, recipient = currency.open_account(100), currency.open_account()
    prepared = currency.prepare(sender, recipient, 50, max_commit_delay=0)
    failed = currency.finalize(prepared, 50)
    assert (failed["status_code"], failed["committed_amount"]) == ("TIMEOUT", 0)
    assert failed["total_locked_amount"] == 0


def test_newer_interest_rate(currency: Currency) -> None:
    currency.open_root(config_data='{"type": "RootConfigData", "rate": 5}')
    sender, recipient = currency.open_account(100), currency.open_account()
    rejected = currency.reject(
        sender, recipient, 1, final_interest_rate_ts="2000-01-01T00:00:00+00:00"
    )
    assert rejected["status_code"] == "NEWER_INTEREST_RATE"


@pytest.mark.parametrize("recipient", ["007", "", "-5", "5 ", "18446744073709551616", "x"])
def test_recipient_that_is_no_account_id(currency: Currency, recipient: str) -> None:
    currency.open_root()
    sender = currency.open_account(100)
    rejected = currency.reject(sender, 5, 1, recipient=recipient)
    assert rejected["status_code"] == "RECIPIENT_IS_UNREACHABLE"
    assert rejected["total_locked_amount"] == 0


def test_recipients_that_do_not_accept(currency: Currency) -> None:
    currency.open_root()
    sender = currency.open_account(100)
    closing = currency.open_account(config_flags=1)
    for recipient in (2**50, closing):
        rejected = currency.reject(sender, recipient, 1)
        assert rejected["status_code"] == "RECIPIENT_IS_UNREACHABLE"
    assert currency.reject(sender, sender, 1)["status_code"] == "RECIPIENT_SAME_AS_SENDER"


def test_unknown_sender(currency: Currency) -> None:
    recipient = currency.open_account()
    rejected = currency.reject(2**50, recipient, 0)
    assert rejected["status_code"] == "SENDER_IS_UNREACHABLE"
    assert rejected["total_locked_amount"] == 0


def test_paying_to_the_debtor_destroys_money(currency: Currency) -> None:
    currency.open_root()
    sender = currency.open_account(100)
    currency.transfer(sender, 0, 100)
    assert (currency.principal(0), currency.principal(sender)) == (0, 0)
    assert not currency.observer.find(
        "AccountTransfer", debtor_id=currency.debtor_id, creditor_id=0
    )


def test_issuing_is_limited(currency: Currency) -> None:
    config_data = '{"type": "RootConfigData", "limit": 50}'
    currency.open_root(config_data=config_data, negligible_amount=40.9)
    recipient = currency.open_account()
    assert currency.reject(0, recipient, 41)["status_code"] == "INSUFFICIENT_AVAILABLE_AMOUNT"
    currency.transfer(0, recipient, 40)
    assert currency.principal(recipient) == 40


@pytest.mark.parametrize(("sender", "recipient"), [(-5, 2**62), (2**62, -(2**63)), (-(2**63), -1)])
def test_extreme_creditors(currency: Currency, sender: int, recipient: int) -> None:
    currency.open_root()
    currency.open_account(2**63 - 1, creditor_id=sender)
    currency.open_account(creditor_id=recipient)
    currency.transfer(sender, recipient, 2**63 - 1)
    (received,) = currency.transfers(recipient, 1)
    assert received["sender"] == str(sender % 2**64)
    assert received["principal"] == 2**63 - 1


def test_transfer_of_an_agent(currency: Currency) -> None:
    currency.open_root()
    sender = currency.open_account(100, creditor_id=AGENT + 1)
    recipient = currency.open_account(creditor_id=AGENT + 2, negligible_amount=1e30)
    agent = {"coordinator_type": "agent", "coordinator_id": AGENT + 3}
    prepared = currency.prepare(sender, recipient, 10, **agent)
    currency.finalize(prepared, 10)
    (received,) = currency.transfers(recipient, 1)
    assert received["coordinator_type"] == "agent"
    rejected = currency.reject(sender, 2**40, 10, **agent)
    assert rejected["status_code"] == "RECIPIENT_IS_UNREACHABLE"


def test_transfer_of_another_kind_of_coordinator(currency: Currency) -> None:
    """Nothing is bound for it here, but the observer: it goes to `to_coordinators` all the same."""
    currency.open_root()
    sender, recipient = currency.open_account(100), currency.open_account()
    prepared = currency.prepare(sender, recipient, 10, coordinator_type="swap", coordinator_id=-1)
    assert currency.finalize(prepared, 10)["status_code"] == "OK"


def test_negligible_transfers_are_not_reported(currency: Currency) -> None:
    currency.open_root()
    sender, recipient = currency.open_account(100), currency.open_account(negligible_amount=10.5)
    for amount in (10, 11, 9):
        currency.transfer(sender, recipient, amount)
    (reported,) = currency.transfers(recipient, 1)
    assert (reported["acquired_amount"], reported["principal"]) == (11, 21)
    assert len(currency.transfers(sender, 4)) == 4


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


def test_chain_of_commits(currency: Currency) -> None:
    currency.open_root()
    sender, recipient = currency.open_account(910), currency.open_account()
    transfers = [currency.prepare(sender, recipient, 3) for _ in range(3)]
    for prepared in transfers:
        currency.authority.send(finalize(prepared, 3))
    paid = currency.transfers(sender, 4)[1:]
    assert [t["principal"] for t in paid] == [907, 904, 901]
    numbers = [t["transfer_number"] for t in paid]
    assert [t["previous_transfer_number"] for t in paid[1:]] == numbers[:-1]
    assert [t["principal"] for t in currency.transfers(recipient, 3)] == [3, 6, 9]


def test_a_burst_gives_few_account_updates(currency: Currency) -> None:
    """The balance is reported eventually, not with each transfer."""
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    since = len(currency.observer.messages)
    for _ in range(20):
        currency.transfer(sender, recipient, 1)
    updates = currency.observer.find("AccountUpdate", since, debtor_id=currency.debtor_id)
    assert len(updates) < 20
