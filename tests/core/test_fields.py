"""Fields refuse with their own error, which the callers expect, and no other one."""

import pytest

from swpt_accounts.core.fields import InvalidField, ObjectReader, hex_bytes, text


@pytest.mark.parametrize("digits", ["F", "FFF", "f0", "0x", "F F", 1, None, "00FF00"])
def test_wrong_digits(digits: object) -> None:
    with pytest.raises(InvalidField):
        hex_bytes(2)(digits)


def test_digits() -> None:
    assert hex_bytes(0, 2)("00FF") == b"\x00\xff"
    assert hex_bytes(0, 2)("") == b""


@pytest.mark.parametrize("value", [[], "x", None, 1, {}, {"iri": None}, {"iri": "abc"}])
def test_wrong_objects(value: object) -> None:
    with pytest.raises(InvalidField):
        ObjectReader(needed={"iri": text(".{1,2}")}, may={})(value)


def test_what_may_be_there_and_what_is_ignored() -> None:
    read = ObjectReader(needed={}, may={"iri": text(".{1,2}")})
    assert read({}) == read({"other": 1}) == {}
    assert read({"iri": "a\n", "other": 1}) == {"iri": "a\n"}
