"""The demo finds nothing wrong with what the authority writes, and finds every change of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts.demo_agents.answers import Answer, describe
from scripts.demo_agents.rules import RULES
from swpt_accounts.smp import outgoing
from swpt_accounts.smp.encoding import encode
from swpt_accounts.smp.routing import headers, route

TS = "2024-05-20T13:15:09.123456+00:00"
COORDINATOR = {"coordinator_type": "direct", "coordinator_id": 2, "coordinator_request_id": -4}
ACCOUNT = {"debtor_id": -1, "creditor_id": 2, "ts": TS}

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


def arrived(message: outgoing.OutgoingMessage) -> Answer:
    """The message as it comes from the authority."""
    way = route(message)
    name = type(message).__name__
    properties = {
        "content_type": "application/json",
        "delivery_mode": 2,
        "type": name,
        "app_id": "swpt_accounts",
    }
    return Answer(way.exchange, way.routing_key, properties, headers(message), encode(message), 1.0)


def changed(name: str, **values: Any) -> Answer:
    """The message with other values of fields."""
    answer = arrived(NAMES[name])
    body = json.dumps({**answer.message, **values}, ensure_ascii=False).encode()
    return replace(answer, body=body)


def test_every_message_to_an_agent_has_rules() -> None:
    assert NAMES.keys() == RULES.keys()


@pytest.mark.parametrize("name", NAMES)
def test_what_the_authority_writes_is_right(name: str) -> None:
    answer = arrived(NAMES[name])

    assert answer.problems == []
    assert describe(answer.key)


@pytest.mark.parametrize("name", NAMES)
def test_missing_and_unknown_fields_are_found(name: str) -> None:
    answer = arrived(NAMES[name])
    for field in RULES[name]:
        message = {key: value for key, value in answer.message.items() if key != field}
        without = replace(answer, body=json.dumps(message).encode())
        assert f"{name}: the field {field} is missing" in without.field_problems

    assert changed(name, more=1).field_problems == [f"{name}: unknown field more"]


@pytest.mark.parametrize("name", NAMES)
def test_values_of_another_type_are_found(name: str) -> None:
    for field in RULES[name]:
        for value in (None, True, [1], {}):
            (problem,) = changed(name, **{field: value}).field_problems
            assert problem.startswith(f"{name}: {field}: expected ")


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("AccountUpdate", "principal", 1000.0),
        ("AccountUpdate", "principal", 1 << 63),
        ("AccountUpdate", "interest", 0),
        ("AccountUpdate", "interest", float("nan")),
        ("AccountUpdate", "last_change_ts", "2024-05-20T13:15:09.123456"),
        ("AccountUpdate", "last_change_ts", "2024-05-20 13:15:09+00:00"),
        ("AccountUpdate", "last_change_ts", "2024-05-32T13:15:09+00:00"),
        ("AccountUpdate", "creation_date", "20240520"),
        ("AccountUpdate", "creation_date", "2024-02-30"),
        ("AccountUpdate", "account_id", "02"),
        ("AccountUpdate", "account_id", "18446744073709551616"),
        ("AccountUpdate", "config_data", "я" * 1001),
        ("AccountUpdate", "config_data", "\ud800" * 1000),
        ("AccountUpdate", "debtor_info_sha256", "ab" * 32),
        ("AccountUpdate", "demurrage_rate", -50),
        ("AccountUpdate", "transfer_note_max_bytes", 499),
        ("AccountTransfer", "acquired_amount", 0),
        ("AccountTransfer", "transfer_number", 0),
        ("AccountTransfer", "transfer_note_format", "A\n"),
        ("FinalizedTransfer", "committed_amount", -1),
        ("RejectedTransfer", "status_code", "X" * 31),
        ("PreparedTransfer", "coordinator_type", ""),
    ],
)
def test_values_which_break_a_rule_are_found(name: str, field: str, value: Any) -> None:
    answer = arrived(NAMES[name])
    body = json.dumps({**answer.message, field: value}).encode()

    (problem,) = replace(answer, body=body).field_problems

    assert problem.startswith(f"{name}: {field}: expected ")


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"5", b"{}", b'{"type": "Hello"}', b"[" * 9999]
)
def test_other_bodies_are_found(body: bytes) -> None:
    (problem,) = replace(arrived(MESSAGES[0]), body=body).problems

    assert problem.startswith("the body is no message to an agent")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content_type", "text/plain"),
        ("delivery_mode", 1),
        ("type", "AccountPurge"),
        ("app_id", None),
    ],
)
def test_wrong_properties_are_found(name: str, value: object) -> None:
    answer = arrived(NAMES["FinalizedTransfer"])
    properties = {**answer.properties, name: value}

    (problem,) = replace(answer, properties=properties).problems

    assert problem.startswith(f"FinalizedTransfer: AMQP property {name}: expected ")


@pytest.mark.parametrize("name", NAMES)
def test_wrong_headers_are_found(name: str) -> None:
    answer = arrived(NAMES[name])
    for header in answer.headers:
        without = {key: value for key, value in answer.headers.items() if key != header}
        (problem,) = replace(answer, headers=without).problems
        assert problem.startswith(f"{name}: header {header}: expected ")
        assert problem.endswith(", came None")
    assert replace(answer, headers={**answer.headers, "debtor-id": "-1"}).problems != []


def test_a_header_of_a_field_that_is_not_there_is_found() -> None:
    answer = arrived(NAMES["AccountUpdate"])
    more = {**answer.headers, "coordinator-type": "direct"}

    assert replace(answer, headers=more).problems == [
        "AccountUpdate: header coordinator-type: expected None, came 'direct'"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_wrong_ways_are_found(name: str) -> None:
    answer = arrived(NAMES[name])

    assert len(replace(answer, exchange="amq.topic").problems) == 1
    assert len(replace(answer, routing_key="00.00.00.00.00.00.00.03").problems) == 1


def test_messages_to_debtors_have_another_way() -> None:
    answer = changed("AccountUpdate", creditor_id=0)
    answer = replace(
        answer,
        exchange="to_debtors",
        routing_key="ff.ff.ff.ff.ff.ff.ff.ff",
        headers={**answer.headers, "creditor-id": 0},
    )

    assert answer.problems == []


def test_an_account_transfer_of_a_debtors_account_is_found() -> None:
    problems = changed("AccountTransfer", creditor_id=0).problems

    assert any("never" in problem for problem in problems)


def test_escaped_text_is_found() -> None:
    answer = arrived(NAMES["AccountTransfer"])
    body = json.dumps(answer.message).encode()

    assert replace(answer, body=body).problems == [
        "AccountTransfer: text is written with \\u escapes"
    ]


def test_a_moment_in_the_future_is_found() -> None:
    ahead = datetime.now(UTC) + timedelta(hours=3)

    (problem,) = changed("AccountPurge", ts=ahead.isoformat()).problems

    assert problem.startswith("AccountPurge: ts is in the future")


def test_answers_to_the_same_question_have_the_same_key() -> None:
    assert arrived(NAMES["PreparedTransfer"]).key == arrived(NAMES["RejectedTransfer"]).key
    assert arrived(NAMES["PreparedTransfer"]).key != arrived(NAMES["FinalizedTransfer"]).key
    rejected = changed("RejectedConfig", config_seqnum=7, config_ts="2024-05-20T13:15:09.123456Z")
    assert arrived(NAMES["AccountUpdate"]).key == rejected.key
    assert changed("AccountTransfer", transfer_note="").key != arrived(NAMES["AccountTransfer"]).key


@pytest.mark.parametrize("values", [{"coordinator_id": []}, {"coordinator_id": {}}])
def test_a_message_without_a_key(values: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        _ = changed("PreparedTransfer", **values).key
