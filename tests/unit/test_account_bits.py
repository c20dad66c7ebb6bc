"""Where an account belongs is computed in three places: each agrees with a table made by hand."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit import keys
from swpt_accounts.core import realm

APIPROXY = Path(__file__).parents[2] / "docker" / "stand_ins" / "apiproxy.py"
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


def by_program(debtor_id: int, creditor_id: int) -> int:
    return realm.account_bits(debtor_id, creditor_id)


def by_kit(debtor_id: int, creditor_id: int) -> int:
    key = keys.bits_key(debtor_id, creditor_id)
    assert len(key) == 24 + 23
    return int(key.replace(".", ""), 2)


def by_proxy(debtor_id: int, creditor_id: int) -> int:
    spec = importlib.util.spec_from_file_location("apiproxy", APIPROXY)
    assert spec is not None
    assert spec.loader is not None
    apiproxy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(apiproxy)
    bits = apiproxy.account_bits(debtor_id % 2**64, creditor_id % 2**64)
    assert len(bits) == 24
    return int(bits, 2)


@pytest.mark.parametrize("compute", [by_program, by_kit, by_proxy])
@pytest.mark.parametrize(("debtor_id", "creditor_id", "digits"), TABLE)
def test_account_bits(
    compute: Callable[[int, int], int], debtor_id: int, creditor_id: int, digits: str
) -> None:
    assert f"{compute(debtor_id, creditor_id):06x}" == digits
