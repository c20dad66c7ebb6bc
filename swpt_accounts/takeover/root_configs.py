"""How the reference reads a root account's `config_data`: by other rules than ours.

What it accepts is in force in a database that comes from it, and ours might refuse it.
"""

import json
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from psycopg import sql

from swpt_accounts.core.ids import MAX_INT64
from swpt_accounts.core.root_config import (
    MAX_INTEREST_RATE,
    MIN_INTEREST_RATE,
    InvalidRootConfig,
    RootConfig,
    minimal_balance,
    parse_root_config,
)
from swpt_accounts.db.operator_session import OperatorSession

_SHA256 = re.compile(r"[0-9A-F]{64}\Z")
_LIMIT_DIGITS_MAX: Final = 24


class _InvalidError(ValueError):
    """The reference does not take it."""


def read_as_reference(config_data: str) -> RootConfig:
    """What a text means there. Of one that is not valid, only the issuing limit counts, if it has
    one that a number can be made of.
    """
    if config_data == "":
        return RootConfig()
    try:
        document = json.loads(config_data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return RootConfig()
    try:
        return _read(document)
    except _InvalidError:
        return RootConfig(issuing_limit=_limit_of_money(document))


def _refuse_constant(name: str) -> NoReturn:
    raise _InvalidError(name)


def _read(document: Any) -> RootConfig:
    _check_properties(document, "RootConfigData", {"rate", "limit", "info"})
    info = document.get("info", {"iri": None})
    if "info" in document:
        _check_properties(info, "DebtorInfo", {"iri", "contentType", "sha256"})
        _check_info(info)
    if not all(_can_be_kept(info.get(name) or "") for name in ("iri", "contentType")):
        info = {"iri": None}  # it could not give that to anybody, either
    sha256 = info.get("sha256")
    return RootConfig(
        interest_rate=_rate(document["rate"]) if "rate" in document else 0.0,
        issuing_limit=_limit(document["limit"]) if "limit" in document else MAX_INT64,
        info_iri=info["iri"],
        info_content_type=info.get("contentType"),
        info_sha256=None if sha256 is None else bytes.fromhex(sha256),
    )


def _check_properties(document: Any, type_name: str, known: set[str]) -> None:
    if not isinstance(document, dict) or document.get("type", type_name) != type_name:
        raise _InvalidError(type_name)
    if document.keys() - known - {"type"} or any(value is None for value in document.values()):
        raise _InvalidError(type_name)


def _check_info(info: dict[str, Any]) -> None:
    iri, content_type = info.get("iri"), info.get("contentType", "")
    if not isinstance(iri, str) or len(iri) > 200:
        raise _InvalidError("iri")
    if not (isinstance(content_type, str) and content_type.isascii() and len(content_type) <= 100):
        raise _InvalidError("contentType")
    if "sha256" in info and not (isinstance(info["sha256"], str) and _SHA256.match(info["sha256"])):
        raise _InvalidError("sha256")


def _can_be_kept(text: str) -> bool:
    """No NUL characters, no lone surrogates: PostgreSQL would refuse it."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _InvalidError("rate")
    try:
        rate = float(value)
    except (ValueError, OverflowError):
        raise _InvalidError("rate") from None
    if not MIN_INTEREST_RATE <= rate <= MAX_INTEREST_RATE:
        raise _InvalidError("rate")
    return rate


def _limit(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _InvalidError("limit")
    try:
        limit = int(value)
    except (ValueError, OverflowError):
        raise _InvalidError("limit") from None
    if not 0 <= limit <= MAX_INT64:
        raise _InvalidError("limit")
    return limit


def _limit_of_money(document: Any) -> int:
    """What its stored procedures make of the limit in a text that is not valid."""
    value = document.get("limit") if isinstance(document, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float | str) or "_" in str(value):
        return MAX_INT64
    try:
        limit = Decimal(str(value).strip()).to_integral_value(ROUND_HALF_UP)
    except InvalidOperation:
        return MAX_INT64
    if not limit.is_finite() or abs(limit) >= Decimal(10) ** _LIMIT_DIGITS_MAX:
        return MAX_INT64
    return min(max(int(limit), 0), MAX_INT64)


_BATCH = 1000


def read_roots(session: OperatorSession, schema: str) -> int:
    """Fill the temporary table `root_reading`. Returns how many of the texts ours would refuse."""
    session.run_all("in", "make_root_readings")
    refused = 0
    connection = session.connection
    statement = session.statement("in", "roots", reference=sql.Identifier(schema))
    with connection.cursor(name="roots") as cursor:
        cursor.execute(statement, {})
        while rows := cursor.fetchmany(_BATCH):
            refused += _keep(session, rows)
    return refused


def _keep(session: OperatorSession, rows: list[Any]) -> int:
    refused = 0
    types = ["int8", "float8", "int8", "text", "text", "bytea"]
    with (
        session.connection.cursor() as cursor,
        cursor.copy(session.statement("in", "keep_root_readings")) as copy,
    ):
        copy.set_types(types)
        for debtor_id, config_data, negligible_amount in rows:
            config = read_as_reference(config_data)
            refused += not is_taken_by_ours(config_data)
            copy.write_row(
                (
                    debtor_id,
                    config.interest_rate,
                    minimal_balance(config, negligible_amount),
                    config.info_iri or None,
                    config.info_content_type,
                    config.info_sha256,
                )
            )
    return refused


def is_taken_by_ours(config_data: str) -> bool:
    """Whether a ConfigureAccount with this text would be accepted."""
    try:
        parse_root_config(config_data)
    except InvalidRootConfig:
        return False
    return True
