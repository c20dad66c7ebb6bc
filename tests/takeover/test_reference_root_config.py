"""How the reference reads the configuration of a root account, beside how ours reads it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.core.ids import MAX_INT64
from swpt_accounts.core.root_config import (
    InvalidRootConfig,
    RootConfig,
    parse_root_config,
)
from swpt_accounts.takeover.root_configs import read_as_reference

NOTHING = RootConfig()
_SHA256 = "0123456789ABCDEF" * 4


def read(**properties: Any) -> RootConfig:
    return read_as_reference(json.dumps(properties))


def read_info(**properties: Any) -> RootConfig:
    """What is read beside a rate, which counts only if the whole document is valid."""
    return read(rate=5, info=properties)


@pytest.mark.parametrize("text", ["", "{}", '{"type": "RootConfigData"}'])
def test_nothing_said(text: str) -> None:
    assert read_as_reference(text) == NOTHING


def test_type_is_optional_but_exact() -> None:
    assert read(rate=5).interest_rate == 5
    assert read(type="RootConfigData", rate=5).interest_rate == 5
    for wrong in ("RootConfigData-v1", "rootconfigdata", "", None, 1):
        assert read(type=wrong, rate=5) == NOTHING
    assert read_info(type="DebtorInfo", iri="x").info_iri == "x"
    assert read_info(type="DebtorInfo-v2", iri="x") == NOTHING


def test_unknown_properties_are_invalid_at_both_levels() -> None:
    assert read(rate=5, more=1) == NOTHING
    assert read_info(iri="x", more=1) == NOTHING
    ours = parse_root_config('{"type": "RootConfigData", "rate": 5, "more": 1}')
    assert ours.interest_rate == 5


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        (5, 5.0),
        ("2.5", 2.5),
        (" 7 ", 7.0),
        ("1_0", 10.0),
        ("1e1", 10.0),
        (-50, -50.0),
        (100, 100.0),
        ("-0", 0.0),
    ],
)
def test_rate(value: Any, rate: float) -> None:
    assert read(rate=value).interest_rate == rate


@pytest.mark.parametrize(
    "value", [100.1, -50.1, "NaN", "inf", "", "five", True, None, [], {}, 10**400]
)
def test_rate_that_is_invalid(value: Any) -> None:
    assert read(rate=value, limit=7) == RootConfig(issuing_limit=7)


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        (0, 0),
        (10.7, 10),
        (1e3, 1000),
        ("750000", 750000),
        (" 8 ", 8),
        ("1_0", 10),
        (MAX_INT64, MAX_INT64),
        (10.0, 10),
        (0.9, 0),
    ],
)
def test_limit(value: Any, limit: int) -> None:
    """Together with a rate, so that one sees that the document is valid."""
    assert read(rate=5, limit=value) == RootConfig(interest_rate=5.0, issuing_limit=limit)


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ("10.7", 11),
        ("10.4", 10),
        (-1, 0),
        (MAX_INT64 + 1, MAX_INT64),
        ("1e3", 1000),
        ("ten", MAX_INT64),
        ("", MAX_INT64),
        (True, MAX_INT64),
        (None, MAX_INT64),
        ([], MAX_INT64),
        ("NaN", MAX_INT64),
        ("1_0_", MAX_INT64),
        ("1e24", MAX_INT64),
    ],
)
def test_limit_that_is_invalid_is_taken_by_the_functions_of_money(value: Any, limit: int) -> None:
    """The document is not valid, so the rate does not count; only a limit, if it is a number."""
    assert read(rate=5, limit=value) == RootConfig(issuing_limit=limit)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "5", "null", '"x"', '{"rate": NaN, "limit": 7}', '{"limit": 7} x', "[" * 1900],
)
def test_text_that_is_no_object(text: str) -> None:
    assert read_as_reference(text) == NOTHING


def test_iri() -> None:
    assert read_info(iri="").info_iri in (None, "")
    assert read_info(iri="").interest_rate == 5
    assert read_info(iri="ä" * 200).info_iri == "ä" * 200
    for wrong in ("ä" * 201, None, 5, True):
        assert read_info(iri=wrong) == NOTHING
    assert read_info() == NOTHING
    assert read(rate=5, info="x") == NOTHING
    assert read(rate=5, info=None) == NOTHING


def test_content_type_and_sha256() -> None:
    found = read_info(iri="x", contentType="text/plain", sha256=_SHA256)
    assert found.info_content_type == "text/plain"
    assert found.info_sha256 == bytes.fromhex(_SHA256)
    assert read_info(iri="x", contentType="").interest_rate == 5
    assert read_info(iri="x", contentType="c" * 100).interest_rate == 5
    for wrong in ("ä", "c" * 101, None, 5):
        assert read_info(iri="x", contentType=wrong) == NOTHING
    for wrong in (_SHA256.lower(), _SHA256[2:], _SHA256 + "00", _SHA256 + "\n", "", None, 5):
        assert read_info(iri="x", sha256=wrong) == NOTHING


@pytest.mark.parametrize("bad", ["a\0b", "\ud800"])
@pytest.mark.parametrize("name", ["iri", "contentType"])
def test_text_that_no_database_keeps_is_no_info(name: str, bad: str) -> None:
    """It is valid there, and could not be given to any account."""
    if name == "contentType" and not bad.isascii():
        pytest.skip("not valid there, either")
    found = read_info(**{"iri": "x", name: bad})
    assert found == RootConfig(interest_rate=5.0)


def test_the_last_of_two_equal_names_counts() -> None:
    assert read_as_reference('{"rate": 1, "rate": 2}').interest_rate == 2
    assert read_as_reference('{"rate": 1, "limit": 3, "limit": "x"}') == NOTHING


def test_what_ours_refuses_is_in_force() -> None:
    for text in (
        "{}",
        '{"rate": 5}',
        '{"limit": "750000"}',
        '{"type": "RootConfigData", "limit": 10.7}',
    ):
        read_as_reference(text)
        with pytest.raises(InvalidRootConfig):
            parse_root_config(text)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: (
        st.lists(values)
        | st.dictionaries(
            st.sampled_from(["type", "rate", "limit", "info", "iri", "contentType", "sha256", "x"]),
            values,
        )
    ),
    max_leaves=8,
)


@given(st.text() | _json.map(json.dumps))
def test_any_text_gives_a_configuration_that_can_be_kept(text: str) -> None:
    found = read_as_reference(text)
    assert -50 <= found.interest_rate <= 100
    assert 0 <= found.issuing_limit <= MAX_INT64
    for kept in (found.info_iri or "", found.info_content_type or ""):
        assert "\0" not in kept
        kept.encode()


@given(
    st.fixed_dictionaries(
        {"type": st.just("RootConfigData")},
        optional={
            "rate": st.floats(-50, 100),
            "limit": st.integers(0, MAX_INT64),
            "info": st.fixed_dictionaries(
                {"type": st.just("DebtorInfo"), "iri": st.text("abc:/ä", min_size=1)},
                optional={
                    "contentType": st.text("abc/", max_size=100),
                    "sha256": st.just(_SHA256),
                },
            ),
        },
    )
)
def test_what_both_take_means_the_same(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert read_as_reference(text) == parse_root_config(text)
