"""RootConfigData documents."""

import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.core.ids import MAX_INT64
from swpt_accounts.core.root_config import (
    MAX_NESTING,
    InvalidRootConfig,
    RootConfig,
    minimal_balance,
    parse_root_config,
)

SHA256 = "0123456789ABCDEF" * 4
INFO = {"type": "DebtorInfo", "iri": "https://example.com/"}


def document(**properties: Any) -> str:
    return json.dumps({"type": "RootConfigData", **properties})


def with_raw(name: str, raw: str) -> str:
    return f'{{"type": "RootConfigData", "{name}": {raw}}}'


def with_info(**changes: Any) -> str:
    return document(info={k: v for k, v in {**INFO, **changes}.items() if v is not ...})


def test_defaults() -> None:
    config = parse_root_config("")
    assert config == parse_root_config(document()) == RootConfig()
    assert hash(config) == hash(RootConfig())
    assert config.interest_rate == 0.0
    assert config.issuing_limit == 2**63 - 1
    assert config.info_iri is None
    assert config.info_content_type is None
    assert config.info_sha256 is None


def test_everything() -> None:
    text = document(
        rate=3.123456789,
        limit=1000,
        info={**INFO, "contentType": "text/html", "sha256": SHA256, "other": [1]},
        other={"a": [None]},
    )
    assert parse_root_config(text) == RootConfig(
        interest_rate=3.123456789,
        issuing_limit=1000,
        info_iri="https://example.com/",
        info_content_type="text/html",
        info_sha256=bytes.fromhex(SHA256),
    )


@pytest.mark.parametrize(
    "name", ["RootConfigData", "RootConfigData-v1", "RootConfigData-v10", "RootConfigData-v999999"]
)
def test_types(name: str) -> None:
    assert parse_root_config(json.dumps({"type": name})) == RootConfig()


@pytest.mark.parametrize(
    "name",
    [
        *("", "rootConfigData", "RootConfigData\n", " RootConfigData", "RootConfigData-v"),
        *("RootConfigData-v0", "RootConfigData-v01", "RootConfigData-v1000000"),
        *("RootConfigData-v1\n", "RootConfigData-v1.1", "RootConfigData-v\u0661", "SomethingElse"),
        *(None, 1, ["RootConfigData"]),
    ],
)
def test_wrong_types(name: object) -> None:
    with pytest.raises(InvalidRootConfig):
        parse_root_config(json.dumps({"type": name}))


@pytest.mark.parametrize(
    ("raw", "rate"),
    [
        ("-50", -50.0),
        ("-50.0", -50.0),
        ("100", 100.0),
        ("1e2", 100.0),
        ("0", 0.0),
        ("-0", 0.0),
        ("4.5", 4.5),
        ("3.123456789", 3.123456789),
        ("1e-60", 1e-60),
        ("1e-999", 0.0),
    ],
)
def test_rates(raw: str, rate: float) -> None:
    parsed = parse_root_config(with_raw("rate", raw)).interest_rate
    assert type(parsed) is float
    assert parsed == rate


@pytest.mark.parametrize(
    "raw",
    [
        *("-50.000000001", "100.000000001", "-51", "101", "1e400", "-1e400", "9" * 400, "9" * 5000),
        *("NaN", "Infinity", "-Infinity", "true", "false", "null", '"4.5"', "[4.5]", "{}", "01"),
        *(".5", "1.", "+1"),
    ],
)
def test_wrong_rates(raw: str) -> None:
    with pytest.raises(InvalidRootConfig):
        parse_root_config(with_raw("rate", raw))


@pytest.mark.parametrize(
    ("raw", "limit"), [("0", 0), ("-0", 0), ("1", 1), (str(MAX_INT64), MAX_INT64)]
)
def test_limits(raw: str, limit: int) -> None:
    assert parse_root_config(with_raw("limit", raw)).issuing_limit == limit


@pytest.mark.parametrize(
    "raw",
    ["-1", str(MAX_INT64 + 1), "10.7", "10.0", "1e3", '"10"', "true", "null", "[]", "9" * 5000],
)
def test_wrong_limits(raw: str) -> None:
    with pytest.raises(InvalidRootConfig):
        parse_root_config(with_raw("limit", raw))


@pytest.mark.parametrize(
    "changes",
    [
        *({"type": "DebtorInfo-v1"}, {"type": "DebtorInfo-v999999"}, {"iri": "x"}),
        *({"iri": "й" * 200}, {"iri": "\ud7ff\ue000\U0001f600"}, {"contentType": ""}),
        *({"contentType": "x" * 100}, {"sha256": "F" * 64}, {"unknown": 1}),
    ],
)
def test_infos(changes: dict[str, Any]) -> None:
    config = parse_root_config(with_info(**changes))
    assert config.info_iri == changes.get("iri", INFO["iri"])
    assert config.info_content_type == changes.get("contentType")
    assert config.info_sha256 == (b"\xff" * 32 if "sha256" in changes else None)


@pytest.mark.parametrize(
    "changes",
    [
        *({"type": ...}, {"type": None}, {"type": "RootConfigData"}, {"type": "DebtorInfo\n"}),
        *({"type": "DebtorInfo-v0"}, {"type": "DebtorInfo-v1000000"}, {"iri": ...}, {"iri": None}),
        *({"iri": ""}, {"iri": 1}, {"iri": "x" * 201}, {"iri": "x\0"}, {"iri": "\ud800"}),
        *({"iri": "x\udfff"}, {"contentType": None}, {"contentType": 1}),
        *({"contentType": "x" * 101}, {"contentType": "й"}, {"contentType": "text/html\0"}),
        *({"sha256": None}, {"sha256": ""}, {"sha256": "F" * 63}, {"sha256": "F" * 62}),
        *({"sha256": "F" * 66}, {"sha256": "f" * 64}, {"sha256": "G" * 64}),
        *({"sha256": "F" * 64 + "\n"}, {"sha256": "F " * 32}, {"sha256": 10**63}),
    ],
)
def test_wrong_infos(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRootConfig):
        parse_root_config(with_info(**changes))


@pytest.mark.parametrize("info", [None, 1, "", [], [INFO], True])
def test_info_is_an_object(info: object) -> None:
    with pytest.raises(InvalidRootConfig):
        parse_root_config(document(info=info))


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "not a JSON",
        "{",
        "{}",
        "[]",
        "null",
        "1",
        '"RootConfigData"',
        document() + "x",
        document() + document(),
        "\ufeff" + document(),
        document()[:-1] + ",}",
        document().replace('"', "'"),
        document() + "\0",
        with_raw("x", '"\ud800"'),
        with_raw("x", '"\n"'),
        with_raw("x", "NaN"),
        with_raw("x", "9" * 5000),
        with_raw("x", "[" * 100_000),
        with_raw("x", "[" * 100_000 + "]" * 100_000),
        with_raw("x", '{"a":' * 300 + "1" + "}" * 300),
        '"\\"' * 1000,
    ],
)
def test_not_a_document(text: str) -> None:
    with pytest.raises(InvalidRootConfig):
        parse_root_config(text)


def test_nesting() -> None:
    def nested(levels: int) -> str:
        return with_raw("x", "[" * (levels - 1) + "]" * (levels - 1))

    assert MAX_NESTING == 64
    assert parse_root_config(nested(MAX_NESTING)) == RootConfig()
    with pytest.raises(InvalidRootConfig, match="nested deeper"):
        parse_root_config(nested(MAX_NESTING + 1))
    assert parse_root_config(document(x="[" * 1900)) == RootConfig()
    assert parse_root_config(document(x='\\"[' * 400)) == RootConfig()


@pytest.mark.parametrize("before", ["[]", "{}", '{"a": []}'])
def test_nesting_after_what_has_ended(before: str) -> None:
    """Each bracket that ends takes back the one that began, and no more."""

    def nested(levels: int) -> str:
        siblings = f"{before}, " * 70
        return with_raw("x", f"[{siblings}{'[' * (levels - 2)}{']' * (levels - 2)}]")

    assert parse_root_config(nested(MAX_NESTING)) == RootConfig()
    with pytest.raises(InvalidRootConfig, match="nested deeper"):
        parse_root_config(nested(MAX_NESTING + 1))


@given(st.text(max_size=200))
def test_any_text_is_either_valid_or_invalid(text: str) -> None:
    for data in (text, with_raw("x", text), with_raw("rate", text), document(info=text)):
        try:
            config = parse_root_config(data)
        except InvalidRootConfig:
            continue
        assert isinstance(config, RootConfig)


def test_one_schema_serves_many_threads() -> None:
    rates = [float(i) for i in range(8)]
    found: list[float] = []

    def parse(rate: float) -> None:
        configs = {parse_root_config(document(rate=rate)).interest_rate for _ in range(100)}
        found.extend(configs)

    threads = [threading.Thread(target=parse, args=(rate,)) for rate in rates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == rates


@pytest.mark.parametrize(
    ("limit", "negligible_amount", "expected"),
    [
        (MAX_INT64, 0.0, 0),
        (MAX_INT64, 40.9, -40),
        (MAX_INT64, 0.999, 0),
        (MAX_INT64, 16777217.0, -16777217),
        (MAX_INT64, 2.0**53, -(2**53)),
        (MAX_INT64, 9007199254740994.0, -9007199254740994),
        (MAX_INT64, 2.0**63, -MAX_INT64),
        (MAX_INT64, 1e300, -MAX_INT64),
        (MAX_INT64, 1.7e308, -MAX_INT64),
        (1000, 1e30, -1000),
        (1000, 999.9, -999),
        (0, 1e30, 0),
    ],
)
def test_minimal_balance(limit: int, negligible_amount: float, expected: int) -> None:
    config = RootConfig(issuing_limit=limit)
    assert minimal_balance(config, negligible_amount) == expected
