"""Puts messages into the dead-letter queue, and looks at what the command says of them."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

import pika

from agentkit.authority import DEAD_LETTER_QUEUE, Authority
from agentkit.keys import bits_key
from agentkit.messages import CONTENT_TYPE, encode
from agentkit.received import Received
from swpt_accounts.broker.dead_letters import dead_letter_properties

STREAM = {"x-queue-type": "stream"}


def declare(authority: Authority, arguments: dict[str, Any] = STREAM) -> None:
    """A dead-letter queue with nothing in it."""
    authority.broker.channel.queue_delete(DEAD_LETTER_QUEUE)
    authority.broker.declare_queue(DEAD_LETTER_QUEUE, **arguments)


def put_aside(
    authority: Authority,
    message: dict[str, Any],
    reason: str = "the database refuses it: x",
    *,
    body: bytes | None = None,
    **properties: Any,
) -> None:
    """Put a message into the dead-letter queue, as a consumer does."""
    made = _properties(message, reason, properties)
    body = encode(message) if body is None else body
    authority.broker.channel.basic_publish("", DEAD_LETTER_QUEUE, body, made, mandatory=True)


def put_aside_many(authority: Authority, messages: list[dict[str, Any]]) -> None:
    """The same for many messages, of which only the last is waited for."""
    channel = authority.broker.connection.channel()
    for message in messages[:-1]:
        made = _properties(message, "x", {})
        channel.basic_publish("", DEAD_LETTER_QUEUE, encode(message), made)
    channel.confirm_delivery()
    made = _properties(messages[-1], "x", {})
    channel.basic_publish("", DEAD_LETTER_QUEUE, encode(messages[-1]), made)
    channel.close()


def _properties(
    message: dict[str, Any], reason: str, others: dict[str, Any]
) -> pika.BasicProperties:
    properties = pika.BasicProperties(
        **{"type": message["type"], "content_type": CONTENT_TYPE, **others}
    )
    key = bits_key(message["debtor_id"], message["creditor_id"])
    return dead_letter_properties(properties, key, reason, "guest")


@dataclass
class Answer:
    """What a command has said."""

    code: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def run(authority: Authority, *arguments: str, **settings: str) -> Answer:
    """Run `dead_letters …` as the operator, with nobody at the terminal."""
    settings = {**authority.operator_settings, **settings}
    result: subprocess.CompletedProcess[str] = authority.run("dead_letters", *arguments, **settings)
    assert "Traceback" not in result.stdout
    return Answer(result.returncode, result.stdout)


def listed(authority: Authority, *options: str, **settings: str) -> list[dict[str, Any]]:
    """The letters that `list` tells of."""
    answer = run(authority, "list", "--json", *options, **settings)
    assert answer.code == 0, answer.text
    assert answer.json["count"] == sum(one["count"] for one in answer.json["counts"])
    letters: list[dict[str, Any]] = answer.json["letters"]
    return letters


def states(authority: Authority) -> list[str]:
    return [letter["state"] for letter in listed(authority, "--all")]


def take(authority: Authority, queue: str) -> list[Received]:
    """All messages of a queue, which are removed."""
    taken = []
    while (message := authority.broker.get(queue)) is not None:
        taken.append(message)
    return taken
