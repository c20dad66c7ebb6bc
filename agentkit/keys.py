"""Ids, exchanges and routing keys."""

from typing import Final

from swpt_accounts.core.realm import ACCOUNT_BITS_LENGTH, account_bits

ACCOUNTS_IN: Final = "accounts_in"
TO_CREDITORS: Final = "to_creditors"
TO_DEBTORS: Final = "to_debtors"
TO_COORDINATORS: Final = "to_coordinators"
AGENTS_EXCHANGES: Final = (TO_CREDITORS, TO_DEBTORS, TO_COORDINATORS)
"""Where agents hear what the authority says; nobody but shards may listen to `accounts_in`."""

ROOT_CREDITOR_ID: Final = 0


def hex_key(n: int) -> str:
    """The routing key of messages to an agent: the bytes of an id, in two's complement."""
    return n.to_bytes(8, "big", signed=True).hex(".")


def bits_key(debtor_id: int, creditor_id: int) -> str:
    """The routing key of messages to an account: the first 24 bits of an MD5 digest.

    The one rule that is the program's own: a table made by hand checks it.
    """
    return ".".join(f"{account_bits(debtor_id, creditor_id):0{ACCOUNT_BITS_LENGTH}b}")


def unsigned(n: int) -> str:
    """An id as an unsigned decimal: an account id, or a part of a fetch API's path."""
    return str(n % (1 << 64))


def signed(text: str) -> int:
    """The id that an unsigned decimal stands for. Raises `ValueError` if it is no number."""
    n = int(text)
    return n - (1 << 64) if n >= 1 << 63 else n
