"""RootConfigData documents, valid and not."""

import json

import pytest

from verification.model.money import MAX_INT64
from verification.model.root_config import DebtorInfo, RootConfig, parse_root_config

TYPE = {"type": "RootConfigData"}
INFO = {"type": "DebtorInfo", "iri": "https://example.com/"}


@pytest.mark.parametrize("config_data", ["", '{"type":"RootConfigData"}'])
def test_defaults(config_data: str) -> None:
    config = parse_root_config(config_data)
    assert config == RootConfig(0.0, MAX_INT64, DebtorInfo("", "", b""))


def test_whole_document() -> None:
    info = {**INFO, "type": "DebtorInfo-v123456", "contentType": "text/plain", "sha256": "0F" * 32}
    document = {"type": "RootConfigData-v2", "rate": 7, "limit": 1000, "info": info, "new": [None]}
    config = parse_root_config(json.dumps(document))
    expected_info = DebtorInfo("https://example.com/", "text/plain", b"\x0f" * 32)
    assert config == RootConfig(7.0, 1000, expected_info)


@pytest.mark.parametrize(
    "fields",
    [
        {"rate": -50},
        {"rate": 100.0},
        {"limit": 0},
        {"limit": MAX_INT64},
        {"info": INFO},
        {"info": {**INFO, "iri": "x" * 200, "contentType": "", "new": 1}},
        {"info": {**INFO, "iri": "½"}},
    ],
)
def test_valid(fields: dict[str, object]) -> None:
    assert parse_root_config(json.dumps({**TYPE, **fields})) is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"type": None},
        {"type": "RootConfigData-v0"},
        {"type": "RootConfigData-v1234567"},
        {"type": "RootConfigData\n"},
        {"rate": "1"},
        {"rate": None},
        {"rate": True},
        {"rate": 100.1},
        {"rate": -50.1},
        {"rate": float("nan")},
        {"rate": float("inf")},
        {"limit": 10.7},
        {"limit": 10.0},
        {"limit": "10"},
        {"limit": True},
        {"limit": None},
        {"limit": -1},
        {"limit": MAX_INT64 + 1},
        {"info": None},
        {"info": []},
        {"info": {"type": "DebtorInfo"}},
        {"info": {"iri": "x"}},
        {"info": {**INFO, "iri": ""}},
        {"info": {**INFO, "iri": "x" * 201}},
        {"info": {**INFO, "iri": "\0"}},
        {"info": {**INFO, "iri": "\ud800"}},
        {"info": {**INFO, "type": "DebtorInfo-v01"}},
        {"info": {**INFO, "contentType": "x" * 101}},
        {"info": {**INFO, "contentType": "½"}},
        {"info": {**INFO, "sha256": ""}},
        {"info": {**INFO, "sha256": "0f" * 32}},
        {"info": {**INFO, "sha256": "0F" * 31}},
    ],
)
def test_invalid(fields: dict[str, object]) -> None:
    assert parse_root_config(json.dumps({**TYPE, **fields})) is None


@pytest.mark.parametrize(
    "text", [" ", "null", "[]", "1", "{", "{}", '{"type":"RootConfigData"}x', "[" * 2000]
)
def test_not_a_document(text: str) -> None:
    assert parse_root_config(text) is None
