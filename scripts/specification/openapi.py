"""The OpenAPI description of the fetch API."""

from typing import Any, Final

from swpt_accounts.web.fetch_api import (
    NEGATIVE_MAX_AGE_SECONDS,
    POSITIVE_MAX_AGE_SECONDS,
    RETRY_AFTER_SECONDS,
)

FETCH_API_VERSION: Final = "1.0.0"

Document = dict[str, Any]

_DESCRIPTION = """\
What an accounting authority tells other servers of the same authority about its accounts. It
only reads. It has no authentication: keep it away from strangers.

An answer other than 200, 204 and 404 is not a "no": ask again.
"""
_ID_SCHEMA: Final = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$"}
_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_ERROR: Final = {**_TEXT, "text/html": {"schema": {"type": "string"}}}


def openapi_document() -> Document:
    """The description, as plain values."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fetch API of an accounting authority",
            "version": FETCH_API_VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {
                "url": "http://{host}:{port}",
                "description": "The web server, or a proxy before several of them.",
                "variables": {"host": {"default": "localhost"}, "port": {"default": "8080"}},
            }
        ],
        "security": [],
        "paths": {
            "/accounts/healthz": {"get": _healthz()},
            "/accounts/{debtorId}/{creditorId}/reachable": _account(_reachable()),
            "/accounts/{debtorId}/{creditorId}/config": _account(_config()),
        },
        "components": {
            "parameters": {
                "debtorId": _id_parameter("debtorId", "The debtor's id."),
                "creditorId": _id_parameter(
                    "creditorId", "The creditor's id; 0 is the debtor's own account."
                ),
            },
            "responses": {"foreign": _foreign(), "unavailable": _unavailable()},
        },
    }


def _account(operation: Document) -> Document:
    parameters = [{"$ref": f"#/components/parameters/{p}"} for p in ("debtorId", "creditorId")]
    operation["responses"]["500"] = {"$ref": "#/components/responses/foreign"}
    operation["responses"]["503"] = {"$ref": "#/components/responses/unavailable"}
    return {"parameters": parameters, "get": operation}


def _id_parameter(name: str, meaning: str) -> Document:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": (
            f"{meaning} A 64-bit integer, taken as unsigned: -2 is 18446744073709551614. Only the"
            " canonical form is an id; anything else is not found."
        ),
        "schema": _ID_SCHEMA,
        "examples": {"positive": {"value": "5"}, "negative": {"value": "18446744073709551614"}},
    }


def _header(value: str, description: str) -> Document:
    return {"description": description, "schema": {"type": "string", "const": value}}


def _cache(seconds: int) -> Document:
    meaning = "For how many seconds a cache may keep the answer."
    return {"Cache-Control": _header(f"max-age={seconds}", meaning)}


def _healthz() -> Document:
    return {
        "operationId": "checkHealth",
        "summary": "Tells that the web server is alive",
        "description": "Neither the database nor the broker is asked.",
        "responses": {
            "200": {
                "description": "It is alive.",
                "headers": {"Cache-Control": _header("no-store", "No cache may keep the answer.")},
                "content": _TEXT,
            }
        },
    }


def _reachable() -> Document:
    return {
        "operationId": "isReachable",
        "summary": "Tells whether an account accepts incoming transfers",
        "responses": {
            "204": {
                "description": (
                    "It does: it exists, and is neither deleted nor scheduled for deletion. The"
                    " debtor's own account always does."
                ),
                "headers": _cache(POSITIVE_MAX_AGE_SECONDS),
            },
            "404": {
                "description": "It does not; or an id is not in its canonical form.",
                "headers": _cache(NEGATIVE_MAX_AGE_SECONDS),
                "content": _ERROR,
            },
        },
    }


def _config() -> Document:
    return {
        "operationId": "getConfigData",
        "summary": "Tells how an account is configured",
        "responses": {
            "200": {
                "description": "The account's `config_data` exactly as it came. It may be empty.",
                "headers": _cache(POSITIVE_MAX_AGE_SECONDS),
                "content": _TEXT,
            },
            "404": {
                "description": (
                    "There is no such account, or it is deleted; or an id is not in its canonical"
                    " form."
                ),
                "headers": {
                    **_cache(POSITIVE_MAX_AGE_SECONDS),
                    "Vary": _header("*", "No cache may use the answer again."),
                },
                "content": _ERROR,
            },
        },
    }


def _foreign() -> Document:
    return {
        "description": "The account belongs to another shard; or the program has failed.",
        "headers": _cache(NEGATIVE_MAX_AGE_SECONDS),
        "content": _ERROR,
    }


def _unavailable() -> Document:
    return {
        "description": "The database does not answer.",
        "headers": {
            "Cache-Control": _header("no-store", "No cache may keep the answer."),
            "Retry-After": _header(str(RETRY_AFTER_SECONDS), "In how many seconds to ask again."),
        },
        "content": _ERROR,
    }
