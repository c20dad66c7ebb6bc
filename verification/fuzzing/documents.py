"""Random messages, right and wrong, as JSON text.

All chance comes from the given `Random`.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from verification.fuzzing.fields import (
    FIELDS,
    MAX_INT32,
    MAX_INT64,
    MIN_INT32,
    MIN_INT64,
    Float,
    Integer,
    Kind,
    Moment,
    Text,
)

Document = dict[str, str]
"""Properties, and their values as JSON text."""

CREDITORS = (0, (1 << 40) + 2, (1 << 40) + 3, 5 << 40, -2, -3, MIN_INT64, MAX_INT64, 7)
DEBTORS = (-1, 3, MIN_INT64, MAX_INT64)
NOW = datetime(2024, 5, 20, 13, 15, 9, 123456, UTC)

_INTEGERS = (0, 1, -1, 2, 10, 1000, 2**53, MAX_INT32, MIN_INT32, MAX_INT64, MIN_INT64)
_FLOATS = (
    *("0", "0.0", "-0.0", "1", "10.5", "1e30", "5e-324", "2.2250738585072011e-308", "1e-400"),
    *("1.7976931348623157e308", "16777217.0", "9007199254740993", "18446744073709551617", "1E+18"),
)
_MOMENTS = (
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+00:00", "1970-01-01T00:00:00+00:00"),
    *("2024-02-29T23:59:59.5-23:59", "4714-11-24T00:00:00+00:00", "0001-01-01T01:00:00+01:00"),
    *("2038-01-19T03:14:08+00:00", "1969-12-31T23:59:59.999999+00:00"),
    *("20240520T131509Z", "2024-W21-1T13:15:09Z", "2024-05-20T13:15Z", "2024-05-20T13:15:09,5+00"),
)
_FAR_MOMENTS = ("10000-01-01T00:00:00Z", "0000-02-29T00:00:00Z", "-0001-12-31T23:59:59+00:00")
_LETTERS = ("a", "Z", " ", "\n", '"', "\\", "\x01", "\x7f", "\x80", "й", "\u2028", "\ufeff", "🙂")
_ROOT_CONFIGS = (
    "",
    '{"type":"RootConfigData"}',
    '{"type":"RootConfigData-v2","rate":5.5,"limit":1000}',
    '{"type":"RootConfigData","rate":-50,"limit":9223372036854775807,"new":[{}]}',
    '{"type":"RootConfigData","rate":100.0,"info":{"type":"DebtorInfo","iri":"https://a.b/"}}',
    (
        '{"type":"RootConfigData","info":{"type":"DebtorInfo","iri":"x",'
        f'"contentType":"text/plain","sha256":"{"0F" * 32}"}}}}'
    ),
)
# JSON that is wrong almost everywhere, and what is no JSON.
NASTY = (
    *("null", "true", "false", "[]", "{}", "[[[[1]]]]", '{"a":{"a":{"a":[]}}}', '""', '"10"'),
    *("1.0", "1e2", "10.0e-1", "1E400", "-1e400", "1e999999999", "1e-999999999", "-0", "-0e0"),
    *("2147483648", "-2147483649", "9223372036854775808", "-9223372036854775809", "9" * 400),
    *("9" * 5000, "-" + "9" * 5000, "0." + "3" * 5000, "NaN", "Infinity", "-Infinity", "nul", ""),
    *("01", "+1", ".5", "1.", "0x10", "--1", "1e", "٣", "'a'", "[", "]", "{", "}", '"', '"\\"'),
    *('"\\u0000"', '"a\\u0000b"', '"\0"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude42"'),
    *('"\\u00"', '"\\x"', '"\n"', '"\ud800"', "[" * 500 + "]" * 500, "[" * 60 + "]" * 60),
    *('{"a":' * 90 + "1" + "}" * 90, "[1,]", '{"a":1,"a":2}', '{"a":1,}', "/**/1", "1 2"),
    *(f'"{"x" * 101}"', f'"{"x" * 501}"', f'"{"й" * 1001}"', f'"{"🙂" * 125}"', f'"{"x" * 2001}"'),
    *('"2024-05-20T13:15:09"', '"2024-02-30T00:00:00Z"', '"24:00"', '"9999-12-31T23:59:59-00:01"'),
    *('"2024-05-20T24:00:00Z"', '"2024-05-20T13:15:60Z"', '"2024-05-20T13:15:09+24:00"'),
    *(f'"{"2" * 300}T"', '"2024-05-20T13:15:09.1234567Z"', '"٢٠٢٤-05-20T13:15:09Z"'),
    *(f'"{moment}"' for moment in _FAR_MOMENTS),
)


def right_value(rng: Random, name: str, kind: Kind) -> str:
    """A value that a field may have, as far as no other field forbids it."""
    match kind:
        case Integer():
            return str(_integer(rng, name, kind))
        case Float():
            return rng.choice(_FLOATS) if rng.random() < 0.7 else repr(abs(rng.gauss(0, 1e6)))
        case Moment():
            return json.dumps(_moment(rng, kind), ensure_ascii=False)
        case Text():
            return json.dumps(_text(rng, name, kind), ensure_ascii=rng.random() < 0.3)


def _integer(rng: Random, name: str, kind: Integer) -> int:
    pool: tuple[int, ...] = (kind.low, kind.high, *_INTEGERS)
    if name.endswith("creditor_id"):
        pool = CREDITORS
    elif name == "debtor_id":
        pool = DEBTORS
    elif rng.random() < 0.3:
        return rng.randint(kind.low, kind.high)
    return rng.choice([n for n in pool if kind.low <= n <= kind.high])


def _moment(rng: Random, kind: Moment) -> str:
    chance = rng.random()
    if chance < 0.2:
        return rng.choice(_MOMENTS + _FAR_MOMENTS if kind.is_open else _MOMENTS)
    if kind.is_open and chance < 0.7:
        return "9999-12-31T23:59:59+00:00"
    days = rng.choice((0, 0, 0, 1, -1, -8, 100, -36500, 2_000_000))
    seconds = rng.choice((0, 1, -1, 0.000001, 3600.5))
    return (NOW + timedelta(days=days, seconds=seconds)).isoformat()


def _text(rng: Random, name: str, kind: Text) -> str:
    if name == "coordinator_type":
        return rng.choice(("direct", "agent", "issuing", "interest", "delete", "a", "~" * 30))
    if name == "transfer_note_format":
        return rng.choice(("", "json", "-", "A.b-9876"))
    if name == "recipient":
        return rng.choice(
            (*(str(c % 2**64) for c in CREDITORS), "", "01", "-2", str(2**64), "~" * 100)
        )
    if name == "config_data" and rng.random() < 0.8:
        return rng.choice(_ROOT_CONFIGS)
    length = rng.choice((0, 1, 5, kind.length_max))
    text = rng.choice(_LETTERS) * length if rng.random() < 0.5 else ""
    text = text or "".join(rng.choices(_LETTERS, k=length))
    return text.encode()[: kind.bytes_max].decode(errors="ignore")[: kind.length_max]


def right_message(rng: Random, message_type: str) -> Document:
    """A message in which everything is right, but which nobody would write."""
    document = {"type": json.dumps(message_type)}
    for name, kind in FIELDS[message_type].items():
        document[name] = right_value(rng, name, kind)
    if message_type == "PendingBalanceChange" and document["principal_delta"] == "0":
        document["principal_delta"] = "1"
    if message_type == "PrepareTransfer":
        _agree(rng, document)
    return document


def _agree(rng: Random, document: Document) -> None:
    amounts = sorted(int(document[f"{end}_locked_amount"]) for end in ("min", "max"))
    low = rng.choice((0, amounts[0]))
    document |= {"min_locked_amount": str(low), "max_locked_amount": str(amounts[1])}
    creditor_id = int(document["creditor_id"])
    match json.loads(document["coordinator_type"]):
        case "agent" if creditor_id % 2**64 >> 40:
            document["coordinator_id"] = str(creditor_id ^ 1)
        case "issuing" if creditor_id == 0:
            document["coordinator_id"] = document["debtor_id"]
        case _:
            document |= {"coordinator_type": '"direct"', "coordinator_id": str(creditor_id)}


_CHORE_VALUES: dict[str, tuple[str, ...]] = {
    "debtor_id": tuple(map(str, DEBTORS)),
    "creditor_id": tuple(map(str, CREDITORS)),
    "interest_rate": ("0", "5.5", "-50.0", "100", "1e308", "-1e308", "5e-324", "-0.0"),
    "ts": tuple(f'"{moment}"' for moment in _MOMENTS),
    "debtor_info_iri": ('""', '"https://a.b/"', f'"{"й" * 200}"'),
    "debtor_info_content_type": ('""', '"text/plain"', f'"{"~" * 100}"'),
    "debtor_info_sha256": ('""', f'"{"0F" * 32}"'),
}
_CHORE_FIELDS = {
    "ChangeInterestRate": ("interest_rate", "ts"),
    "UpdateDebtorInfo": (
        *("debtor_info_iri", "debtor_info_content_type", "debtor_info_sha256", "ts"),
    ),
    "CapitalizeInterest": (),
    "TryToDeleteAccount": (),
}


def right_document(rng: Random, target: str) -> Document:
    """A message, a chore, or a RootConfigData in which everything is right."""
    if target in FIELDS:
        return right_message(rng, target)
    if target in _CHORE_FIELDS:
        names = ("debtor_id", "creditor_id", *_CHORE_FIELDS[target])
        return {"type": f'"{target}"', **{name: rng.choice(_CHORE_VALUES[name]) for name in names}}
    return _split(rng.choice(_ROOT_CONFIGS[1:]))


def _split(text: str) -> Document:
    return {name: json.dumps(value) for name, value in json.loads(text).items()}


# -- what makes it wrong -------------------------------------------------------

Pairs = list[tuple[str, str]]


def _spoil_value(rng: Random, pairs: Pairs) -> None:
    i = rng.randrange(len(pairs))
    pairs[i] = (pairs[i][0], rng.choice(NASTY))


def _drop(rng: Random, pairs: Pairs) -> None:
    if len(pairs) > 1:
        pairs.pop(rng.randrange(len(pairs)))


def _double(rng: Random, pairs: Pairs) -> None:
    name, value = rng.choice(pairs)
    other = rng.choice((value, rng.choice(NASTY), rng.choice(pairs)[1]))
    pairs.insert(rng.randrange(len(pairs) + 1), (name, other))


def _add_unknown(rng: Random, pairs: Pairs) -> None:
    name = rng.choice(('"new"', '""', '"\\ud800"', '"Ünknown"', '"typ\\u0435"', '"ts "', "new"))
    pairs.insert(rng.randrange(len(pairs) + 1), (name, rng.choice(NASTY)))


def _swap_values(rng: Random, pairs: Pairs) -> None:
    i, j = rng.randrange(len(pairs)), rng.randrange(len(pairs))
    (a, x), (b, y) = pairs[i], pairs[j]
    pairs[i], pairs[j] = (a, y), (b, x)


def _escape_name(rng: Random, pairs: Pairs) -> None:
    i = rng.randrange(len(pairs))
    name, value = pairs[i]
    pairs[i] = (f'"\\u{ord(name[1]):04x}{name[2:]}' if len(name) > 2 else name, value)


_CHANGES: tuple[Callable[[Random, Pairs], None], ...] = (
    *(_spoil_value, _spoil_value, _drop, _double, _add_unknown, _swap_values, _escape_name),
)
_ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "latin-1")


def wrong_body(rng: Random, pairs: Pairs) -> bytes:
    """The document with some damage. What comes out may be right all the same."""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        rng.choice(_CHANGES)(rng, pairs)
    if rng.random() < 0.2:
        rng.shuffle(pairs)
    body = body_of(pairs, rng.choice(("", "", " ", "\r\n\t")))
    return _damaged(rng, body) if rng.random() < 0.25 else body


def body_of(pairs: Pairs, space: str = "") -> bytes:
    """The JSON object with these properties."""
    text = f",{space}".join(f"{name}{space}:{space}{value}" for name, value in pairs)
    return f"{space}{{{text}}}{space}".encode("utf-8", "surrogatepass")


def _damaged(rng: Random, body: bytes) -> bytes:
    match rng.randrange(6):
        case 0:
            return body.decode(errors="replace").encode(rng.choice(_ENCODINGS), "replace")
        case 1:
            return body[: rng.randrange(len(body) + 1)]
        case 2:
            return body + rng.choice((b"x", b"\0", body, b",", b"}"))
        case 3:
            return rng.choice((b"\xef\xbb\xbf", b"\0", b"[", b"\xff", b"//\n")) + body
        case 4:
            return b"[" + body + b"]"
        case _:
            damaged = bytearray(body or b"{")
            for _ in range(rng.randrange(1, 4)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            return bytes(damaged)


def pairs_of(document: Document) -> Pairs:
    """Its properties, which may be changed and repeated."""
    return [(json.dumps(name), value) for name, value in document.items()]
