"""Fields refuse with the error of their library, which the callers expect, and no other one."""

import pytest
from marshmallow import ValidationError

from swpt_accounts.core.fields import HexBytes


@pytest.mark.parametrize("digits", ["F", "FFF", "f0", "0x", "F F", 1, None])
def test_wrong_digits(digits: object) -> None:
    with pytest.raises(ValidationError):
        HexBytes().deserialize(digits)


def test_digits() -> None:
    assert HexBytes().deserialize("00FF") == b"\x00\xff"
