"""RootConfigData: what a debtor says about its currency (SMP, RootConfigData)."""

import json
import math
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, NoReturn

from swpt_accounts.core.ids import MAX_INT64

MIN_INTEREST_RATE: Final = -50.0
MAX_INTEREST_RATE: Final = 100.0
MAX_NESTING: Final = 64
"""Deeper documents are invalid, whatever the interpreter's recursion limit happens to allow."""

_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
_NESTING_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


class InvalidRootConfig(ValueError):
    """The text is not a valid RootConfigData document. The message says why."""


@dataclass(frozen=True, slots=True)
class RootConfig:
    """The settings of a currency.

    `interest_rate` is annual, in percent. `issuing_limit` is the most that may be issued. The
    three `info_` attributes are `None` when the debtor has not given them.
    """

    interest_rate: float = 0.0
    issuing_limit: int = MAX_INT64
    info_iri: str | None = None
    info_content_type: str | None = None
    info_sha256: bytes | None = None


def parse_root_config(config_data: str) -> RootConfig:
    """Parse the `config_data` of a root account. An empty string gives the defaults.

    Raises `InvalidRootConfig`, and nothing else, for any other text that is not valid.
    """
    if config_data == "":
        return RootConfig()
    try:
        found = _parse_json(config_data)
    except (ValueError, RecursionError) as error:
        raise InvalidRootConfig(f"not a JSON document: {error}") from None
    # Most workers never see such a document, and need no marshmallow.
    from swpt_accounts.core.root_config_schema import load

    try:
        document = load(found)
    except ValueError as error:
        raise InvalidRootConfig(f"not a RootConfigData document: {error}") from None
    info: dict[str, Any] = document.get("info", {})
    return RootConfig(
        interest_rate=document.get("rate", 0.0),
        issuing_limit=document.get("limit", MAX_INT64),
        info_iri=info.get("iri"),
        info_content_type=info.get("content_type"),
        info_sha256=info.get("sha256"),
    )


def minimal_balance(config: RootConfig, negligible_amount: float) -> int:
    """Return the amount (zero or negative) below which the root account may not fall.

    `negligible_amount` is the root account's own: finite, and not negative.
    """
    return -min(config.issuing_limit, math.floor(negligible_amount))


def _parse_json(text: str) -> Any:
    if "\0" in text:
        raise ValueError("contains a NUL character")
    text.encode()  # Fails if there is a lone surrogate.
    steps = (_NESTING_STEPS.get(c, 0) for c in _JSON_STRING.sub("", text))
    if max(accumulate(steps), default=0) > MAX_NESTING:
        raise ValueError(f"nested deeper than {MAX_NESTING} levels")
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
