"""The messages, limits and codes of the protocol's documents are those of the program."""

import json
import re
from typing import Any

import msgspec
import pytest
from docutils import nodes

from swpt_accounts.broker import topology
from swpt_accounts.core import root_config
from swpt_accounts.core.root_config import InvalidRootConfig, parse_root_config
from swpt_accounts.smp import routing
from swpt_accounts.smp.decoder import MESSAGE_TYPES, decode
from swpt_accounts.smp.encoder import encode
from swpt_accounts.smp.types import CONTENT_TYPE
from tests.support.protocol import MESSAGES, OUTGOING, ROOT, examples, rows, sections

SQL = ROOT / "swpt_accounts" / "db" / "sql"
HEAD = ("Field", "Type", "Constraints", "Meaning")


def integer_as_told(schema: dict[str, Any]) -> tuple[str, str]:
    name = "int32" if schema["maximum"] < 1 << 32 else "int64"
    if schema.get("not") == {"const": 0}:
        return name, f"≠ 0, ≥ {schema['minimum']}"
    return name, {0: "≥ 0", 1: "> 0"}.get(schema["minimum"], "any")


def string_as_told(schema: dict[str, Any]) -> tuple[str, str]:
    pattern = schema.get("pattern", "")
    if "format" in schema:
        return schema["format"], "any"
    if "A-F" in pattern:
        return "bytes", "0 or 32 bytes"
    if "A-Z" in pattern:
        return "string", re.sub(r"^(\^|\\A)|(\$|\\Z)$", "", pattern)
    longest = schema["maxLength"]
    if not pattern:
        unit = "symbols" if longest == 200 else "bytes in UTF-8"
        return "string", f"at most {longest} {unit}"
    return "string", f"{'1 to' if schema.get('minLength') else 'at most'} {longest} ASCII symbols"


def as_told(schema: dict[str, Any]) -> tuple[str, str]:
    """The type and the constraint which the document should tell."""
    match schema["type"]:
        case "integer":
            return integer_as_told(schema)
        case "number":
            return "float", "≥ 0, finite" if "minimum" in schema else "finite"
        case _:
            return string_as_told(schema)


@pytest.mark.parametrize("message", MESSAGES)
def test_fields_have_their_names_types_and_limits(message: str) -> None:
    _, components = msgspec.json.schema_components([MESSAGES[message]])
    properties = components[message]["properties"]
    documented = {
        # A rule that involves another field may follow.
        name: (kind, constraint.split(", ≥ min_")[0])
        for name, kind, constraint, _ in rows(sections("protocol.rst")[message], *HEAD)
    }
    fields = MESSAGES[message].__struct_fields__
    assert documented == {name: as_told(properties[name]) for name in fields}


@pytest.mark.parametrize("message", MESSAGES)
def test_examples_are_read_and_written(message: str) -> None:
    assert examples(message)
    for example in examples(message):
        document = json.loads(example)
        assert set(document) == {"type", *MESSAGES[message].__struct_fields__}
        if message in MESSAGE_TYPES:
            decode(message, CONTENT_TYPE, example.encode())
        if message in OUTGOING:
            sent = encode(msgspec.json.decode(example, type=OUTGOING[message]))
            assert msgspec.json.format(sent, indent=2).decode() == example


def test_exchanges_are_those_that_are_declared() -> None:
    section = sections("protocol.rst")["Exchanges"]
    found = rows(section, "Exchange", "Type", "Messages", "Routing key")
    assert [(row[0], row[1]) for row in found] == list(topology._EXCHANGES)
    bindings = rows(section, "coordinator-type", "Goes on to")
    assert {(row[0], row[1]) for row in bindings} == set(topology._COORDINATORS)


def test_headers_are_those_that_are_sent() -> None:
    section = sections("protocol.rst")["Properties of messages"]
    told = rows(section, "Header", "Value", "In")
    kinds = {int: "integer", str: "string"}
    for name, message_type in OUTGOING.items():
        sent = msgspec.json.decode(examples(name)[0], type=message_type)
        place = "between shards" if name == "PendingBalanceChange" else name
        documented = {
            row[0]: row[1] for row in told if row[2] == "every message" or place in row[2]
        }
        headers = routing.headers(sent)
        assert documented == {header: kinds[type(value)] for header, value in headers.items()}


def codes_in_sql(*names: str) -> set[str]:
    text = "".join((SQL / f"{name}.sql").read_text(encoding="utf-8") for name in names)
    return set(re.findall(r"'([A-Z]+(?:_[A-Z]+)*)'", text)) - {"UTC", "OK"}


def test_status_codes_are_those_of_the_stored_procedures() -> None:
    text = sections("protocol.rst")["Status codes"].astext()
    documented = set(re.findall(r"^[A-Z]+(?:_[A-Z]+)*$", text, re.MULTILINE))
    assert documented - {"OK"} == codes_in_sql(*(path.stem for path in SQL.glob("*.sql")))


def root_configs(title: str) -> list[str]:
    section = sections("root-config-data.rst")[title]
    return [block.astext() for block in section.findall(nodes.literal_block)]


def test_examples_of_root_configurations() -> None:
    for example in root_configs("Valid examples"):
        assert parse_root_config(example).interest_rate == json.loads(example).get("rate", 0)
    for example in root_configs("Invalid examples"):
        with pytest.raises(InvalidRootConfig):
            parse_root_config(example)


def test_properties_of_root_configurations() -> None:
    head = ("Property", "JSON type", "Constraints", "Meaning")
    documented = rows(sections("root-config-data.rst")["The document"], *head)
    fields = root_config._RootConfigDataSchema().fields.items()
    assert {row[0] for row in documented} == {field.data_key or name for name, field in fields}
