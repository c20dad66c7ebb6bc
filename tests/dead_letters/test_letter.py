"""Which dead letters are chosen, and what is told of them; no servers."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
import pika
import pytest
from click.testing import CliRunner

from agentkit.messages import CONTENT_TYPE, configure, encode, finalize, prepare
from swpt_accounts.cli.dead_letters import filter_options, make_filter
from swpt_accounts.dead_letters.letter import Letter, LetterFilter, receive

FOREIGN = "account (5, 6) does not belong to this shard, which is 1.#"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def letter(offset: int, message: dict[str, Any], reason: str | None, **headers: Any) -> Letter:
    if reason is not None:
        headers |= {"x-rejection-reason": reason, "x-rejected-at": AT.isoformat()}
    properties = pika.BasicProperties(
        type=message["type"],
        content_type=CONTENT_TYPE,
        headers={"x-stream-offset": offset, **headers},
    )
    return receive(properties, encode(message))


LETTERS = [
    letter(0, configure(5, 2**33), "the database refuses it: x"),
    letter(1, prepare(5, 6, 7, 5), FOREIGN),
    letter(2, configure(5, 8, seqnum="x"), "ConfigureAccount: wrong"),
    letter(
        3,
        {**configure(1, 2, ts=AT.isoformat(), seqnum=1), "type": "Unheard"},
        "the message type 'Unheard' is unknown",
    ),
    letter(
        4,
        finalize({**prepare(5, 6, 7, 5), "transfer_id": 1}, 5),
        None,
        **{"x-death": [{"reason": "expired", "time": AT.replace(tzinfo=None)}]},
    ),
    letter(5, configure(-5, 0), None),
]
CHOICES: list[tuple[tuple[str, ...], list[int]]] = [
    ((), [0, 1, 2, 3, 4, 5]),
    (("--type", "ConfigureAccount"), [0, 2, 5]),
    (("--type", "PrepareTransfer", "--type", "Unheard"), [1, 3]),
    (("--type", "other"), [3]),
    (("--reason", "malformed"), [2]),
    (("--reason", "foreign account"), [1]),
    (("--reason", "DOES NOT BELONG"), [1]),
    (("--reason", "broker: expired"), [4]),
    (("--reason", "unknown"), [3, 5]),
    (("--account", f"5/{2**33}"), [0]),
    (("--account", "-5/0"), [5]),
    (("--account", "0xfffffffffffffffb/0"), [5]),
    (("--account", "-9223372036854775808/0"), []),
    (("--offset", "1", "--offset", "3-9"), [1, 3, 4, 5]),
    (("--offset", "2", "--type", "PrepareTransfer"), []),
    (("--digest", LETTERS[3].digest.hex()[:8].upper()), [3]),
    (("--since", "2026-01-02T03:04:05Z"), [0, 1, 2, 3, 4]),
    (("--since", "2026-01-02T03:04:06"), []),
    (("--since", "2026-01-02T05:04:05+02:00"), [0, 1, 2, 3, 4]),
    (("--until", "2026-01-02T03:04:05"), []),
    (("--until", "2026-01-03"), [0, 1, 2, 3, 4]),
]


def choice_of(options: tuple[str, ...]) -> LetterFilter:
    chosen: list[LetterFilter] = []

    @click.command()
    @filter_options
    def command(url: str | None, queue: str | None, **options: Any) -> None:
        chosen.append(make_filter(**options))

    result = CliRunner().invoke(command, options, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return chosen[0]


@pytest.mark.parametrize(("options", "chosen"), CHOICES, ids=lambda x: " ".join(map(str, x)))
def test_choices(options: tuple[str, ...], chosen: list[int]) -> None:
    choice = choice_of(options)
    assert [one.offset for one in LETTERS if choice.matches(one)] == chosen
    assert all(choice.first <= offset for offset in chosen)


def test_what_the_broker_has_noted() -> None:
    by_broker, by_nobody = LETTERS[4:]
    assert (by_broker.kind, by_broker.moment) == ("broker: expired", AT)
    assert (by_nobody.kind, by_nobody.moment) == ("unknown", None)
    assert by_nobody.routing_key is None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-02T03:04:05"])
def test_a_moment_that_is_none(text: str) -> None:
    assert letter(0, configure(1, 2), None, **{"x-rejected-at": text}).moment is None


PREPARED = prepare(5, 6, 7, 5)
DIFFERENT: dict[str, Callable[[], Letter]] = {
    "body": lambda: letter(0, configure(1, 2), "a"),
    "reason": lambda: letter(0, PREPARED, "b"),
    "moment": lambda: letter(0, PREPARED, None),
    "type": lambda: letter(0, {**PREPARED, "type": "x"}, "a"),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_the_digest_tells_letters_apart(what: str) -> None:
    assert letter(0, PREPARED, "a").digest == letter(7, PREPARED, "a").digest
    assert letter(0, PREPARED, "a").digest != DIFFERENT[what]().digest
