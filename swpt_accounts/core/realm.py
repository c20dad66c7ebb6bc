"""Realms: which accounts belong to which shard."""

import re
from dataclasses import dataclass
from hashlib import md5
from struct import Struct
from typing import Final, Self

ACCOUNT_BITS_LENGTH: Final = 24
MAX_REALM_LENGTH: Final = 20

_GRAMMAR = re.compile(rf"([01]\.){{0,{MAX_REALM_LENGTH}}}#")
_pack_ids = Struct(">qq").pack


def account_bits(debtor_id: int, creditor_id: int) -> int:
    """Return the highest 24 bits of the MD5 digest of the two ids (signed, big-endian)."""
    digest = md5(_pack_ids(debtor_id, creditor_id), usedforsecurity=False).digest()
    return int.from_bytes(digest[:3], "big")


@dataclass(frozen=True, slots=True)
class Realm:
    """The accounts whose first `length` bits are `bits` (see `account_bits`)."""

    bits: int
    length: int

    @classmethod
    def parse(cls, routing_key: str) -> Self:
        """Parse a binding key like "0.1.#".

        Raises `ValueError` if it is not up to 20 dotted bits and a hash symbol.
        """
        if not _GRAMMAR.fullmatch(routing_key):
            raise ValueError(
                f"{routing_key!r} is not a realm: at most {MAX_REALM_LENGTH} zeros and ones,"
                ' separated by dots, and a final hash symbol, like "#" or "0.1.#"'
            )
        prefix = routing_key[:-1].replace(".", "")
        return cls(bits=int(prefix or "0", 2), length=len(prefix))

    def contains(self, debtor_id: int, creditor_id: int) -> bool:
        shift = ACCOUNT_BITS_LENGTH - self.length
        return account_bits(debtor_id, creditor_id) >> shift == self.bits

    def is_within(self, other: Self) -> bool:
        """Return whether all of its accounts belong to the other realm, too."""
        extra = self.length - other.length
        return extra >= 0 and self.bits >> extra == other.bits

    @property
    def parameters(self) -> dict[str, int]:
        """The realm as parameters of stored procedures."""
        return {"realm_bits": self.bits, "realm_length": self.length}

    def __str__(self) -> str:
        prefix = format(self.bits, f"0{self.length}b") if self.length else ""
        return ".".join((*prefix, "#"))
