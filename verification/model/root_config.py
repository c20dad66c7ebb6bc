"""The RootConfigData document (SMP, RootConfigData)."""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from .money import MAX_INT64, MAX_RATE, MIN_RATE

ROOT_CONFIG_TYPE = r"RootConfigData(-v[1-9][0-9]{0,5})?"
DEBTOR_INFO_TYPE = r"DebtorInfo(-v[1-9][0-9]{0,5})?"


@dataclass(frozen=True)
class DebtorInfo:
    """What creditors may read about the debtor; `sha256` is 0 or 32 bytes."""

    iri: str = ""
    content_type: str = ""
    sha256: bytes = b""


@dataclass(frozen=True)
class RootConfig:
    """`rate` in percents a year; `limit` is the most that may be issued."""

    rate: float = 0.0
    limit: int = MAX_INT64
    info: DebtorInfo = DebtorInfo()


def parse_root_config(config_data: str) -> RootConfig | None:
    """The parsed document (`""` gives the defaults), or None when it is not valid."""
    if config_data == "":
        return RootConfig()
    try:
        return _read_root_config(json.loads(config_data, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return None


def _read_root_config(document: Any) -> RootConfig:
    _require(isinstance(document, dict))
    _require_string(document.get("type"), ROOT_CONFIG_TYPE)
    rate = document.get("rate", 0.0)
    _require(type(rate) in (int, float) and MIN_RATE <= rate <= MAX_RATE)
    limit = document.get("limit", MAX_INT64)
    _require(type(limit) is int and 0 <= limit <= MAX_INT64)
    info = _read_debtor_info(document["info"]) if "info" in document else DebtorInfo()
    return RootConfig(float(rate), limit, info)


def _read_debtor_info(document: Any) -> DebtorInfo:
    _require(isinstance(document, dict))
    _require_string(document.get("type"), DEBTOR_INFO_TYPE)
    iri = document.get("iri")
    _require_string(iri, r"[^\x00]{1,200}")
    content_type = document.get("contentType", "")
    _require_string(content_type, r"[\x01-\x7f]{0,100}")
    sha256 = ""
    if "sha256" in document:
        sha256 = document["sha256"]
        _require_string(sha256, r"[0-9A-F]{64}")
    return DebtorInfo(iri, content_type, bytes.fromhex(sha256))


def _require_string(value: Any, pattern: str) -> None:
    _require(isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None)
    value.encode("utf-8")  # a lone surrogate is a ValueError


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError("not a valid RootConfigData document")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
