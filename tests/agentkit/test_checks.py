"""The kit finds nothing wrong with what the authority writes, and finds every change of it."""

import copy
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agentkit.checks import field_problems, problems_of
from agentkit.received import Received
from agentkit.rules import RULES
from tests.agentkit.messages import MESSAGES, NAMES, TS, arrived, changed


def dressed(message: Received, **properties: Any) -> Received:
    """The message with other AMQP properties."""
    made = copy.copy(message.properties)
    for name, value in properties.items():
        setattr(made, name, value)
    return replace(message, properties=made)


def test_every_message_to_an_agent_has_rules() -> None:
    assert NAMES.keys() == RULES.keys()


@pytest.mark.parametrize("name", NAMES)
def test_what_the_authority_writes_is_right(name: str) -> None:
    answer = arrived(NAMES[name])

    assert problems_of(answer) == []


@pytest.mark.parametrize("name", NAMES)
def test_missing_and_unknown_fields_are_found(name: str) -> None:
    answer = arrived(NAMES[name])
    for field in RULES[name]:
        message = {key: value for key, value in answer.data.items() if key != field}
        without = replace(answer, body=json.dumps(message).encode())
        assert f"{name}: the field {field} is missing" in field_problems(without)

    assert field_problems(changed(name, more=1)) == [f"{name}: unknown field more"]


@pytest.mark.parametrize("name", NAMES)
def test_values_of_another_type_are_found(name: str) -> None:
    for field in RULES[name]:
        values: list[Any] = [None, True, [1], {}]
        for value in values:
            (problem,) = field_problems(changed(name, **{field: value}))
            assert problem.startswith(f"{name}: {field}: expected ")


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("AccountUpdate", "principal", 1000.0),
        ("AccountUpdate", "principal", 1 << 63),
        ("AccountUpdate", "interest", 0),
        ("AccountUpdate", "interest", float("nan")),
        ("AccountUpdate", "last_change_ts", "2024-05-20T13:15:09.123456"),
        ("AccountUpdate", "last_change_ts", "2024-05-32T13:15:09+00:00"),
        ("AccountUpdate", "creation_date", "2024-02-30"),
        ("AccountUpdate", "account_id", "02"),
        ("AccountUpdate", "account_id", "18446744073709551616"),
        ("AccountUpdate", "config_data", "я" * 1001),
        ("AccountUpdate", "debtor_info_sha256", "ab" * 32),
        ("AccountUpdate", "demurrage_rate", -50),
        ("AccountUpdate", "transfer_note_max_bytes", 499),
        ("AccountTransfer", "acquired_amount", 0),
        ("AccountTransfer", "transfer_note_format", "A\n"),
        ("FinalizedTransfer", "committed_amount", -1),
        ("RejectedTransfer", "status_code", "X" * 31),
    ],
)
def test_values_which_break_a_rule_are_found(name: str, field: str, value: Any) -> None:
    answer = arrived(NAMES[name])
    body = json.dumps({**answer.data, field: value}).encode()

    (problem,) = field_problems(replace(answer, body=body))

    assert problem.startswith(f"{name}: {field}: expected ")


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"5", b"{}", b'{"type": "Hello"}', b"[" * 9999]
)
def test_other_bodies_are_found(body: bytes) -> None:
    (problem,) = problems_of(replace(arrived(MESSAGES[0]), body=body))

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

    (problem,) = problems_of(dressed(answer, **{name: value}))

    assert problem.startswith(f"FinalizedTransfer: AMQP property {name}: expected ")


@pytest.mark.parametrize("name", NAMES)
def test_wrong_headers_and_ways_are_found(name: str) -> None:
    answer = arrived(NAMES[name])
    for header in answer.properties.headers:
        without = {key: value for key, value in answer.properties.headers.items() if key != header}
        (problem,) = problems_of(dressed(answer, headers=without))
        assert problem.startswith(f"{name}: header {header}: expected ")
    assert len(problems_of(replace(answer, exchange="amq.topic"))) == 1
    assert len(problems_of(replace(answer, routing_key="00.00.00.00.00.00.00.03"))) == 1


@pytest.mark.parametrize(
    ("note", "is_right"),
    [
        (rb"\u0041", False),
        (rb"\\\u0041", False),
        (rb"\u001f", True),
        (rb"\n", True),
        (rb"\\u0041", True),
    ],
)
def test_only_what_must_be_escaped_may_be(note: bytes, is_right: bool) -> None:
    answer = arrived(NAMES["AccountTransfer"])
    body = answer.body.replace("für Äpfel".encode(), note)

    assert (problems_of(replace(answer, body=body)) == []) == is_right


def test_a_moment_long_ago_is_found_where_messages_must_be_recent() -> None:
    now = datetime.fromisoformat(TS) + timedelta(hours=1)
    answer = arrived(NAMES["AccountPurge"])

    assert problems_of(answer, now=now, age_max=timedelta(hours=1)) == []
    (problem,) = problems_of(answer, now=now, age_max=timedelta(minutes=59))

    assert problem == f"AccountPurge: ts is long ago: {TS}"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("AccountUpdate", {"account_id": "3"}),
        ("AccountUpdate", {"ts": "2024-05-20T13:15:09.123455+00:00"}),
        ("AccountTransfer", {"sender": "3"}),
        ("AccountTransfer", {"previous_transfer_number": 1}),
        ("FinalizedTransfer", {"status_code": "TIMEOUT"}),
    ],
)
def test_fields_that_do_not_go_together_are_found(name: str, values: dict[str, Any]) -> None:
    assert len(field_problems(changed(name, **values))) == 1


def test_messages_to_the_authority_are_not_judged() -> None:
    assert problems_of(replace(arrived(MESSAGES[0]), exchange="accounts_in", body=b"")) == []
