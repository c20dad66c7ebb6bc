"""Where an account belongs, against a table made by hand."""

import pytest

from agentkit.keys import bits_key
from swpt_accounts.core.realm import account_bits
from swpt_accounts.smp.routing import bits_routing_key

MIN, MAX = -(2**63), 2**63 - 1

# The first 6 digits of what this prints for a DEBTOR_ID and a CREDITOR_ID:
#   printf '%016x%016x' DEBTOR_ID CREDITOR_ID | xxd -r -p | md5sum
TABLE = [
    (0, 0, "4ae713"),
    (123, 456, "084434"),
    (1, -1, "2ee2b0"),
    (-1, 1, "f72289"),
    (-1, 0, "f858d3"),
    (-2, 9, "f6b8d5"),
    (2**32, 2**41 + 1, "d4993c"),
    (MAX, MIN, "92c822"),
    (MIN, MAX, "02ea2c"),
    (MIN, MIN, "aeb35d"),
    (MAX, MAX, "f14705"),
]


@pytest.mark.parametrize(("debtor_id", "creditor_id", "digits"), TABLE)
def test_account_bits(debtor_id: int, creditor_id: int, digits: str) -> None:
    assert f"{account_bits(debtor_id, creditor_id):06x}" == digits


@pytest.mark.parametrize(("debtor_id", "creditor_id", "digits"), TABLE)
def test_routing_keys(debtor_id: int, creditor_id: int, digits: str) -> None:
    dotted = ".".join("".join(f"{int(digit, 16):04b}" for digit in digits))
    assert bits_routing_key(debtor_id, creditor_id) == dotted
    assert bits_key(debtor_id, creditor_id) == dotted
