"""The descriptions for programs, in docs/*.yaml, agree with the program."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from flask import Flask
from jsonschema import Draft7Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.test import TestResponse

from agentkit.processes import free_port
from swpt_accounts.broker import topology
from swpt_accounts.core.ids import parse_account_id
from swpt_accounts.settings import load_settings
from swpt_accounts.smp import outgoing, routing
from swpt_accounts.smp.decoder import MESSAGE_TYPES
from swpt_accounts.smp.types import CONTENT_TYPE
from swpt_accounts.web.fetch_api import ACCOUNT_RESOURCES, HEALTH_PATH, FetchApi
from tests.support.protocol import MESSAGES, OUTGOING, examples

DOCS = Path(__file__).parents[2] / "docs"
ASYNCAPI: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
OPENAPI: dict[str, Any] = yaml.safe_load((DOCS / "openapi.yaml").read_text(encoding="utf-8"))
SCHEMAS = ASYNCAPI["components"]["schemas"]
KEYWORDS = ("minimum", "maximum", "minLength", "maxLength", "pattern", "not")


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(document: dict[str, Any], reference: str) -> Any:
    root, *path = reference.split("/")
    assert root == "#"
    found: Any = document
    for name in path:
        found = found[name]
    return found


@pytest.mark.parametrize("document", [ASYNCAPI, OPENAPI], ids=["asyncapi", "openapi"])
def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert found
    for reference in found:
        resolve(document, reference)


# -- AsyncAPI -----------------------------------------------------------------


def as_described(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a field, without its description, and with the parts that it refers to."""
    found = {key: value for key, value in schema.items() if key not in ("description", "allOf")}
    for part in schema.get("allOf", ()):
        found |= resolve(ASYNCAPI, part["$ref"])
    return found


def as_checked(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, as msgspec checks it. Python's anchors are not those of JSON Schema."""
    found = {key: schema[key] for key in ("type", "format", *KEYWORDS) if key in schema}
    if "pattern" in found:
        found["pattern"] = found["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
    if found["type"] == "integer":
        found["format"] = "int32" if found["maximum"] < 1 << 32 else "int64"
    return found | ({"format": "double"} if found["type"] == "number" else {})


@pytest.mark.parametrize("name", MESSAGES)
def test_schemas_are_those_of_the_types(name: str) -> None:
    _, components = msgspec.json.schema_components([MESSAGES[name]])
    fields = {
        field: as_checked(schema)
        for field, schema in components[name]["properties"].items()
        if field != "type"
    }
    described = SCHEMAS[name]["properties"]
    assert {field: as_described(described[field]) for field in described} == {
        "type": {"type": "string", "const": name},
        **fields,
    }
    assert all(described[field]["description"] for field in fields)
    assert SCHEMAS[name]["required"] == list(described)
    Draft7Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_are_as_they_are_sent(name: str) -> None:
    message = ASYNCAPI["components"]["messages"][name]
    assert message["payload"] == {"$ref": f"#/components/schemas/{name}"}
    assert message["contentType"] == CONTENT_TYPE
    assert message["bindings"]["amqp"]["messageType"] == name
    assert ("headers" in message) == (name in OUTGOING)
    for example in examples(name):
        if name in OUTGOING:
            headers = routing.headers(msgspec.json.decode(example, type=OUTGOING[name]))
            Draft7Validator(message["headers"]).validate(headers)
            assert set(message["headers"]["required"]) == set(headers)


def test_channels_are_the_exchanges() -> None:
    assert {
        name: channel["bindings"]["amqp"]["exchange"]
        for name, channel in ASYNCAPI["channels"].items()
    } == {
        name: {"name": name, "type": kind, "durable": True, "autoDelete": False}
        for name, kind in topology._EXCHANGES
    }


def in_operations(action: str) -> set[tuple[str, str]]:
    """The channels and messages of the operations with this action."""
    return {
        (reference["$ref"].split("/")[2], reference["$ref"].split("/")[4])
        for operation in ASYNCAPI["operations"].values()
        if operation["action"] == action
        for reference in operation["messages"]
    }


def where_it_goes(name: str) -> Iterator[str]:
    """The exchanges to which a message is published."""
    for example in examples(name):
        message = msgspec.json.decode(example, type=OUTGOING[name])
        yield routing.route(message).exchange
        if not isinstance(message, outgoing.AccountTransfer):  # never about a root account
            yield routing.route(msgspec.structs.replace(message, creditor_id=0)).exchange


def test_messages_are_in_the_channels_in_which_they_come_and_go() -> None:
    received = {("accounts_in", name) for name in MESSAGE_TYPES}
    sent = {(exchange, name) for name in OUTGOING for exchange in where_it_goes(name)}
    assert in_operations("receive") == received
    assert in_operations("send") == sent
    in_channels = {
        (n, m) for n, channel in ASYNCAPI["channels"].items() for m in channel["messages"]
    }
    assert in_channels == received | sent


# -- OpenAPI ------------------------------------------------------------------

ACCOUNT_PATHS = [path for path in OPENAPI["paths"] if "{" in path]


def web(**settings: str) -> Flask:
    """The fetch API, for answers that need no database."""
    app = Flask(__name__)
    app.wsgi_app = FetchApi(lambda: app, load_settings(settings))  # type: ignore[method-assign]
    return app


def check_answer(path: str, answer: TestResponse) -> None:
    described = OPENAPI["paths"][path]["get"]["responses"][str(answer.status_code)]
    if "$ref" in described:
        described = resolve(OPENAPI, described["$ref"])
    assert answer.mimetype in described["content"]
    for name, header in described.get("headers", {}).items():
        if name in answer.headers:
            assert answer.headers[name] == header["schema"]["const"]


def test_openapi_is_valid() -> None:
    assert list(OpenAPIV31SpecValidator(OPENAPI).iter_errors()) == []


def test_paths_are_those_of_the_program() -> None:
    of_accounts = {f"/accounts/{{debtorId}}/{{creditorId}}/{r}" for r in ACCOUNT_RESOURCES}
    assert set(OPENAPI["paths"]) == {HEALTH_PATH, *of_accounts}


@pytest.mark.parametrize("path", ACCOUNT_PATHS)
def test_ids_that_are_none(path: str) -> None:
    for bad in ("-1", "01", "+1", "1.0", "x", "18446744073709551616"):
        for ids in ({"debtorId": bad, "creditorId": "1"}, {"debtorId": "1", "creditorId": bad}):
            answer = web().test_client().get(path.format(**ids))
            assert answer.status_code == 404
            check_answer(path, answer)


@pytest.mark.parametrize("path", ACCOUNT_PATHS)
def test_account_of_another_shard(path: str) -> None:
    app = web(PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.#")
    answer = app.test_client().get(path.format(debtorId=123, creditorId=456))
    assert answer.status_code == 500
    assert "Cache-Control" in answer.headers
    check_answer(path, answer)


@pytest.mark.parametrize("path", ACCOUNT_PATHS)
def test_database_that_does_not_answer(path: str) -> None:
    app = web(POSTGRES_URL=f"postgresql+psycopg://user:pass@127.0.0.1:{free_port()}/none")
    answer = app.test_client().get(path.format(debtorId=123, creditorId=456))
    assert answer.status_code == 503
    assert {"Cache-Control", "Retry-After"} <= set(answer.headers.keys())
    check_answer(path, answer)


def test_pattern_of_ids() -> None:
    texts = ("0", "5", "18446744073709551615", "", "00", "01", "-1", "+1", "1.0", "x", "1\n", "٣")
    for parameter in OPENAPI["components"]["parameters"].values():
        # Python's "$" lets a newline through, that of JSON Schema does not.
        pattern = parameter["schema"]["pattern"].removesuffix("$")
        for text in texts:
            assert bool(re.fullmatch(pattern, text)) == (parse_account_id(text) is not None)
