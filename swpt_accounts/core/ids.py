"""Ids on the wire (SMP, Ids)."""

import re
from typing import Final

MIN_INT32: Final = -(1 << 31)
MAX_INT32: Final = (1 << 31) - 1
MIN_INT64: Final = -(1 << 63)
MAX_INT64: Final = (1 << 63) - 1

ROOT_CREDITOR_ID: Final = 0
"""The creditor id of a debtor's own account."""

_U64_MASK = (1 << 64) - 1
_AGENT_SHIFT = 64 - 24
_CANONICAL_U64 = re.compile(r"0|[1-9][0-9]{0,19}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}")
_HEX = re.compile(
    r"0[xX]([0-9a-fA-F]{1,40})"
    r"|(?=[0-9]*[a-fA-F])([0-9a-fA-F]{16})"
    r"|([0-9a-fA-F]{2}(?:\.[0-9a-fA-F]{2}){7})"
)


def to_u64(n: int) -> int:
    """Reinterpret a signed 64-bit integer as an unsigned one: -2 is 2**64 - 2."""
    return n & _U64_MASK


def account_id(creditor_id: int) -> str:
    """Return the account id of a creditor: an unsigned decimal."""
    return str(creditor_id & _U64_MASK)


def parse_account_id(text: str) -> int | None:
    """Return the signed creditor id, or `None` if the text is not a canonical account id."""
    if not _CANONICAL_U64.fullmatch(text):
        return None
    n = int(text)
    if n > _U64_MASK:
        return None
    return n - (1 << 64) if n > MAX_INT64 else n


def parse_id(text: str) -> int:
    """Return the signed 64-bit id that was pasted.

    Decimal: signed, or unsigned like an account id. Hexadecimal: after `0x`, or 16 digits of which
    one is a letter, or eight bytes with dots between them like a routing key; in two's complement.
    Raises `ValueError`, whose text says what is wrong.
    """
    text = text.strip()
    if _DECIMAL.fullmatch(text):
        n = int(text)
    elif found := _HEX.fullmatch(text):
        n = int("".join(filter(None, found.groups())).replace(".", ""), 16)
    else:
        raise ValueError(f"{text[:50]!r} is no id: neither decimal, nor hexadecimal like 0x1f")
    if not MIN_INT64 <= n <= _U64_MASK:
        raise ValueError(f"{text[:50]!r} is no id: it has more than 64 bits")
    return n - (1 << 64) if n > MAX_INT64 else n


def same_agent(a: int, b: int) -> bool:
    """Return whether two creditor ids belong to one agent.

    Their highest 24 bits are equal, and not all zero (those ids are reserved).
    """
    agent = to_u64(a) >> _AGENT_SHIFT
    return agent != 0 and agent == to_u64(b) >> _AGENT_SHIFT
