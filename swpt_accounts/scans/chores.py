"""The tasks that the accounts scan posts to the shard's own chores queue.

Chores are not part of the public protocol. They are written by the same rules. Other versions of
the program read them: a type keeps its fields, and what they mean. It may get further ones, which
are ignored by versions that do not know them, and have a default for chores that lack them. What
means something else is a new type.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from swpt_accounts.smp.decoder import MalformedMessage

CHORE_BYTES_MAX: Final = 65_536
"""Those of this version have less than 3000."""


class UnknownChoreType(MalformedMessage):
    """Another version of the program has posted the chore, or it is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """A task for one account."""

    debtor_id: int
    creditor_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeInterestRate(Chore):
    """Set the interest rate (annual, in percent) that the debtor had set by `ts`."""

    interest_rate: float
    ts: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateDebtorInfo(Chore):
    """Set what the debtor had said about itself by `ts`. An empty value: it had said nothing."""

    debtor_info_iri: str
    debtor_info_content_type: str
    debtor_info_sha256: bytes
    ts: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CapitalizeInterest(Chore):
    """Turn the accumulated interest into principal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TryToDeleteAccount(Chore):
    """Delete the account, if that is possible now."""


CHORE_TYPES: Final = {
    cls.__name__: cls
    for cls in (ChangeInterestRate, UpdateDebtorInfo, CapitalizeInterest, TryToDeleteAccount)
}


def encode_chore(chore: Chore) -> bytes:
    """Return the chore as a JSON object in UTF-8. Its AMQP type is the name of its class."""
    # A scan that finds nothing to do needs no marshmallow.
    from swpt_accounts.scans.chore_schemas import dump

    name = type(chore).__name__
    document = {"type": name, **dump(name, chore)}
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def decode_chore(chore_type: str | None, body: bytes) -> Chore:
    """Decode and check a chore, given its AMQP property `type`.

    Raises `MalformedMessage`, and nothing else, whatever the body contains; of an unknown type,
    `UnknownChoreType`.
    """
    cls = CHORE_TYPES.get(chore_type or "")
    if cls is None:
        raise UnknownChoreType(f"the chore type {chore_type!r} is unknown")
    if len(body) > CHORE_BYTES_MAX:
        raise MalformedMessage(f"{chore_type}: {len(body)} bytes, more than {CHORE_BYTES_MAX}")
    from swpt_accounts.scans.chore_schemas import load

    try:
        document = json.loads(body.decode())
        if not isinstance(document, dict) or document.get("type") != chore_type:
            raise ValueError("the body is not a chore of this type")
        return cls(**load(cls.__name__, document))
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"{chore_type}: {error}") from None
