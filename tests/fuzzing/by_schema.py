"""Messages that hypothesis makes of the kinds of their fields, and of JSON that fits nowhere."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.fuzzing.checking import check
from tests.fuzzing.documents import NASTY
from tests.fuzzing.fields import (
    ASCII,
    CHANGE_NOTE_FORMAT,
    FIELDS,
    NOTE_FORMAT,
    Float,
    Integer,
    Kind,
    Moment,
    Text,
)

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_ANY_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
_OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def _text_of(kind: Text) -> st.SearchStrategy[str]:
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    if kind.pattern == CHANGE_NOTE_FORMAT:
        return st.from_regex(kind.pattern, fullmatch=True)
    if kind.pattern == ASCII:
        letters = st.characters(min_codepoint=1, max_codepoint=127)
    elif kind.pattern == NOTE_FORMAT:
        letters = st.sampled_from("aZ09.-")
    short = st.text(letters, min_size=kind.length_min, max_size=min(kind.length_max, 12))
    return st.one_of(short, short, st.just("x" * kind.length_max))


def _values(kind: Kind) -> st.SearchStrategy[Any]:
    match kind:
        case Integer():
            return st.integers(kind.low, kind.high) | st.sampled_from([kind.low, kind.high])
        case Float():
            return st.floats(min_value=0, allow_infinity=False) | st.integers(min_value=0)
        case Moment():
            return st.datetimes(timezones=_OFFSETS).map(datetime.isoformat)
        case Text():
            return _text_of(kind)


_FIELD_VALUES = {
    message_type: {name: _values(kind) for name, kind in fields.items()}
    for message_type, fields in FIELDS.items()
}


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A type of message, and a body in which no more than one value is wrong, or two together."""
    message_type = draw(st.sampled_from(sorted(FIELDS)))
    document = {"type": message_type, **draw(st.fixed_dictionaries(_FIELD_VALUES[message_type]))}
    if message_type == "PrepareTransfer" and draw(st.integers(0, 3)):
        document |= {"coordinator_type": "direct", "coordinator_id": document["creditor_id"]}
        document["max_locked_amount"] = max(
            document["min_locked_amount"], document["max_locked_amount"]
        )
    name = draw(st.none() | st.sampled_from([*document, "unknown"]))
    raw = None
    if name is not None and draw(st.booleans()):
        document[name] = draw(_ANY_JSON)
    elif name is not None:
        raw = draw(st.sampled_from(NASTY))
        document[name] = "@raw@"
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    if raw is not None:
        text = text.replace('"@raw@"', raw)
    return message_type, text.encode("utf-8", "surrogatepass")


def run(inputs_count: int, seed_number: int) -> int:
    """Try so many inputs. Returns how many were accepted. Raises `Finding`, for the smallest."""
    accepted = 0

    @seed(seed_number)
    @settings(
        max_examples=inputs_count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(bodies())
    def try_one(found: tuple[str, bytes]) -> None:
        nonlocal accepted
        accepted += check(*found)

    try_one()
    return accepted
