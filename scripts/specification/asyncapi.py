"""The AsyncAPI description of the protocol: exchanges, messages, operations."""

import json
from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec

from scripts.specification.channels import BINDING_VERSION, channels, operations
from scripts.specification.documents import message_examples, message_fields
from scripts.specification.schemas import header_schema, message_schema, summary
from swpt_accounts.smp import incoming, outgoing, routing
from swpt_accounts.smp.types import CONTENT_TYPE

PROTOCOL_VERSION: Final = "2.1"

Document = dict[str, Any]

_DESCRIPTION = """\
What an accounting authority node of Swaptacular understands and says, over RabbitMQ.

The rules of the protocol are in `protocol.rst`, those of the serialization in
`protocol-json.rst`, in the folder above this file. A schema can not tell everything: `10.0` is
an integer for JSON Schema, but not for the authority.

Every message is persistent, and is published with confirms. Its AMQP property `type` is the
type of the message, and its content type is `application/json`. The messages of the authority
have `app_id` `swpt_accounts`.
"""


def asyncapi_document(protocol: str, protocol_json: str) -> Document:
    """The description, as plain values, given the texts of the protocol's two documents."""
    examples = message_examples(protocol_json)
    fields = message_fields(protocol)
    types = message_types()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Swaptacular Messaging Protocol",
            "version": PROTOCOL_VERSION,
            "description": _DESCRIPTION,
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {"broker": _server()},
        "channels": channels(),
        "operations": operations(),
        "components": {
            "schemas": {name: message_schema(cls, fields[name]) for name, cls in types.items()},
            "messages": {name: _message(cls, examples[name]) for name, cls in types.items()},
            "correlationIds": {
                "coordinatorRequest": {
                    "description": "The coordinator's number of a transfer.",
                    "location": "$message.payload#/coordinator_request_id",
                }
            },
        },
    }


def message_types() -> Mapping[str, type[msgspec.Struct]]:
    """All messages: those to the authority, then those from it.

    PendingBalanceChange is both. What is sent has all that is read.
    """
    both = (*get_args(incoming.IncomingMessage), *get_args(outgoing.OutgoingMessage))
    return {cls.__name__: cls for cls in both}


def _server() -> Document:
    return {
        "host": "{host}:{port}",
        "protocol": "amqp",
        "protocolVersion": "0-9-1",
        "description": "The RabbitMQ broker of the authority.",
        "variables": {
            "host": {"default": "localhost", "description": "Its name or address."},
            "port": {"default": "5672", "description": "Its port."},
        },
    }


def _message(message_type: type[msgspec.Struct], examples: list[str]) -> Document:
    name = message_type.__name__
    message: Document = {"name": name, "title": name, "summary": summary(message_type)}
    if name in {cls.__name__ for cls in outgoing.SIGNALS.values()}:
        message["headers"] = header_schema(_headers(message_type, examples[0]))
    message["payload"] = {"$ref": f"#/components/schemas/{name}"}
    if "coordinator_request_id" in message_type.__struct_fields__:
        message["correlationId"] = {"$ref": "#/components/correlationIds/coordinatorRequest"}
    message["contentType"] = CONTENT_TYPE
    message["bindings"] = {"amqp": {"messageType": name, "bindingVersion": BINDING_VERSION}}
    message["examples"] = [_example(message_type, example) for example in examples]
    return message


def _example(message_type: type[msgspec.Struct], example: str) -> Document:
    payload = {"payload": json.loads(example)}
    if message_type not in outgoing.SIGNALS.values():
        return payload
    return {"headers": _headers(message_type, example), **payload}


def _headers(message_type: type[msgspec.Struct], example: str) -> dict[str, int | str]:
    message: Any = msgspec.json.decode(example, type=message_type)
    return routing.headers(message)
