"""A short part of the fuzzing of the decoders; and that it finds what is planted."""

import json
import os
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

import msgspec
import pytest

from swpt_accounts.scans import chore_schemas
from swpt_accounts.smp import decoder
from swpt_accounts.smp.decoder import MESSAGE_TYPES, MalformedMessage
from swpt_accounts.smp.incoming import IncomingMessage
from verification.fuzzing import checking, large
from verification.fuzzing.checking import TARGETS, Finding, check
from verification.fuzzing.decoder import try_inputs
from verification.fuzzing.documents import body_of, pairs_of, right_document
from verification.fuzzing.fields import FIELDS, Float, Integer, Moment, Text
from verification.fuzzing.reading import Refused, read

Decode = Callable[[str, str, bytes], IncomingMessage]
_KINDS: dict[type[msgspec.inspect.Type], type] = {
    msgspec.inspect.IntType: Integer,
    msgspec.inspect.FloatType: Float,
    msgspec.inspect.StrType: Text,
    msgspec.inspect.DateTimeType: Moment,
}


def test_damage() -> None:
    accepted, _ = try_inputs(2000, 1)
    assert min(accepted.values()) > 20


@pytest.mark.parametrize("target", TARGETS)
def test_right_ones_are_accepted(target: str) -> None:
    rng = Random(target)
    for _ in range(50):
        assert check(target, body_of(pairs_of(right_document(rng, target))))


def test_large_bodies() -> None:
    count, _ = large.run(300_000, step=37)
    assert count > 15


# -- the second reader ---------------------------------------------------------


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_all_fields_are_known(message_type: str) -> None:
    fields = msgspec.structs.fields(MESSAGE_TYPES[message_type])
    found = {field.name: msgspec.inspect.type_info(field.type) for field in fields}
    assert list(found) == list(FIELDS[message_type])
    for name, info in found.items():
        plain = info.type if isinstance(info, msgspec.inspect.Metadata) else info
        assert isinstance(FIELDS[message_type][name], _KINDS[type(plain)])


def test_moments_by_hand() -> None:
    """They are what Python makes of them."""
    document = right_document(Random(1), "ConfigureAccount")
    for text in (
        "2024-02-29T23:59:59.5-23:59",
        "0001-01-01T01:00:00+01:00",
        "1969-12-31T00:00:00Z",
    ):
        document["ts"] = json.dumps(text)
        found = read("ConfigureAccount", body_of(pairs_of(document)))["ts"]
        moment = datetime.fromisoformat(text)
        first = datetime.fromisoformat("0001-01-01T00:00:00+00:00")
        assert found == (moment - first) // checking._MICROSECOND
    for text in ("2023-02-29T00:00:00Z", "0001-01-01T00:00:00+00:01", "2024-01-01T24:00:00Z"):
        document["ts"] = json.dumps(text)
        with pytest.raises(Refused):
            read("ConfigureAccount", body_of(pairs_of(document)))


# -- what is planted is found --------------------------------------------------


def _raising(decode: Decode, message_type: str, content_type: str, body: bytes) -> IncomingMessage:
    if b"[[[[" in body:
        raise TypeError("'list' object cannot be interpreted as an integer")
    return decode(message_type, content_type, body)


def _lax(decode: Decode, message_type: str, content_type: str, body: bytes) -> IncomingMessage:
    try:
        return decode(message_type, content_type, body)
    except MalformedMessage:
        cls: type[IncomingMessage] = MESSAGE_TYPES[message_type]
        return msgspec.json.decode(body, strict=False, type=cls)


def _inexact(decode: Decode, message_type: str, content_type: str, body: bytes) -> IncomingMessage:
    message = decode(message_type, content_type, body)
    as_floats: dict[str, Any] = msgspec.structs.asdict(message)
    as_floats["debtor_id"] = int(float(as_floats["debtor_id"]))
    return type(message)(**as_floats)


def _too_strict(
    decode: Decode, message_type: str, content_type: str, body: bytes
) -> IncomingMessage:
    message = decode(message_type, content_type, body)
    if message.creditor_id == 2**63 - 1:
        raise MalformedMessage(f"{message_type}: Expected `int` <= 2**63 - 2 - at `$.creditor_id`")
    return message


def _silent(decode: Decode, message_type: str, content_type: str, body: bytes) -> IncomingMessage:
    try:
        return decode(message_type, content_type, body)
    except MalformedMessage:
        raise MalformedMessage(f"{message_type} is malformed") from None


@pytest.mark.parametrize(
    ("defect", "told"),
    [
        (_raising, "TypeError"),
        (_lax, "in spite of|Error"),
        (_inexact, "`debtor_id` is"),
        (_too_strict, "nothing is wrong with it, but: .*creditor_id"),
        (_silent, "what and where"),
    ],
)
def test_a_defect_of_the_decoder_is_found(
    monkeypatch: pytest.MonkeyPatch, defect: Any, told: str
) -> None:
    decode = decoder.decode
    monkeypatch.setattr(decoder, "decode", lambda t, c, b: defect(decode, t, c, b))
    with pytest.raises(Finding, match=told):
        try_inputs(5000, 1)


def test_a_defect_of_chores_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chore_schemas, "ValidationError", KeyError)
    with pytest.raises(Finding, match="ValidationError"):
        try_inputs(2000, 1)


def _greedy(_target: str, body: bytes) -> None:
    assert len([*body]) == len(body)  # eight bytes for each


def _dying(_target: str, _body: bytes) -> None:
    os._exit(1)


@pytest.mark.parametrize(
    ("defect", "told"), [(_greedy, "too much memory|more memory"), (_dying, "it has died")]
)
def test_a_waste_of_memory_is_found(
    monkeypatch: pytest.MonkeyPatch, defect: Any, told: str
) -> None:
    monkeypatch.setattr(large, "read_only", defect)
    with pytest.raises(Finding, match=told):
        large.run(20_000_000, step=300)
