"""The commands with which operators look at returned messages, and end them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentkit.authority import Authority
from agentkit.observer import Observer
from agentkit.waiting import wait_until

LEFT = "to_creditors 00.00.00.01.00.00.00.09"
HERE = "to_creditors 00.00.00.01.00.00.00.01"
OTHER_SHARD = "accounts_in 0.0.1"
PURGE = (
    '{"type":"AccountPurge","debtor_id":%d,"creditor_id":%d,"creation_date":"2024-05-20",'
    '"ts":"2024-05-20T13:15:09+00:00"}'
)
CHANGE = (
    '{"type":"PendingBalanceChange","debtor_id":5,"creditor_id":7,"other_creditor_id":6,'
    '"change_id":1,"coordinator_type":"direct","transfer_note_format":"","transfer_note":"",'
    '"committed_at":"2024-05-20T13:15:09+00:00","principal_delta":1000,'
    '"ts":"2024-05-20T13:15:09+00:00"}'
)


@pytest.fixture(autouse=True)
def _messages(idle_authority: Authority) -> Iterator[None]:
    """A thousand messages to a peer that has left, some to one that is there, and money."""
    put_aside(idle_authority, LEFT, [PURGE % (n, 2**32 + 9) for n in range(1000)])
    put_aside(idle_authority, HERE, [PURGE % (5, 2**32 + 1)] * 5, "rejected by a queue", "1 hour")
    put_aside(idle_authority, OTHER_SHARD, [CHANGE], signal="PendingBalanceChangeSignal")
    yield
    idle_authority.query("DELETE FROM returned_message")
    idle_authority.query("DELETE FROM returned_line")


def put_aside(
    authority: Authority,
    destination: str,
    bodies: list[str],
    reason: str = "312 NO_ROUTE",
    age: str = "10 days",
    signal: str = "AccountPurgeSignal",
) -> None:
    authority.query(
        "INSERT INTO returned_line"
        " (signal_name, destination, attempts_count, pause_seconds, next_attempt_at)"
        " VALUES (%s, %s, 20, 900, now() + interval '10 minutes')",
        signal,
        destination,
    )
    authority.query(
        "INSERT INTO returned_message"
        " (signal_name, destination, body, reason, put_aside_at, next_attempt_at)"
        " SELECT %s, %s, convert_to(b, 'UTF8'), %s, now() - %s::interval, now()"
        " FROM unnest(%s::text[]) AS b",
        signal,
        destination,
        reason,
        age,
        bodies,
    )


def command(authority: Authority, *arguments: str, code: int = 0) -> str:
    """Run one of the commands. Returns its output."""
    result = authority.run("returned_messages", *arguments)
    assert result.returncode == code, result.stdout
    return result.stdout


def everything(authority: Authority) -> list[Any]:
    """Both tables, with the versions of the rows."""
    return [
        authority.query(f"SELECT xmin::text, t.* FROM {table} t ORDER BY id")
        for table in ("returned_message", "returned_line")
    ]


def count(authority: Authority, destination: str) -> int:
    statement = "SELECT count(*) FROM returned_message WHERE destination = %s"
    return int(authority.query(statement, destination)[0][0])


def test_looking_changes_nothing(idle_authority: Authority) -> None:
    before = everything(idle_authority)
    table = command(idle_authority, "list")
    assert table.index(LEFT) < table.index(HERE)
    assert "1,006 returned messages for 3 destinations" in table
    assert "312 NO_ROUTE" in table
    found = json.loads(command(idle_authority, "list", "--json"))
    assert [d["count"] for d in found["destinations"]] == [1000, 5, 1]
    assert found["messages_count"] == 1006
    first = found["destinations"][0]
    assert (first["types"], first["attempts_count"]) == (["AccountPurge"], 20)
    assert len(command(idle_authority, "show", "--destination", LEFT).splitlines()) == 10 + 1
    assert everything(idle_authority) == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), 1006),
        (("--type", "AccountPurge", "--type", "PendingBalanceChange"), 1006),
        (("--reason", "rejected by"), 5),
        (("--destination", HERE), 5),
        (("--account", f"5/{2**32 + 9}"), 1),
        (("--account", f"5/{2**32 + 1}", "--reason", "NO_ROUTE"), 0),
        (("--since", "2024-05-20", "--until", "2024-05-21"), 0),
    ],
)
def test_choosing(idle_authority: Authority, options: tuple[str, ...], expected: int) -> None:
    found = json.loads(command(idle_authority, "list", "--json", *options))
    assert found["messages_count"] == expected
    shown = command(idle_authority, "show", "--limit", "0", *options, code=int(not expected))
    lines = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
    assert len(lines) == expected
    assert all(line["message"]["type"] == line["type"] for line in lines)


def test_age(idle_authority: Authority) -> None:
    day_ago = str(idle_authority.query("SELECT now() - interval '1 day'")[0][0])
    found = json.loads(command(idle_authority, "list", "--json", "--until", day_ago))
    assert found["messages_count"] == 1001
    found = json.loads(command(idle_authority, "list", "--json", "--since", day_ago))
    assert found["messages_count"] == 5


def test_retry(idle_authority: Authority) -> None:
    """Only the chosen line is due, and goes out at once."""
    authority = idle_authority
    observer = Observer(authority.broker_url, [("to_creditors", "00.00.00.01.00.00.00.01")])
    try:
        authority.start("flush_messages")
        assert command(authority, "retry", "--destination", HERE).startswith("Scheduled 1 queue ")
        wait_until(lambda: count(authority, HERE) == 0)
        observer.receive_all()
        assert len(observer.messages) == 5
        assert count(authority, LEFT) == 1000
        wait_until(lambda: authority.query("SELECT count(*) FROM returned_line") == [(2,)])
        assert command(authority, "retry").startswith("Scheduled 2 queues ")
    finally:
        authority.terminate("flush_messages")
        observer.close()


def test_discard(idle_authority: Authority, tmp_path: Path) -> None:
    """What is discarded is in the file, whole; others stay; doing it again does no harm."""
    path = tmp_path / "discarded.jsonl"
    options = ("discard", "--destination", LEFT, "--yes", "--save", str(path))
    assert "Discarded 1,000 messages." in command(idle_authority, *options)
    saved = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["message"]["debtor_id"] for line in saved] == list(range(1000))
    assert path.stat().st_mode & 0o077 == 0
    assert (count(idle_authority, LEFT), count(idle_authority, HERE)) == (0, 5)
    ((is_due,),) = idle_authority.query(
        "SELECT next_attempt_at < now() FROM returned_line WHERE destination = %s", LEFT
    )
    assert is_due, "so that a flusher ends the line"
    assert "No returned messages match" in command(idle_authority, *options)
    assert len(path.read_text().splitlines()) == 1000


def test_discard_wants_a_choice_and_a_yes(idle_authority: Authority, tmp_path: Path) -> None:
    before = everything(idle_authority)
    assert "--all" in command(idle_authority, "discard", "--yes", code=2)
    assert "--all" in command(idle_authority, "discard", "--all", "--reason", "x", code=2)
    said = command(idle_authority, "discard", "--destination", LEFT, code=2)
    assert "to discard 1,000 AccountPurge." in said
    assert "--yes" in said
    missing = tmp_path / "missing" / "file"
    options = ("--destination", LEFT, "--yes", "--save", str(missing))
    assert "No such file" in command(idle_authority, "discard", *options, code=1)
    full = ("--destination", LEFT, "--yes", "--save", "/dev/full")
    assert "No space left" in command(idle_authority, "discard", *full, code=1)
    assert everything(idle_authority) == before


def test_money_is_not_discarded_by_the_way(idle_authority: Authority) -> None:
    said = command(idle_authority, "discard", "--all", "--yes", code=1)
    assert "Discarded 1,005 messages." in said
    assert "money" in said
    assert count(idle_authority, OTHER_SHARD) == 1
    said = command(idle_authority, "discard", "--all", "--with-money", code=2)
    assert "MONEY IN TRANSIT IS LOST" in said
    said = command(idle_authority, "discard", "--all", "--with-money", "--yes")
    assert "Discarded 1 message." in said
    assert count(idle_authority, OTHER_SHARD) == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--account", f"5/{2**64}"),
        ("--type", "AccountPurgeSignal"),
    ],
)
def test_wrong_options(idle_authority: Authority, options: tuple[str, ...]) -> None:
    assert repr(options[1]) in command(idle_authority, "list", *options, code=2)
