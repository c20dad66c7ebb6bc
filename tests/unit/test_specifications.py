"""The descriptions for programs: docs/asyncapi.yaml and docs/openapi.yaml."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from flask import Flask
from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.test import TestResponse

from agentkit.processes import free_port
from scripts.specification.asyncapi import PROTOCOL_VERSION, message_types
from scripts.specification.documents import markdown
from scripts.specifications import specifications, to_yaml
from swpt_accounts.broker import topology
from swpt_accounts.core.ids import MAX_INT64, ROOT_CREDITOR_ID, parse_account_id
from swpt_accounts.outbox.messages import APP_ID
from swpt_accounts.settings import load_settings
from swpt_accounts.smp import outgoing, routing
from swpt_accounts.smp.decoder import MESSAGE_TYPES, MalformedMessage, decode
from swpt_accounts.smp.types import CONTENT_TYPE
from swpt_accounts.web.fetch_api import ACCOUNT_RESOURCES, HEALTH_PATH, FetchApi

ROOT = Path(__file__).parents[2]
ASYNCAPI_FILE = ROOT / "docs" / "asyncapi.yaml"
OPENAPI_FILE = ROOT / "docs" / "openapi.yaml"
ASYNCAPI: dict[str, Any] = yaml.safe_load(ASYNCAPI_FILE.read_text(encoding="utf-8"))
OPENAPI: dict[str, Any] = yaml.safe_load(OPENAPI_FILE.read_text(encoding="utf-8"))
SCHEMAS = ASYNCAPI["components"]["schemas"]
MESSAGES = ASYNCAPI["components"]["messages"]
OUTGOING = {cls.__name__: cls for cls in outgoing.SIGNALS.values()}


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


# -- the files ----------------------------------------------------------------


@pytest.mark.parametrize("path", [ASYNCAPI_FILE, OPENAPI_FILE], ids=lambda path: path.name)
def test_file_is_what_would_be_written(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == specifications()[path], (
        "write it anew: python -m scripts.specifications"
    )


@pytest.mark.parametrize("document", [ASYNCAPI, OPENAPI], ids=["asyncapi", "openapi"])
def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert found
    for reference in found:
        resolve(document, reference)


def test_yaml_keeps_what_is_written() -> None:
    long_text = "a: b # c " * 30
    document = {
        "texts": ["", " ", "yes", "1", "1.5", "2024-05-20", "a\nb\n", long_text.strip(), "Ж"],
        "numbers": [0, -(1 << 63), 0.0, 1e30, -50.0],
        "same": [[1], [1]],
        "nothing": None,
    }
    text = to_yaml(document)
    assert yaml.safe_load(text) == document
    assert to_yaml(yaml.safe_load(text)) == text
    assert "&" not in text


def test_markdown() -> None:
    text = "``a_b`` of `Status codes`_, `7 days <Periods_>`__, `x <x.rst>`__, 2\\ :sup:`32`, *b*"
    assert markdown(text) == "`a_b` of Status codes, 7 days, x, 2^32, *b*"


def test_openapi_is_valid() -> None:
    # AsyncAPI's own validator is no library of Python's: `./dev lint` calls it.
    assert list(OpenAPIV31SpecValidator(OPENAPI).iter_errors()) == []


# -- AsyncAPI: messages -------------------------------------------------------


def test_every_message_is_described() -> None:
    assert ASYNCAPI["info"]["version"] == PROTOCOL_VERSION
    assert set(SCHEMAS) == set(MESSAGES) == set(MESSAGE_TYPES) | set(OUTGOING)
    for name, message in MESSAGES.items():
        assert message["payload"] == {"$ref": f"#/components/schemas/{name}"}
        assert message["contentType"] == CONTENT_TYPE
        assert message["bindings"]["amqp"]["messageType"] == name


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schema_is_one(name: str) -> None:
    # AsyncAPI's schemas are those of draft 7; nothing in them means something else in later ones.
    Draft7Validator.check_schema(SCHEMAS[name])
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schema_has_every_field(name: str) -> None:
    fields = ["type", *message_types()[name].__struct_fields__]
    assert list(SCHEMAS[name]["properties"]) == SCHEMAS[name]["required"] == fields
    for field in fields[1:]:
        assert SCHEMAS[name]["properties"][field]["description"]


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_examples_follow_the_schemas(name: str) -> None:
    assert MESSAGES[name]["examples"]
    for example in MESSAGES[name]["examples"]:
        Draft7Validator(SCHEMAS[name]).validate(example["payload"])
        if "headers" in MESSAGES[name]:
            Draft7Validator(MESSAGES[name]["headers"]).validate(example["headers"])


@pytest.mark.parametrize("name", sorted(OUTGOING))
def test_headers_are_those_of_the_message(name: str) -> None:
    for example in MESSAGES[name]["examples"]:
        sent = msgspec.convert(example["payload"], OUTGOING[name])
        assert routing.headers(sent) == example["headers"]
        assert set(MESSAGES[name]["headers"]["required"]) == set(example["headers"])


def test_nothing_is_said_about_headers_that_are_not_looked_at() -> None:
    assert {name for name in MESSAGES if "headers" not in MESSAGES[name]} == (
        set(MESSAGE_TYPES) - set(OUTGOING)
    )


# The rules between fields, which no schema tells, hold for all values that are tried.
NEUTRAL = {
    "PrepareTransfer": {
        "coordinator_type": "other",
        "min_locked_amount": 0,
        "max_locked_amount": MAX_INT64,
    }
}


def values_to_try(schema: dict[str, Any]) -> Iterator[Any]:
    yield from (None, [], {}, True, "é")
    if schema["type"] == "string":
        longest = schema.get("maxLength", 8)
        yield from ("", "a", "a" * longest, "a" * (longest + 1), "a b", "a\nb", 7)
    else:
        yield from (
            0,
            1,
            -1,
            1.5,
            "1",
            1 << 31,
            -(1 << 31) - 1,
            1 << 63,
            -(1 << 63),
            -(1 << 63) - 1,
        )


def is_decoded(name: str, document: dict[str, Any]) -> bool:
    try:
        decode(name, CONTENT_TYPE, json.dumps(document).encode())
    except MalformedMessage:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "field"),
    [(n, f) for n, cls in MESSAGE_TYPES.items() for f in ("type", *cls.__struct_fields__)],
)
def test_schema_and_decoder_agree(name: str, field: str) -> None:
    example = {**MESSAGES[name]["examples"][0]["payload"], **NEUTRAL.get(name, {})}
    schema = SCHEMAS[name]["properties"][field]
    validator = Draft7Validator(SCHEMAS[name])
    assert validator.is_valid(example)
    assert is_decoded(name, example)
    without = {k: v for k, v in example.items() if k != field}
    assert not validator.is_valid(without)
    assert not is_decoded(name, without)
    for value in values_to_try(schema):
        changed = {**example, field: value}
        if schema.get("format") == "date-time" and isinstance(value, str):
            continue  # A format is a remark; validators do not insist on it.
        assert validator.is_valid(changed) == is_decoded(name, changed), value


# -- AsyncAPI: channels and operations ----------------------------------------


def test_channels_are_the_exchanges() -> None:
    found = {
        name: channel["bindings"]["amqp"]["exchange"]
        for name, channel in ASYNCAPI["channels"].items()
    }
    assert found == {
        name: {"name": name, "type": kind, "durable": True, "autoDelete": False}
        for name, kind in topology._EXCHANGES
    }


def test_addresses_have_their_parameters() -> None:
    for channel in ASYNCAPI["channels"].values():
        assert re.findall(r"{(\w+)}", channel["address"]) == list(channel["parameters"])


def test_every_outgoing_message_is_where_it_is_routed() -> None:
    documented = {
        (exchange, name)
        for exchange, channel in ASYNCAPI["channels"].items()
        for name in channel["messages"]
        if name in OUTGOING
    }
    found = set()
    for name, cls in OUTGOING.items():
        for example in MESSAGES[name]["examples"]:
            message = msgspec.convert(example["payload"], cls)
            found.add((routing.route(message).exchange, name))
            if not isinstance(message, outgoing.AccountTransfer):  # never about a root account
                root = msgspec.structs.replace(message, creditor_id=ROOT_CREDITOR_ID)
                found.add((routing.route(root).exchange, name))
    assert documented == found


def test_every_incoming_message_is_received() -> None:
    received = {
        reference["$ref"].split("/")[-1]
        for operation in ASYNCAPI["operations"].values()
        if operation["action"] == "receive"
        for reference in operation["messages"]
    }
    assert received == set(MESSAGE_TYPES) == set(ASYNCAPI["channels"]["accounts_in"]["messages"])


def test_every_outgoing_message_is_sent() -> None:
    sent = {
        tuple(reference["$ref"].split("/")[2::2])
        for operation in ASYNCAPI["operations"].values()
        if operation["action"] == "send"
        for reference in operation["messages"]
    }
    assert sent == {
        (exchange, name)
        for exchange, channel in ASYNCAPI["channels"].items()
        for name in channel["messages"]
        if name in OUTGOING
    }


def test_operations_use_messages_of_their_channels() -> None:
    for operation in ASYNCAPI["operations"].values():
        for part in (operation, operation.get("reply")):
            for reference in part["messages"] if part else ():
                assert reference["$ref"].startswith(f"{part['channel']['$ref']}/messages/")


def test_description_names_the_app_id() -> None:
    assert f"`app_id` `{APP_ID}`" in " ".join(ASYNCAPI["info"]["description"].split())


# -- OpenAPI ------------------------------------------------------------------


def web(**variables: str) -> Flask:
    """The fetch API, for answers that need no database."""
    app = Flask(__name__)
    app.wsgi_app = FetchApi(app, load_settings(variables))  # type: ignore[method-assign]
    return app


def check_answer(path: str, answer: TestResponse) -> None:
    responses = OPENAPI["paths"][path]["get"]["responses"]
    described = responses[str(answer.status_code)]
    if "$ref" in described:
        described = resolve(OPENAPI, described["$ref"])
    assert answer.mimetype in described["content"]
    for name, header in described.get("headers", {}).items():
        if name in answer.headers:
            assert answer.headers[name] == header["schema"]["const"]


ACCOUNT_PATHS = [path for path in OPENAPI["paths"] if "{" in path]


def test_paths_are_those_of_the_program() -> None:
    of_accounts = {f"/accounts/{{debtorId}}/{{creditorId}}/{r}" for r in ACCOUNT_RESOURCES}
    assert set(OPENAPI["paths"]) == {HEALTH_PATH, *of_accounts}


def test_parameters_are_those_of_the_paths() -> None:
    for path in ACCOUNT_PATHS:
        names = [p["$ref"].split("/")[-1] for p in OPENAPI["paths"][path]["parameters"]]
        assert names == re.findall(r"{(\w+)}", path)


def test_health() -> None:
    answer = web().test_client().get("/accounts/healthz")
    assert answer.headers["Cache-Control"] == "no-store"
    check_answer("/accounts/healthz", answer)


@pytest.mark.parametrize("path", ACCOUNT_PATHS)
@pytest.mark.parametrize("bad", ["-1", "01", "+1", "1.0", "x", "18446744073709551616"])
def test_ids_that_are_none(path: str, bad: str) -> None:
    for ids in ({"debtorId": bad, "creditorId": "1"}, {"debtorId": "1", "creditorId": bad}):
        answer = web().test_client().get(path.format(**ids))
        assert answer.status_code == 404
        check_answer(path, answer)


@pytest.mark.parametrize("path", ACCOUNT_PATHS)
def test_account_of_another_shard(path: str) -> None:
    answer = (
        web(PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.#")
        .test_client()
        .get(path.format(debtorId=123, creditorId=456))
    )
    assert answer.status_code == 500
    assert "Cache-Control" in answer.headers
    check_answer(path, answer)


@pytest.mark.parametrize("path", ACCOUNT_PATHS)
def test_database_that_does_not_answer(path: str) -> None:
    """There is none at this address."""
    app = web(POSTGRES_URL=f"postgresql+psycopg://user:pass@127.0.0.1:{free_port()}/none")
    answer = app.test_client().get(path.format(debtorId=123, creditorId=456))
    assert answer.status_code == 503
    assert {"Cache-Control", "Retry-After"} <= set(answer.headers.keys())
    check_answer(path, answer)


@pytest.mark.parametrize(
    "text", ["0", "5", "18446744073709551615", "", "00", "01", "-1", "+1", "1.0", "x", "1\n", "٣"]
)
def test_pattern_of_ids(text: str) -> None:
    for parameter in OPENAPI["components"]["parameters"].values():
        # Python's "$" lets a newline through, that of JSON Schema does not.
        pattern = parameter["schema"]["pattern"].removesuffix("$")
        assert bool(re.fullmatch(pattern, text)) == (parse_account_id(text) is not None)


def test_examples_of_ids() -> None:
    for parameter in OPENAPI["components"]["parameters"].values():
        for name, example in parameter["examples"].items():
            parsed = parse_account_id(example["value"])
            assert parsed is not None
            assert (parsed < 0) == (name == "negative")
