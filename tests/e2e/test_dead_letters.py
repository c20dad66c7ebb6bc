"""Looking at the messages that were put aside."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from agentkit.authority import DEAD_LETTER_QUEUE, Authority
from agentkit.messages import CONTENT_TYPE, balance_change, configure, encode, prepare
from agentkit.waiting import wait_until
from swpt_accounts.broker.connections import connect_blocking, server_version
from swpt_accounts.broker.delivery_limit import version_numbers
from swpt_accounts.dead_letters.reader import DeadLetterReader, StoppedError
from swpt_accounts.settings import load_settings
from swpt_accounts.workers.shutdown import ShutdownEvent
from tests.e2e.letters import declare, listed, put_aside, run, states

DEBTOR_ID, CREDITOR_ID = 5, 2**33
FOREIGN = "account (5, 6) does not belong to this shard, which is 1.#"


@pytest.fixture
def letters(idle_authority: Authority) -> Iterator[Authority]:
    """An authority with an empty stream, and no memory of another one."""
    declare(idle_authority)
    yield idle_authority
    idle_authority.query("TRUNCATE dead_letter_dealt_with")


def a_few(authority: Authority) -> None:
    put_aside(authority, configure(DEBTOR_ID, CREDITOR_ID))
    put_aside(authority, prepare(DEBTOR_ID, 6, 7, 5), FOREIGN)
    put_aside(authority, configure(DEBTOR_ID, 8, seqnum="x"), "ConfigureAccount: wrong")
    put_aside(authority, {**configure(1, 2), "type": "Unheard"}, "the message type … is unknown")


def test_nothing_is_there(letters: Authority) -> None:
    answer = run(letters, "list")
    assert answer.code == 0
    assert "0 unhandled dead letters" in answer.text
    assert run(letters, "show").code == 1
    assert run(letters, "replay", "--yes").code == 0
    assert run(letters, "discard", "--yes").code == 0


def test_there_is_no_queue(letters: Authority) -> None:
    for command in ("list", "show", "replay", "discard"):
        answer = run(letters, command, "-q", "nothing")
        assert answer.code == 1
        (line,) = answer.text.splitlines()
        assert "'nothing.XQ'" in line
        assert "subscribe" in line


def test_list_counts_and_lists(letters: Authority) -> None:
    a_few(letters)
    answer = run(letters, "list")
    assert answer.code == 0
    lines = answer.text.splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["ID", "0", "1", "2", "3"]
    assert "4 unhandled dead letters" in answer.text
    assert f"{DEBTOR_ID}/{CREDITOR_ID}" in lines[1]
    assert "open" in lines[1]
    assert lines[2].endswith(FOREIGN)
    counts = {tuple(line.split(maxsplit=2)) for line in lines[-4:]}
    assert counts == {
        ("1", "ConfigureAccount", "refused by the database"),
        ("1", "PrepareTransfer", "foreign account"),
        ("1", "ConfigureAccount", "malformed"),
        ("1", "other", "unknown type"),
    }


@pytest.fixture(scope="module")
def filled(idle_authority: Authority) -> Authority:
    declare(idle_authority)
    a_few(idle_authority)
    return idle_authority


def test_limits_and_choices(filled: Authority) -> None:
    for options, ids in (
        (("--limit", "2"), ["0", "1"]),
        (("--limit", "0", "--type", "ConfigureAccount"), ["0", "2"]),
        (("--offset", "1", "--offset", "3-9"), ["1", "3"]),
        (("--offset", "99"), []),
    ):
        answer = run(filled, "list", "--json", *options)
        assert [letter["id"] for letter in answer.json["letters"]] == ids
        assert answer.json["count"] == (4 if ids == ["0", "1"] else len(ids))
    assert "… and 2 more" in run(filled, "list", "--limit", "2").text


WRONG_OPTIONS = [
    ("list", "--account", "1/18446744073709551616"),
    ("list", "--offset", "-1"),
    ("show", "--digest", "xyz"),
    ("replay",),
    ("discard",),
    ("replay", "--again", "--yes"),
    ("replay", "--limit", "0", "--yes"),
]


@pytest.mark.parametrize("arguments", WRONG_OPTIONS, ids=" ".join)
def test_wrong_options(filled: Authority, arguments: tuple[str, ...]) -> None:
    assert run(filled, *arguments).code == 2
    assert states(filled) == ["open"] * 4


def test_show_marks_what_is_wrong(letters: Authority) -> None:
    message = configure(DEBTOR_ID, CREDITOR_ID, seqnum="x", config_data="ж\x1b[31m\u202e")
    put_aside(letters, message, "ConfigureAccount: \x07wrong", headers={"debtor-id": 7})
    answer = run(letters, "show")
    assert answer.code == 0
    (marked,) = (line for line in answer.text.splitlines() if "<---" in line)
    assert '"seqnum": "x"' in marked
    assert "Expected `int`, got `str` - at `$.seqnum`" in marked
    assert "it would be rejected again" in answer.text
    for told in ("debtor-id: 7", "x-rejected-at: ", "letter 0", f"account       {DEBTOR_ID}/", "ж"):
        assert told in answer.text
    assert {c for c in answer.text if not c.isprintable()} == {"\n"}
    whole = run(letters, "show", "--json").json
    assert whole["wrong_field"] == "seqnum"
    assert whole["body"] == message
    assert whole["headers"]["debtor-id"] == 7


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"\xff\x1b[2J{", r"\xff\x1b[2J{"),
        (b"[1]", "[1]"),
        (b"[" * 100_000, "[[[["),
        (b'{"debtor_id": 1' + b"0" * 5000 + b"}", "000"),
        (b"", "body, 0 bytes"),
    ],
    ids=["not text", "no object", "too deep", "too many digits", "empty"],
)
def test_show_bodies_of_all_kinds(letters: Authority, body: bytes, shown: str) -> None:
    put_aside(letters, configure(1, 2), body=body)
    answer = run(letters, "show")
    assert answer.code == 0
    assert shown in answer.text
    assert listed(letters)[0]["bytes"] == len(body)


def test_show_what_is_missing(letters: Authority) -> None:
    message = configure(DEBTOR_ID, CREDITOR_ID)
    del message["seqnum"]
    put_aside(letters, message)
    answer = run(letters, "show", "--offset", "0", "--limit", "1")
    assert "<--- ConfigureAccount: Object missing required field `seqnum`" in answer.text
    assert run(letters, "show", "--json").json["wrong_field"] == "seqnum"


def test_show_a_message_that_the_broker_put_aside(letters: Authority) -> None:
    if version_numbers(server_version(letters.broker.connection)) < (4,):
        pytest.skip("before RabbitMQ 4, a stream keeps no headers that are tables, like x-death")
    channel = letters.broker.channel
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD_LETTER_QUEUE}
    letters.broker.declare_queue("of_another", **arguments)
    message = balance_change(DEBTOR_ID, CREDITOR_ID, 7, 5)
    properties = {"type": message["type"], "content_type": CONTENT_TYPE}
    letters.broker.publish("", "of_another", encode(message), **properties)
    method, _, _ = channel.basic_get("of_another")
    channel.basic_reject(method.delivery_tag, requeue=False)
    wait_until(lambda: len(listed(letters)) == 1)
    channel.queue_delete("of_another")
    (found,) = listed(letters)
    assert found["kind"] == "broker: rejected"
    assert found["reason"] == "dead-lettered by RabbitMQ: rejected"
    moment = datetime.fromisoformat(found["put_aside_at"])
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 300
    answer = run(letters, "show")
    assert "routing key   of_another" in answer.text
    # it carries money, and says of no shard that it has sent it
    assert "send it with --again and --offset" in answer.text


def test_looking_needs_no_database(letters: Authority) -> None:
    put_aside(letters, configure(1, 2))
    away = {"SQLALCHEMY_DATABASE_URI": "postgresql+psycopg://nobody@127.0.0.1:1/nothing"}
    answer = run(letters, "list", **away)
    assert answer.code == 0
    assert "states of letters are unknown" in answer.text
    assert "unknown" in answer.text
    answer = run(letters, "replay", "--yes", **away)
    assert answer.code == 1
    assert answer.text.startswith("swpt_accounts: ")


def test_the_broker_is_away(letters: Authority) -> None:
    answer = run(letters, "list", "-u", "amqp://guest:guest@127.0.0.1:1")
    assert answer.code == 1
    assert len(answer.text.splitlines()) == 1


def reader_of(authority: Authority, connection: Any, shutdown: ShutdownEvent) -> DeadLetterReader:
    return DeadLetterReader(
        connection, load_settings({}).protocol_broker_queue, shutdown.is_requested
    )


def test_the_end_is_that_of_the_start(letters: Authority) -> None:
    for n in range(3):
        put_aside(letters, configure(1, 2 + n))
    with connect_blocking(letters.broker_url, "test") as connection:
        reader = reader_of(letters, connection, ShutdownEvent())
        put_aside(letters, configure(1, 9))
        seen: list[tuple[int, int]] = []
        for _ in range(2):
            found = [letter.offset for letter in reader.read(lambda n, m: seen.append((n, m)))]
            assert found == [0, 1, 2]
        assert seen == [(1, 3), (2, 3), (3, 3)] * 2
        assert [letter.offset for letter in reader.read(lambda n, m: None, 2)] == [2]


def test_the_stop_ends_the_reading(letters: Authority) -> None:
    for n in range(3):
        put_aside(letters, configure(1, 2 + n))
    shutdown = ShutdownEvent()
    with connect_blocking(letters.broker_url, "test") as connection:
        reading = reader_of(letters, connection, shutdown).read(lambda n, m: None)
        assert next(reading).offset == 0
        shutdown.request()
        with pytest.raises(StoppedError):
            list(reading)


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_a_queue_that_is_no_stream_keeps_its_letters(letters: Authority, kind: str) -> None:
    declare(letters, {"x-queue-type": kind})
    a_few(letters)
    wait_until(lambda: letters.broker.ready_count(DEAD_LETTER_QUEUE) == 4)
    first = listed(letters)
    assert len(first) == 4
    assert all(len(letter["id"]) == 12 for letter in first)
    answer = run(letters, "show", "--digest", first[2]["id"])
    assert answer.code == 0
    assert "--offset" not in answer.text
    assert [letter["id"] for letter in listed(letters, "--digest", first[1]["id"])] == [
        first[1]["id"]
    ]
    assert run(letters, "discard", "--digest", first[0]["digest"], "--yes").code == 0
    assert [letter["id"] for letter in listed(letters)] == [letter["id"] for letter in first[1:]]
    wait_until(lambda: letters.broker.ready_count(DEAD_LETTER_QUEUE) == 4)


def test_looking_at_a_quorum_queue_has_a_limit(letters: Authority) -> None:
    """RabbitMQ 4 removes what was given back 20 times."""
    declare(letters, {"x-queue-type": "quorum", "x-delivery-limit": 20})
    put_aside(letters, configure(1, 2))
    with connect_blocking(letters.broker_url, "test") as connection:
        for _ in range(10):
            assert (
                len(list(reader_of(letters, connection, ShutdownEvent()).read(lambda n, m: None)))
                == 1
            )
            wait_until(lambda: letters.broker.ready_count(DEAD_LETTER_QUEUE) == 1)
    answer = run(letters, "list")
    assert answer.code == 1
    assert "is not a stream" in answer.text
    assert letters.broker.ready_count(DEAD_LETTER_QUEUE) == 1


# What RabbitMQ keeps: two segments of a few letters. (It counts one too many for each.)
SHORT = {
    "x-queue-type": "stream",
    "x-max-length-bytes": 40_000,
    "x-stream-max-segment-size-bytes": 20_000,
}
LONG_LETTER = b"x" * 3000


def test_letters_that_have_aged_out_hide_no_new_ones(letters: Authority) -> None:
    """`status`, with the rights of a worker, subtracts none of them."""
    declare(letters, SHORT)

    def count() -> tuple[int, int]:
        told = json.loads(letters.run("status", "--json").stdout)
        return told["open_dead_letters_count"], told["queues"][2]["messages_count"]

    for n in range(5):
        put_aside(letters, configure(DEBTOR_ID, n + 1), body=LONG_LETTER)
    assert run(letters, "discard", "--yes").code == 0
    wait_until(lambda: count() == (0, 5), what="five letters are there, and handled")

    def are_gone() -> bool:
        put_aside(letters, configure(DEBTOR_ID, 7), body=LONG_LETTER)
        return int(listed(letters, "--all")[0]["id"]) >= 5

    wait_until(are_gone, what="the old ones have aged out")
    wait_until(lambda: count()[0] > 5, what="the new ones are counted")
    open_count, there_count = count()
    assert open_count == there_count
