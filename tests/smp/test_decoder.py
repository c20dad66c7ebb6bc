"""Decoding of incoming messages: every field, every limit."""

import json
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.core.ids import MAX_INT32, MAX_INT64, MIN_INT32, MIN_INT64
from swpt_accounts.core.timestamps import MAX_MOMENT, MIN_MOMENT
from swpt_accounts.smp.decoder import (
    MAX_REASON_LENGTH,
    MESSAGE_TYPES,
    MalformedMessage,
    decode,
)
from swpt_accounts.smp.incoming import (
    ConfigureAccount,
    FinalizeTransfer,
    IncomingMessage,
    PendingBalanceChange,
    PrepareTransfer,
)

TS_TEXT = "2024-05-20T13:15:09.123456+00:00"
TS = datetime(2024, 5, 20, 13, 15, 9, 123456, UTC)
CREDITOR_ID = 5 << 40

EXAMPLES: dict[str, dict[str, Any]] = {
    "ConfigureAccount": {
        "type": "ConfigureAccount",
        "debtor_id": -1,
        "creditor_id": CREDITOR_ID,
        "negligible_amount": 10.5,
        "config_flags": 2,
        "config_data": "дата",
        "ts": TS_TEXT,
        "seqnum": -3,
    },
    "PrepareTransfer": {
        "type": "PrepareTransfer",
        "debtor_id": -1,
        "creditor_id": CREDITOR_ID,
        "coordinator_type": "direct",
        "coordinator_id": CREDITOR_ID,
        "coordinator_request_id": -7,
        "min_locked_amount": 1,
        "max_locked_amount": 1000,
        "recipient": "18446744073709551614",
        "final_interest_rate_ts": "9999-12-31T23:59:59+00:00",
        "max_commit_delay": 3600,
        "ts": TS_TEXT,
    },
    "FinalizeTransfer": {
        "type": "FinalizeTransfer",
        "debtor_id": -1,
        "creditor_id": CREDITOR_ID,
        "transfer_id": 77,
        "coordinator_type": "direct",
        "coordinator_id": CREDITOR_ID,
        "coordinator_request_id": -7,
        "committed_amount": 500,
        "transfer_note": "благодаря 🙂",
        "transfer_note_format": "json",
        "ts": TS_TEXT,
    },
    "PendingBalanceChange": {
        "type": "PendingBalanceChange",
        "debtor_id": -1,
        "creditor_id": CREDITOR_ID,
        "other_creditor_id": -2,
        "change_id": 8,
        "coordinator_type": "interest",
        "transfer_note": "",
        "transfer_note_format": "",
        "committed_at": TS_TEXT,
        "principal_delta": -5,
    },
}

FIELDS = [(kind, name) for kind, example in EXAMPLES.items() for name in example]


def body_of(kind: str, **changes: Any) -> bytes:
    """Build a body. A change is a JSON value, or `...`: leave the field out."""
    document = {k: v for k, v in {**EXAMPLES[kind], **changes}.items() if v is not ...}
    return json.dumps(document, ensure_ascii=False).encode()


class Raw:
    """JSON text that Python's encoder would not write."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Raw({self.text[:30]!r})"


def body_with(kind: str, name: str, value: object) -> bytes:
    if not isinstance(value, Raw):
        return body_of(kind, **{name: value})
    marker = '"<the value>"'
    text = value.text.encode("utf-8", "surrogatepass")
    return body_of(kind, **{name: "<the value>"}).replace(marker.encode(), text)


def read(kind: str, body: bytes) -> IncomingMessage:
    return decode(kind, "application/json", body)


def refuse(kind: str, body: bytes) -> str:
    with pytest.raises(MalformedMessage) as caught:
        read(kind, body)
    reason = str(caught.value)
    assert 0 < len(reason) <= MAX_REASON_LENGTH
    assert reason.isprintable()
    return reason


# --- Good messages ---


GOOD: dict[str, IncomingMessage] = {
    "ConfigureAccount": ConfigureAccount(-1, CREDITOR_ID, 10.5, 2, "дата", TS, -3),
    "PrepareTransfer": PrepareTransfer(
        *(-1, CREDITOR_ID, "direct", CREDITOR_ID, -7, 1, 1000, "18446744073709551614"),
        *(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), 3600, TS),
    ),
    "FinalizeTransfer": FinalizeTransfer(
        *(-1, CREDITOR_ID, 77, "direct", CREDITOR_ID, -7, 500, "благодаря 🙂", "json", TS)
    ),
    "PendingBalanceChange": PendingBalanceChange(
        -1, CREDITOR_ID, -2, 8, "interest", "", "", TS, -5
    ),
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_good_messages(kind: str) -> None:
    assert read(kind, body_of(kind)) == GOOD[kind]


def test_there_are_four_types() -> None:
    assert set(MESSAGE_TYPES) == set(EXAMPLES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_properties_in_any_order_and_layout(kind: str) -> None:
    expected = read(kind, body_of(kind))
    backwards = dict(reversed(EXAMPLES[kind].items()))
    assert read(kind, json.dumps(backwards, indent=4).encode()) == expected
    assert read(kind, b" \r\n\t" + body_of(kind) + b"\n ") == expected


@pytest.mark.parametrize("kind", EXAMPLES)
def test_unknown_properties_are_ignored(kind: str) -> None:
    value: object
    for value in [
        *(None, 1, 1.5, "x", "x\0", [[[1]]], {"a": {"b": []}}, Raw("[" * 50 + "]" * 50)),
        *(Raw("1e400"), Raw("9" * 30)),
    ]:
        assert read(kind, body_with(kind, "unknown", value)) == read(kind, body_of(kind))


# --- The AMQP properties and the document as a whole ---


@pytest.mark.parametrize("kind", EXAMPLES)
def test_wrong_content_type(kind: str) -> None:
    for content_type in [
        None,
        "",
        "text/plain",
        "application/JSON",
        "application/json; charset=utf-8",
        "x\n" * 500,
    ]:
        with pytest.raises(MalformedMessage, match=r"^the content type is ") as caught:
            decode(kind, content_type, body_of(kind))
        assert len(str(caught.value)) <= MAX_REASON_LENGTH
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "message_type", [None, "", "Unknown", "configureAccount", "AccountUpdate", "_Message"]
)
def test_unknown_type(message_type: str | None) -> None:
    document = {**EXAMPLES["ConfigureAccount"], "type": message_type}
    with pytest.raises(MalformedMessage, match=r"^the message type .* is unknown$"):
        decode(message_type, "application/json", json.dumps(document).encode())


@pytest.mark.parametrize("kind", EXAMPLES)
def test_contradicting_types(kind: str) -> None:
    for other in EXAMPLES:
        if kind != other:
            reason = refuse(kind, body_of(other))
            assert reason == f"the body of this {kind} says it is a {other}"


@pytest.mark.parametrize("kind", EXAMPLES)
def test_wrong_type_in_the_body(kind: str) -> None:
    value: object
    for value in [None, 1, [], "", "Unknown", "AccountUpdate", "x\n" * 1000]:
        assert refuse(kind, body_of(kind, type=value)).startswith(f"{kind}: ")


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_long_value_does_not_hide_where_it_is(kind: str) -> None:
    reason = refuse(kind, body_of(kind, type="x\n" * 1000))
    assert reason.startswith(f"{kind}: Invalid value 'x?x")
    assert reason.endswith("at `$.type`")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{", b"{}", b"[]", b"null", b"17", b'"text"', b"\xff\xfe", b"\0"),
        *(b"[" * 100_000, b'{"a":' * 100_000, b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ],
)
def test_not_a_message(body: bytes) -> None:
    refuse("ConfigureAccount", body)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_damaged_documents(kind: str) -> None:
    body = body_of(kind)
    refuse(kind, b"\xef\xbb\xbf" + body)
    refuse(kind, body + b"x")
    refuse(kind, body + body)
    refuse(kind, body[:-1])
    refuse(kind, body[:-1] + b",}")
    refuse(kind, body.replace(b'"', b"'"))
    refuse(kind, body.decode().encode("utf-16"))
    refuse(kind, b"[" + body + b"]")


@pytest.mark.parametrize("kind", EXAMPLES)
def test_even_unknown_properties_are_json(kind: str) -> None:
    for value in [
        Raw("[" * 100_000),
        Raw("[" * 100_000 + "]" * 100_000),
        Raw('{"a":' * 100_000 + "1" + "}" * 100_000),
        Raw('"\ud800"'),  # UTF-8 has no surrogates.
        Raw('"\n"'),
        Raw('"\\x"'),
        Raw("NaN"),
        Raw("Infinity"),
        Raw("-"),
        Raw("01"),
        Raw("nul"),
        Raw(""),
    ]:
        refuse(kind, body_with(kind, "unknown", value))
        refuse(kind, body_with(kind, "ts", value))


# --- Each field ---


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_every_field_is_required(kind: str, name: str) -> None:
    assert f"`{name}`" in refuse(kind, body_of(kind, **{name: ...}))


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_no_field_takes_these(kind: str, name: str) -> None:
    value: object
    for value in [None, True, False, [], {}, [1], Raw("[" * 100_000 + "]" * 100_000)]:
        refuse(kind, body_with(kind, name, value))


INT64 = (MIN_INT64, MAX_INT64)
INT32 = (MIN_INT32, MAX_INT32)
INTEGERS: list[tuple[str, str, int, int]] = [
    *((kind, "debtor_id", *INT64) for kind in EXAMPLES),
    *((kind, "creditor_id", *INT64) for kind in EXAMPLES),
    ("ConfigureAccount", "config_flags", *INT32),
    ("ConfigureAccount", "seqnum", *INT32),
    ("PrepareTransfer", "coordinator_id", *INT64),
    ("PrepareTransfer", "coordinator_request_id", *INT64),
    ("PrepareTransfer", "min_locked_amount", 0, MAX_INT64),
    ("PrepareTransfer", "max_locked_amount", 0, MAX_INT64),
    ("PrepareTransfer", "max_commit_delay", 0, MAX_INT32),
    ("FinalizeTransfer", "transfer_id", *INT64),
    ("FinalizeTransfer", "coordinator_id", *INT64),
    ("FinalizeTransfer", "coordinator_request_id", *INT64),
    ("FinalizeTransfer", "committed_amount", 0, MAX_INT64),
    ("PendingBalanceChange", "other_creditor_id", *INT64),
    ("PendingBalanceChange", "change_id", *INT64),
    ("PendingBalanceChange", "principal_delta", MIN_INT64 + 1, MAX_INT64),
]
# What lets a field take its limits: no rule binds it to another field.
LOOSE = {"coordinator_type": "loose", "min_locked_amount": 0, "max_locked_amount": MAX_INT64}


def loosened(kind: str, name: str, value: object) -> bytes:
    loose = {k: v for k, v in LOOSE.items() if k in EXAMPLES[kind] and k != name}
    if name == "max_locked_amount":
        loose["min_locked_amount"] = 0
    return body_of(kind, **loose, **{name: value})


@pytest.mark.parametrize(("kind", "name", "low", "high"), INTEGERS)
def test_integers_at_their_limits(kind: str, name: str, low: int, high: int) -> None:
    for value in (low, high):
        assert getattr(read(kind, loosened(kind, name, value)), name) == value
    for value in (low - 1, high + 1, 2**64, -(2**64), 10**30):
        reason = refuse(kind, loosened(kind, name, value))
        assert f"$.{name}" in reason


@pytest.mark.parametrize(("kind", "name"), [row[:2] for row in INTEGERS])
def test_not_an_integer(kind: str, name: str) -> None:
    for value in [
        *(Raw("10.0"), Raw("10.9"), Raw("1e1"), Raw("1E1"), Raw("-0.0"), "10", "", Raw("9" * 5000)),
        *(Raw("-" + "9" * 5000), Raw("010"), Raw("+1"), Raw("0x10")),
    ]:
        refuse(kind, body_with(kind, name, value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("0.0", 0.0),
        ("-0.0", 0.0),
        ("10", 10.0),
        ("1e30", 1e30),
        ("123456789.0", 123456789.0),
        ("16777217.0", 16777217.0),
        ("1e100", 1e100),
        ("1.7e308", 1.7e308),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("1e-60", 1e-60),
        ("5e-324", 5e-324),
        ("1e-400", 0.0),
        ("9007199254740993", 9007199254740992.0),
        ("18446744073709551617", 18446744073709551616.0),
        ("0." + "3" * 5000, 1 / 3),
        ("1" + "0" * 308, 1e308),
    ],
)
def test_negligible_amounts(text: str, value: float) -> None:
    message = read(
        "ConfigureAccount", body_with("ConfigureAccount", "negligible_amount", Raw(text))
    )
    assert isinstance(message, ConfigureAccount)
    assert type(message.negligible_amount) is float
    assert message.negligible_amount == value


@given(st.floats(min_value=0, allow_infinity=False))
def test_negligible_amounts_keep_their_precision(value: float) -> None:
    message = read("ConfigureAccount", body_of("ConfigureAccount", negligible_amount=value))
    assert isinstance(message, ConfigureAccount)
    assert message.negligible_amount == value


@pytest.mark.parametrize(
    "value",
    [
        *(-0.1, -1, Raw("-5e-324"), "10.5", "many", Raw("1e309"), Raw("1e400"), Raw("-1e400")),
        *(Raw("9" * 400), Raw("9" * 5000), Raw("NaN"), Raw("Infinity"), Raw("1."), Raw(".5")),
    ],
)
def test_wrong_negligible_amounts(value: object) -> None:
    refuse("ConfigureAccount", body_with("ConfigureAccount", "negligible_amount", value))


# --- Strings ---

STRINGS = [
    (kind, name)
    for kind, example in EXAMPLES.items()
    for name, value in example.items()
    if isinstance(value, str)
    and value != TS_TEXT
    and name not in ("type", "final_interest_rate_ts")
]


@pytest.mark.parametrize(("kind", "name"), STRINGS)
def test_not_a_string(kind: str, name: str) -> None:
    for value in [
        *(Raw('"\\u0000"'), Raw('"a\\u0000b"'), Raw('"\0"'), Raw('"\\ud800"'), Raw('"\\udc00"')),
        *(Raw('"\\ud800\\ud800"'), Raw('"\\udc00\\ud800"'), Raw('"\ud800"'), Raw('"\\u12"'), 1),
        1.5,
    ]:
        refuse(kind, body_with(kind, name, value))


def test_an_escaped_backslash_is_not_a_nul() -> None:
    body = body_with("ConfigureAccount", "config_data", Raw('"\\\\u0000"'))
    message = read("ConfigureAccount", body)
    assert isinstance(message, ConfigureAccount)
    assert message.config_data == "\\u0000"


def test_escapes() -> None:
    body = body_with("ConfigureAccount", "config_data", Raw('"\\u0439\\ud83d\\ude42\\n\\"\\/"'))
    message = read("ConfigureAccount", body)
    assert isinstance(message, ConfigureAccount)
    assert message.config_data == 'й🙂\n"/'


@pytest.mark.parametrize(
    ("kind", "name", "bytes_max"),
    [
        ("ConfigureAccount", "config_data", 2000),
        ("FinalizeTransfer", "transfer_note", 500),
        ("PendingBalanceChange", "transfer_note", 500),
    ],
)
def test_texts_are_measured_in_bytes(kind: str, name: str, bytes_max: int) -> None:
    for symbol in ("x", "й", "🙂"):
        longest = symbol * (bytes_max // len(symbol.encode()))
        for value in ("", longest):
            assert getattr(read(kind, body_of(kind, **{name: value})), name) == value
        assert name in refuse(kind, body_of(kind, **{name: longest + "x"}))
    refuse(kind, body_of(kind, **{name: "x" * 10_000_000}))


WITH_COORDINATOR_TYPE = ["PrepareTransfer", "FinalizeTransfer", "PendingBalanceChange"]


@pytest.mark.parametrize("kind", WITH_COORDINATOR_TYPE)
def test_coordinator_types(kind: str) -> None:
    for value in ("x", "x" * 30, "interest", "delete", " ", "\x7f", "x\n"):
        body = body_of(kind, coordinator_type=value)
        assert getattr(read(kind, body), "coordinator_type", None) == value
    for value in ("", "x" * 31, "й", "x\x80"):
        assert "coordinator_type" in refuse(kind, body_of(kind, coordinator_type=value))


def test_recipients() -> None:
    for value in ("", "0", "x" * 100, "00", "-1", " 1", "18446744073709551616"):
        message = read("PrepareTransfer", body_of("PrepareTransfer", recipient=value))
        assert isinstance(message, PrepareTransfer)
        assert message.recipient == value
    for value in ("x" * 101, "й", "1\x80"):
        assert "recipient" in refuse("PrepareTransfer", body_of("PrepareTransfer", recipient=value))


@pytest.mark.parametrize("kind", ["FinalizeTransfer", "PendingBalanceChange"])
def test_transfer_note_formats(kind: str) -> None:
    for value in ("", "a", "Z", "0", ".", "-", "json", "A.b-9876"):
        body = body_of(kind, transfer_note_format=value)
        assert getattr(read(kind, body), "transfer_note_format", None) == value
    for value in ("123456789", "a b", "_", "й", "a/b", "\u0661", "A\0", "A\n\n", "A\nb", "A\r"):
        assert refuse(kind, body_of(kind, transfer_note_format=value))


@pytest.mark.parametrize("value", ["A\n", "\n", "A.b-9876\n"])
def test_a_newline_after_the_format_only_comes_with_money_on_its_way(value: str) -> None:
    """Another program has let it through, and debited the sender."""
    assert refuse("FinalizeTransfer", body_of("FinalizeTransfer", transfer_note_format=value))
    body = body_of("PendingBalanceChange", transfer_note_format=value)
    message = read("PendingBalanceChange", body)
    assert isinstance(message, PendingBalanceChange)
    assert message.transfer_note_format == value


# --- Moments ---

MOMENTS = [
    ("ConfigureAccount", "ts"),
    ("PrepareTransfer", "ts"),
    ("PrepareTransfer", "final_interest_rate_ts"),
    ("FinalizeTransfer", "ts"),
    ("PendingBalanceChange", "committed_at"),
]


@pytest.mark.parametrize(("kind", "name"), MOMENTS)
def test_moments(kind: str, name: str) -> None:
    for text, moment in [
        ("2024-05-20T13:15:09.123456+00:00", TS),
        ("2024-05-20T13:15:09.123456Z", TS),
        ("2024-05-20T13:15:09.123456-00:00", TS),
        ("2024-05-20T13:15:09.123456+0000", TS),
        ("2024-05-20T13:15:09.123456+00", TS),
        ("2024-05-20T15:15:09.123456+02:00", TS),
        ("2024-05-21T13:14:09.123456+23:59", TS),
        ("2024-05-19T13:16:09.123456-23:59", TS),
        ("2024-05-20t13:15:09.123456z", TS),
        ("2024-05-20 13:15:09.123456Z", TS),
        ("20240520T131509.123456Z", TS),
        ("2024-W21-1T13:15:09.123456Z", TS),
        ("2024-05-20T13:15:09,123456Z", TS),
        ("2024-05-20T13:15:09.1234561Z", TS),
        ("2024-05-20T13:15:09.123456" + "0" * 100 + "Z", TS),
        ("2024-05-20T13:15:09Z", TS.replace(microsecond=0)),
        ("2024-05-20T13:15:09.5Z", TS.replace(microsecond=500_000)),
        ("2024-05-20T13:15Z", TS.replace(second=0, microsecond=0)),
        ("2024-05-20T13:15:09.9999999Z", None),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", MIN_MOMENT),
        ("0001-01-01T01:00:00+01:00", MIN_MOMENT),
        ("9999-12-31T23:59:59.999999Z", MAX_MOMENT),
        ("9999-12-31T23:59:59.9999999Z", MAX_MOMENT),
        ("9999-12-31T22:59:59.999999-01:00", MAX_MOMENT),
    ]:
        found = getattr(read(kind, body_of(kind, **{name: text})), name)
        assert found.tzinfo is UTC
        if moment is None:  # Below a microsecond, any rounding will do.
            assert abs(found - TS.replace(microsecond=999_999)).total_seconds() <= 1e-6
        else:
            assert found == moment


@pytest.mark.parametrize(("kind", "name"), MOMENTS)
def test_not_a_moment(kind: str, name: str) -> None:
    for value in [
        *("", "yesterday", "2024-05-20", "2024-05-20Z", "2024-05-20T13:15:09", "2024-05-20T13:15"),
        *("20240520T131509", "13:15:09Z", "2024-05-20T13:15:09.Z", "2024-05-20T13:15:09 Z"),
        *(" 2024-05-20T13:15:09Z", "2024-05-20T13:15:09Z\n", "2024-05-20T13:15:09+24:00"),
        *("2024-05-20T13:15:09+01:60", "2024-05-20T13:15:60Z", "2024-05-20T25:00:00Z"),
        *("2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z"),
        *("2024-00-01T00:00:00Z", "٢٠٢٤-05-20T13:15:09Z", "2024-05-20T13:15:09Europe/Sofia"),
        *("0000-13-01T00:00:00Z", "0000-01-01T00:00:00", "10001-02-29T00:00:00Z"),
        *("+2024-05-20T13:15:09Z", "-2024-05-20", "02024-05-20T13:15:09Z"),
        *("1" * 10 + "-05-20T13:15:09Z", "9" * 5000, "2024-05-20T13:15:09Z\0", 1716210909),
        1716210909.5,
    ]:
        assert name in refuse(kind, body_of(kind, **{name: value}))


@pytest.mark.parametrize(("kind", "name"), MOMENTS)
def test_moments_beyond_the_calendar(kind: str, name: str) -> None:
    for text, nearest in [
        ("0001-01-01T00:00:00+00:01", MIN_MOMENT),
        ("0001-01-01T12:00:00+23:59", MIN_MOMENT),
        ("0001-01-01T00:00+01", MIN_MOMENT),
        ("0000-02-29T00:00:00Z", MIN_MOMENT),
        ("-0001-12-31T23:59:59.5+00:00", MIN_MOMENT),
        ("9999-12-31T23:59:59.999999-00:01", MAX_MOMENT),
        ("9999-12-31T12:00:00-23:59", MAX_MOMENT),
        ("9999-12-31T23:59-01", MAX_MOMENT),
        ("10000-02-29T00:00:00Z", MAX_MOMENT),
        ("+12024-05-20T13:15:09,25-03:00", MAX_MOMENT),
    ]:
        body = body_of(kind, **{name: text})
        if name == "final_interest_rate_ts":
            found = getattr(read(kind, body), name)
            assert found == nearest
            assert found.tzinfo is UTC
        else:
            assert f"`{name}` is a moment that is not within years 1..9999" in refuse(kind, body)


def test_the_rules_hold_whatever_the_form_of_the_moment() -> None:
    iso = "20240520T131509Z"
    assert read("ConfigureAccount", body_of("ConfigureAccount", ts=iso, negligible_amount=1))
    for changes in (
        {"config_flags": 10.0},
        {"config_flags": "10"},
        {"config_flags": 2**31},
        {"negligible_amount": -1},
        {"config_data": "й" * 1001},
        {"config_data": "\0"},
        {"seqnum": ...},
        {"type": ...},
        {"type": "PrepareTransfer"},
    ):
        refuse("ConfigureAccount", body_of("ConfigureAccount", ts=iso, **changes))


ISO = "20240520T131509Z"  # a form that RFC 3339 leaves out, which is decoded in another way


@pytest.mark.parametrize(("kind", "name"), MOMENTS)
def test_unknown_properties_are_ignored_whatever_the_form_of_the_moment(
    kind: str, name: str
) -> None:
    for text in [TS_TEXT, ISO]:
        for value in [Raw("9" * 5000), Raw("-1e400"), Raw("1e999999999"), "x\0"]:
            body = body_with(kind, "unknown", value).replace(
                f'"{name}": "{EXAMPLES[kind][name]}"'.encode(), f'"{name}": "{text}"'.encode()
            )
            assert read(kind, body) == read(kind, body_of(kind, **{name: text}))


@pytest.mark.parametrize("ts", [TS_TEXT, ISO])
def test_properties_that_come_twice(ts: str) -> None:
    """The last counts, whatever the form of the moment; and no value may be wrong."""
    kind = "ConfigureAccount"
    body = body_of(kind, ts=ts)

    def twice(first: bytes, last: bytes) -> bytes:
        return b"{" + first + b"," + body[1:-1] + b"," + last + b"}"

    message = read(kind, twice(b'"seqnum": 1', b'"seqnum": 2'))
    assert isinstance(message, ConfigureAccount)
    assert message.seqnum == 2
    last_ts = b'"ts": "2024-W21-1T13:15:09Z"'
    message = read(kind, twice(b'"type": "ConfigureAccount"', last_ts))
    assert isinstance(message, ConfigureAccount)
    assert message.ts == TS.replace(microsecond=0)
    for wrong in (b'"type": "PrepareTransfer"', b'"type": 1', b'"seqnum": "1"', b'"ts": null'):
        refuse(kind, twice(wrong, b'"x": 1'))
        refuse(kind, twice(b'"x": 1', wrong))


@pytest.mark.parametrize("ts", [TS_TEXT, ISO])
def test_large_unknown_properties_take_little_memory(ts: str) -> None:
    body = body_of("ConfigureAccount", unknown=[[]] * 300_000, ts=ts)
    tracemalloc.start()
    try:
        message = read("ConfigureAccount", body)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(message, ConfigureAccount)
    assert peak_bytes < 5 * len(body)  # to see whether it is UTF-8


@pytest.mark.parametrize("ts", [TS_TEXT, ISO])
@pytest.mark.parametrize("escape", [r"\ud800", r"\uDBFF", r"\ud83d\u"])
def test_lone_surrogates_in_unknown_properties_are_called_so(ts: str, escape: str) -> None:
    start = body_of("ConfigureAccount", ts=ts)[:-1] + b', "unknown": "'
    reason = refuse("ConfigureAccount", start + escape.encode() + b'"}')
    assert f"lone surrogate (byte {len(start)})" in reason
    assert "truncated" in refuse("ConfigureAccount", start[:-1])


# --- Rules between fields ---


def test_the_locked_amounts_are_in_order() -> None:
    def body(low: int, high: int) -> bytes:
        return body_of("PrepareTransfer", min_locked_amount=low, max_locked_amount=high)

    for low, high in ((0, 0), (0, 1), (1, 1), (MAX_INT64, MAX_INT64)):
        assert read("PrepareTransfer", body(low, high))
    for low, high in ((1, 0), (MAX_INT64, MAX_INT64 - 1)):
        assert "`max_locked_amount` is less" in refuse("PrepareTransfer", body(low, high))


DEBTOR_ID = EXAMPLES["PrepareTransfer"]["debtor_id"]


@pytest.mark.parametrize(
    ("coordinator_type", "coordinator_id", "creditor_id", "allowed"),
    [
        ("direct", CREDITOR_ID, CREDITOR_ID, True),
        ("direct", 0, 0, True),
        ("direct", CREDITOR_ID + 1, CREDITOR_ID, False),
        ("direct", DEBTOR_ID, CREDITOR_ID, False),
        ("issuing", DEBTOR_ID, 0, True),
        ("issuing", DEBTOR_ID, CREDITOR_ID, False),
        ("issuing", 0, 0, False),
        ("agent", CREDITOR_ID, CREDITOR_ID, True),
        ("agent", CREDITOR_ID + 1, CREDITOR_ID, True),
        ("agent", CREDITOR_ID + (1 << 40), CREDITOR_ID, False),
        ("agent", 5, 5, False),
        ("agent", 0, 0, False),
        ("agent", -1, -2, True),
        ("other", DEBTOR_ID, CREDITOR_ID, True),
        ("Direct", DEBTOR_ID, CREDITOR_ID, True),
        ("interest", DEBTOR_ID, CREDITOR_ID, True),
    ],
)
def test_coordinators(
    coordinator_type: str, coordinator_id: int, creditor_id: int, *, allowed: bool
) -> None:
    ids = {
        "coordinator_type": coordinator_type,
        "coordinator_id": coordinator_id,
        "creditor_id": creditor_id,
    }
    if allowed:
        assert read("PrepareTransfer", body_of("PrepareTransfer", **ids))
    else:
        reason = refuse("PrepareTransfer", body_of("PrepareTransfer", **ids))
        assert f"`coordinator_id` {coordinator_id} may not coordinate" in reason
    # One that cannot match a prepared transfer is ignored later, it is not malformed.
    assert read("FinalizeTransfer", body_of("FinalizeTransfer", **ids))


def test_a_balance_change_changes_something() -> None:
    body = body_of("PendingBalanceChange", principal_delta=0)
    assert "`principal_delta` is zero" in refuse("PendingBalanceChange", body)
