"""Ids as people paste them: decimal, hexadecimal, negative, and in the URIs of agents."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from swpt_accounts.core.ids import parse_id, to_u64

TEXT_LENGTH_MAX: Final = 500

# Of the agents, whose paths may have anything before.
_PATHS: Final = (
    ("account", re.compile(r"/accounts/([^/]+)/([^/]+)(?:/(?:config|reachable))?/?\Z")),
    ("debtor", re.compile(r"/debtors/([^/]+)(?:/.*)?\Z")),
    ("reversed account", re.compile(r"/creditors/([^/]+)/accounts/([^/]+)(?:/.*)?\Z")),
)
_SPACES = re.compile(r"[\s\u00a0\u2009\u202f]+")
_COORDINATOR = re.compile(r"(?![0-9a-f]{16}\b)([a-z][!-+.0-~-]{0,29})[\s/,]+(\S+?)[\s/,]+(\S+)")


@dataclass(frozen=True, slots=True)
class PastedIds:
    """What a text means. `kind` is "number", "debtor", "account", "transfer" or "request"."""

    kind: str
    ids: tuple[int, ...]
    coordinator_type: str = ""


def parse(text: str) -> PastedIds | None:
    """What a text means; `None` if nothing of the kind is in it."""
    text = unquote(_SPACES.sub(" ", text[:TEXT_LENGTH_MAX])).strip(" <>\"'()[]{}.,;")
    if text.lower().startswith("swpt:"):
        return _swpt(text[5:])
    if "/" in text and (meant := _path(text.split("?")[0].split("#")[0])) is not None:
        return meant
    if found := _COORDINATOR.fullmatch(text):
        return _meant("request", [found[2], found[3]], found[1])
    parts = [part for part in re.split(r"[ /,:;]+", text) if part]
    kinds = {1: "number", 2: "account", 3: "transfer"}
    return _meant(kinds[len(parts)], parts) if len(parts) in kinds else None


def parse_number(text: str) -> int:
    """A single id. Raises `ValueError`, whose text says what is wrong."""
    parsed = parse(text)
    if parsed is not None and parsed.kind == "number":
        return parsed.ids[0]
    return parse_id(text)


def parse_account(text: str) -> tuple[int, int]:
    """A debtor id and a creditor id. Raises `ValueError`, whose text says what is wrong."""
    parsed = parse(text)
    if parsed is None or parsed.kind != "account":
        raise ValueError(f"{text[:50]!r} is not an account: write DEBTOR/CREDITOR, like 1/2")
    debtor_id, creditor_id = parsed.ids
    return debtor_id, creditor_id


def _meant(kind: str, texts: list[str], coordinator_type: str = "") -> PastedIds | None:
    try:
        return PastedIds(kind, tuple(map(parse_id, texts)), coordinator_type)
    except ValueError:
        return None


def _swpt(text: str) -> PastedIds | None:
    """`swpt:DEBTOR`, or `swpt:DEBTOR/ACCOUNT`, where the account may be in Base64 after a `!`."""
    debtor, slash, account = text.strip("/").partition("/")
    if not slash:
        return _meant("debtor", [debtor])
    if account.startswith("!"):
        try:
            padded = account[1:] + "=" * (-len(account[1:]) % 4)
            account = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return None
    return _meant("account", [debtor, account])


def _path(path: str) -> PastedIds | None:
    for kind, rule in _PATHS:
        if found := rule.search(path):
            ids = list(found.groups())
            if kind == "reversed account":
                kind, ids = "account", ids[::-1]
            if (meant := _meant(kind, ids)) is not None:
                return meant
    return None


def spellings(n: int) -> tuple[str, str, str]:
    """An id as a signed decimal, an unsigned one, and in hexadecimal."""
    return str(n), str(to_u64(n)), f"0x{to_u64(n):016x}"
