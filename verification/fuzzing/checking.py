"""What must be true of every input, whatever is in it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from swpt_accounts.core.ids import MAX_INT64, MIN_INT64
from swpt_accounts.core.root_config import InvalidRootConfig
from swpt_accounts.core.root_config import parse_root_config as parse
from swpt_accounts.scans import chores
from swpt_accounts.smp import decoder
from swpt_accounts.smp.decoder import MAX_REASON_LENGTH, MESSAGE_TYPES, MalformedMessage
from swpt_accounts.smp.incoming import IncomingMessage
from swpt_accounts.smp.types import CONTENT_TYPE, MAX_CONFIG_DATA_BYTES
from verification.fuzzing.reading import Refused, Undecided, read
from verification.model.root_config import parse_root_config as parse_by_model

ROOT_CONFIG = "RootConfigData"
TARGETS = (*MESSAGE_TYPES, *chores.CHORE_TYPES, ROOT_CONFIG)
"""What there is to read: the types of messages and chores, and what debtors write."""

_YEAR_1 = datetime.min.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A refusal names the field or the place, unless it is about the whole.
_WHAT_AND_WHERE = re.compile(
    r"`[a-z_]+`|`\$|\(byte \d+\)|in position \d+|\bthe body of this |recursion depth|truncated|"
    r"Expected `object`, got `|: Input data"
)


class Finding(AssertionError):
    """Something is wrong with the program, or with the check."""


def check(target: str, body: bytes) -> bool:
    """Let the program read one input. Returns whether it was accepted. Raises `Finding`."""
    if target in MESSAGE_TYPES:
        return check_message(target, body) is not None
    if target == ROOT_CONFIG:
        return check_root_config(body.decode(errors="replace"))
    return check_chore(target, body)


def read_only(target: str, body: bytes) -> None:
    """Let the program read one input, and nobody else: what it takes is the program's."""
    try:
        if target in MESSAGE_TYPES:
            decoder.decode(target, CONTENT_TYPE, body)
        elif target == ROOT_CONFIG:
            parse(body[:MAX_CONFIG_DATA_BYTES].decode(errors="replace"))
        else:
            chores.decode_chore(target, body)
    except (MalformedMessage, InvalidRootConfig):
        pass


def check_message(
    message_type: str, body: bytes, content_type: str = CONTENT_TYPE
) -> IncomingMessage | None:
    """The decoded message, if it was accepted: with the values that the second reader finds."""
    try:
        message = decoder.decode(message_type, content_type, body)
    except MalformedMessage as error:
        _check_reason(str(error), message_type)
        _check_refusal(message_type, body, str(error))
        return None
    except Exception as error:
        raise Finding(f"{message_type}: {error!r}") from error
    try:
        expected = read(message_type, body)
    except Refused as error:
        raise Finding(f"{message_type}: it is taken, in spite of: {error}") from None
    except Undecided:
        pass
    else:
        _check_values(message, expected)
    again = decoder.decode(message_type, content_type, msgspec.json.encode(message))
    _require(again == message, "it is not the same when it is encoded and decoded")
    return message


def _check_reason(reason: str, message_type: str) -> None:
    is_a_line = 0 < len(reason) <= MAX_REASON_LENGTH and reason.isprintable()
    _require(is_a_line, f"not one line: {reason!r}")
    _require(message_type in reason, f"of what message? {reason!r}")
    _require(_WHAT_AND_WHERE.search(reason) is not None, f"what and where? {reason!r}")


def _check_refusal(message_type: str, body: bytes, reason: str) -> None:
    try:
        read(message_type, body)
    except (Refused, Undecided):
        return
    raise Finding(f"nothing is wrong with it, but: {reason}")


def _check_values(message: IncomingMessage, expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        found = getattr(message, name)
        if isinstance(found, datetime):
            _require(found.tzinfo is UTC, f"`{name}` is not in UTC")
            found = (found - _YEAR_1) // _MICROSECOND
        same = found == value and type(found) is type(value)
        _require(same, f"`{name}` is {found!r:.100}, not {value!r:.100}")


def check_chore(chore_type: str, body: bytes) -> bool:
    """The same for a chore. There is no second reader, but limits."""
    try:
        chore = chores.decode_chore(chore_type, body)
    except MalformedMessage as error:
        reason = str(error)
        _require(0 < len(reason) <= MAX_REASON_LENGTH and reason.isprintable(), "not one line")
        return False
    except Exception as error:
        raise Finding(f"{chore_type}: {error!r}") from error
    for value in (chore.debtor_id, chore.creditor_id):
        _require(type(value) is int and MIN_INT64 <= value <= MAX_INT64, "an id out of range")
    again = chores.decode_chore(chore_type, chores.encode_chore(chore))
    _require(again == chore, "it is not the same when it is encoded and decoded")
    return True


def check_root_config(text: str) -> bool:
    """The same for what a debtor says, which has a second reader, too."""
    if len(text.encode()) > MAX_CONFIG_DATA_BYTES:
        return False
    expected = parse_by_model(text)
    try:
        config = parse(text)
    except InvalidRootConfig as error:
        is_deep = "nested deeper" in str(error)
        _require(is_deep or expected is None, f"nothing is wrong with it, but: {error}")
        return False
    except Exception as error:
        raise Finding(repr(error)) from error
    _require(expected is not None, "it is taken, and should not be")
    assert expected is not None
    found = (config.interest_rate, config.issuing_limit)
    _require(found == (expected.rate, expected.limit), f"{found} is not {expected}")
    info = (config.info_iri or "", config.info_content_type or "", config.info_sha256 or b"")
    _require(info == tuple(vars(expected.info).values()), f"{info} is not {expected.info}")
    return True


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise Finding(what)
