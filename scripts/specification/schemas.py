"""JSON schemas of the messages, made from their types."""

import inspect
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from scripts.specification.documents import Field, markdown
from swpt_accounts.core.ids import MAX_INT32

Schema = dict[str, Any]

_KEYWORDS: Final = (
    "type",
    "const",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "not",
)
# What a schema can not express is repeated in the description.
_BEYOND_SCHEMAS: Final = ("bytes in UTF-8", "≥ ``")


def message_schema(message_type: type[msgspec.Struct], fields: Iterable[Field]) -> Schema:
    """The schema of a message. `fields` tell the meanings of the properties."""
    name = message_type.__name__
    _, components = msgspec.json.schema_components([message_type])
    found = components[name]["properties"]
    described = {field.name: field for field in fields}
    properties = {"type": {"type": "string", "const": name}} | {
        name: {**_value_schema(schema), "description": _description(described[name])}
        for name, schema in found.items()
        if name != "type"
    }
    return {
        "type": "object",
        "description": summary(message_type),
        "properties": properties,
        # Defaults are for the program that fills in the message. On the wire nothing is left out.
        "required": list(properties),
    }


def header_schema(headers: dict[str, int | str]) -> Schema:
    """The schema of AMQP headers like these."""
    properties: dict[str, Schema] = {
        name: {"type": "integer", "format": "int64"} if isinstance(value, int) else _text(value)
        for name, value in headers.items()
    }
    properties["message-type"] = {"type": "string", "const": headers["message-type"]}
    return {"type": "object", "properties": properties, "required": list(properties)}


def summary(message_type: type[msgspec.Struct]) -> str:
    """What the type says of itself, in one line."""
    return " ".join(inspect.cleandoc(message_type.__doc__ or "").split())


def _text(_value: str) -> Schema:
    return {"type": "string"}


def _value_schema(schema: Schema) -> Schema:
    schema = {**schema, **_format(schema)}
    if "pattern" in schema:
        # Python's anchors are not those of JSON Schema.
        schema["pattern"] = schema["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
    return {keyword: schema[keyword] for keyword in _KEYWORDS if keyword in schema}


def _format(schema: Schema) -> Schema:
    if schema["type"] == "integer":
        return {"format": "int32" if schema["maximum"] <= MAX_INT32 else "int64"}
    return {"format": "double"} if schema["type"] == "number" else {}


def _description(field: Field) -> str:
    text = field.meaning
    if any(words in field.constraints for words in _BEYOND_SCHEMAS):
        text += f" ({field.constraints})"
    return markdown(text)
