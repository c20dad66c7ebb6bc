"""Dead letters are sent again, each with an effect once."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from agentkit.authority import QUEUE, Authority
from agentkit.database import dsn_of
from agentkit.keys import bits_key
from agentkit.messages import balance_change, configure, finalize, prepare
from agentkit.processes import ROOT, program_command
from agentkit.waiting import wait_until
from swpt_accounts.broker.redelivery_reset import COPY_HEADER
from tests.e2e.letters import declare, listed, put_aside, put_aside_many, run, states, take

DEBTOR_ID, CREDITOR_ID = 5, 2**33
LOCK = "SELECT pg_advisory_lock(hashtextextended('swpt_accounts dead letters', 0))"

# Dies when it has published, and not noted it.
CRASHING_REPLAY = """
import os, sys
from swpt_accounts.broker.publisher import Publisher
from swpt_accounts.cli import swpt_accounts

publish = Publisher.publish

def crash(self, publications):
    publish(self, publications)
    os._exit(9)

Publisher.publish = crash
swpt_accounts(["dead_letters", "replay", "--yes"])
"""


@pytest.fixture
def letters(idle_authority: Authority) -> Iterator[Authority]:
    """An authority with an empty stream, and an empty queue."""
    declare(idle_authority)
    yield idle_authority
    idle_authority.broker.channel.queue_purge(QUEUE)
    idle_authority.query("TRUNCATE dead_letter_dealt_with")


def test_a_message_is_sent_as_it_was_and_once(letters: Authority) -> None:
    message = prepare(DEBTOR_ID, CREDITOR_ID, 7, 5)
    put_aside(
        letters, message, headers={"debtor-id": DEBTOR_ID}, app_id="an agent", user_id="other"
    )
    answer = run(letters, "replay", "--yes")
    assert (answer.code, answer.text) == (0, "Sent 1, skipped 0.\n")
    (sent,) = take(letters, QUEUE)
    assert sent.data == message
    assert sent.properties.content_type == "application/json"
    assert sent.properties.type == "PrepareTransfer"
    assert sent.properties.app_id == "an agent"
    assert sent.properties.delivery_mode == 2
    headers = {n: v for n, v in sent.properties.headers.items() if n != "x-delivery-count"}
    assert headers == {
        "debtor-id": DEBTOR_ID,
        COPY_HEADER: bits_key(DEBTOR_ID, CREDITOR_ID),
    }
    assert listed(letters) == []
    assert states(letters) == ["replayed"]
    assert run(letters, "replay", "--yes").text == "Sent 0, skipped 0.\n"
    assert run(letters, "replay", "--yes", "--offset", "0").text.startswith("Sent 0,")
    assert take(letters, QUEUE) == []
    assert run(letters, "replay", "--yes", "--offset", "0", "--again").code == 0
    assert len(take(letters, QUEUE)) == 1


def test_only_what_is_chosen_is_sent_and_no_more_than_the_limit(letters: Authority) -> None:
    for n in range(5):
        put_aside(letters, configure(DEBTOR_ID, CREDITOR_ID + n))
    put_aside(letters, prepare(DEBTOR_ID, CREDITOR_ID, 7, 5))
    answer = run(letters, "replay", "--yes", "--type", "ConfigureAccount", "--limit", "2")
    assert answer.code == 0
    assert states(letters) == ["replayed", "replayed", "open", "open", "open", "open"]
    answer = run(letters, "replay", "--yes", "--type", "ConfigureAccount")
    assert answer.text.startswith("Sent 3,")
    assert states(letters) == ["replayed"] * 5 + ["open"]
    assert len(take(letters, QUEUE)) == 5


def test_what_would_be_refused_again_is_not_sent(letters: Authority) -> None:
    put_aside(letters, configure(DEBTOR_ID, CREDITOR_ID, seqnum="x"))
    put_aside(letters, configure(DEBTOR_ID, CREDITOR_ID))
    answer = run(letters, "replay", "--yes")
    assert answer.code == 1
    assert "skipped letter 0: it would be rejected again: ConfigureAccount:" in answer.text
    assert "Sent 1, skipped 1." in answer.text
    assert states(letters) == ["open", "replayed"]


def test_a_change_that_would_be_ignored_is_not_sent(letters: Authority) -> None:
    threshold = datetime.now(UTC) - timedelta(days=20)
    for days in (1, -1):
        at = (threshold - timedelta(days=days)).isoformat()
        put_aside(letters, balance_change(DEBTOR_ID, CREDITOR_ID, 7, 5, committed_at=at))
    settings = {"REMOVE_FROM_ARCHIVE_THRESHOLD_DATE": threshold.isoformat()}
    answer = run(letters, "replay", "--yes", **settings)
    assert answer.code == 1
    assert "skipped letter 0" in answer.text
    assert "the money lost" in answer.text
    assert states(letters) == ["open", "replayed"]


def test_a_message_for_another_shard_goes_where_it_belongs(letters: Authority) -> None:
    account = DEBTOR_ID, CREDITOR_ID
    key = bits_key(*account)
    realm = {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.#" if key[0] == "0" else "0.#"}
    letters.broker.declare_queue("other")
    letters.broker.channel.queue_unbind(QUEUE, "accounts_in", "#")
    put_aside(letters, configure(*account), "account … does not belong to this shard")
    answer = run(letters, "replay", "--yes", **realm)
    assert answer.code == 1
    assert "RabbitMQ returned it ('accounts_in'): 312 NO_ROUTE" in answer.text
    assert states(letters) == ["open"], "it was certainly not sent"
    letters.broker.channel.queue_bind("other", "accounts_in", f"{key[0]}.#")
    try:
        assert run(letters, "replay", "--yes", **realm).code == 0
    finally:
        letters.broker.channel.queue_bind(QUEUE, "accounts_in", "#")
    (sent,) = take(letters, "other")
    letters.broker.channel.queue_delete("other")
    assert sent.routing_key == key
    assert take(letters, QUEUE) == []


def test_letters_of_another_queue_go_to_the_shard_of_their_account(letters: Authority) -> None:
    """Those of a parent that was split: each of its children sends those of its own accounts."""
    left, right = (
        next(n for n in range(CREDITOR_ID, 2**34) if bits_key(DEBTOR_ID, n).startswith(bit))
        for bit in "01"
    )
    others = [(left, "0.#"), (right, "1.#")]
    own = [configure(DEBTOR_ID, creditor_id) for creditor_id, _ in others]
    for message in (*own, {**own[0], "negligible_amount": -1.0}):
        put_aside(letters, message, "x")
    try:
        for n in range(2):
            for child, (_, realm) in enumerate(others):
                letters.broker.declare_queue(f"child_{child}")
                settings = {
                    "PROTOCOL_BROKER_QUEUE": f"child_{child}",
                    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": realm,
                }
                # their databases are two
                with register_of(letters, realm):
                    answer = run(letters, "replay", "--yes", "-q", QUEUE, **settings)
                malformed_count = 1 if child == 0 else 0
                assert answer.code == malformed_count, answer.text
                sent_count = 1 - n
                assert f"Sent {sent_count}, skipped {malformed_count}." in answer.text
                assert f"accounts of this shard ({realm})" in answer.text
        for child in range(2):
            assert [m.data for m in take(letters, f"child_{child}")] == [own[child]]
        assert take(letters, QUEUE) == []
    finally:
        for child in range(2):
            letters.broker.channel.queue_delete(f"child_{child}")


@contextmanager
def register_of(letters: Authority, realm: str) -> Iterator[None]:
    """What the database of one child knows, and not that of the other."""
    swap = "UPDATE dead_letter_dealt_with SET queue = %s WHERE queue = %s"
    letters.query(swap, f"{QUEUE}.XQ", realm)
    yield
    letters.query(swap, realm, f"{QUEUE}.XQ")


def test_a_replay_that_was_interrupted_doubles_nothing(letters: Authority) -> None:
    requested = prepare(DEBTOR_ID, CREDITOR_ID, 7, 5)
    harmless = [
        configure(DEBTOR_ID, CREDITOR_ID),
        finalize({**requested, "transfer_id": 1}, 5),
        balance_change(DEBTOR_ID, CREDITOR_ID, 7, 5),
    ]
    for message in (requested, *harmless):
        put_aside(letters, message)
    crashed = subprocess.run(
        [sys.executable, "-c", CRASHING_REPLAY],
        cwd=ROOT,
        env={**letters.environment, **letters.operator_settings},
        timeout=60,
        check=False,
    )
    assert crashed.returncode == 9
    assert states(letters) == ["replaying"] * 4
    assert len(listed(letters)) == 4, "they still need attention"
    assert len(take(letters, QUEUE)) == 4

    answer = run(letters, "replay", "--yes")
    assert answer.code == 1
    assert "skipped letter 0: an interrupted replay" in answer.text
    assert states(letters) == ["replaying", *["replayed"] * 3]
    assert [m.type for m in take(letters, QUEUE)] == [m["type"] for m in harmless]
    assert run(letters, "replay", "--yes").code == 1
    assert take(letters, QUEUE) == []

    assert run(letters, "replay", "--yes", "--offset", "0", "--again").code == 0
    assert [m.type for m in take(letters, QUEUE)] == ["PrepareTransfer"]
    assert states(letters) == ["replayed"] * 4


def test_discarded_letters_are_not_sent(letters: Authority) -> None:
    for n in range(3):
        put_aside(letters, configure(DEBTOR_ID, CREDITOR_ID + n))
    answer = run(letters, "discard", "--yes", "--offset", "0-1")
    assert (answer.code, answer.text) == (0, "Discarded 2 dead letters.\n")
    assert run(letters, "replay", "--yes").text.startswith("Sent 1,")
    assert states(letters) == ["discarded", "discarded", "replayed"]
    assert run(letters, "discard", "--yes").text == "Discarded 0 dead letters.\n"
    assert len(take(letters, QUEUE)) == 1


def test_another_stream_of_the_same_name_is_another_one(letters: Authority) -> None:
    """Its offsets begin at 0 again."""
    message = configure(DEBTOR_ID, CREDITOR_ID)
    put_aside(letters, message)
    assert run(letters, "discard", "--yes").code == 0
    declare(letters)
    put_aside(letters, message)
    assert states(letters) == ["open"]


def test_one_at_a_time_deals_with_letters(letters: Authority) -> None:
    put_aside(letters, configure(DEBTOR_ID, CREDITOR_ID))
    with psycopg.connect(dsn_of(letters.database_url)) as other:
        other.execute(LOCK)
        for command in ("replay", "discard"):
            answer = run(letters, command, "--yes")
            assert answer.code == 1
            assert "another process is handling dead letters" in answer.text
        assert len(listed(letters)) == 1, "looking is free"
    assert run(letters, "discard", "--yes").code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(letters: Authority, number: signal.Signals) -> None:
    put_aside_many(letters, [configure(DEBTOR_ID, CREDITOR_ID + n) for n in range(2000)])
    process = subprocess.Popen(
        program_command("dead_letters", "replay", "--yes"),
        cwd=ROOT,
        env={**letters.environment, **letters.operator_settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: letters.broker.ready_count(QUEUE) > 0)
    process.send_signal(number)
    output, told = process.communicate(timeout=60)
    assert process.returncode == 1, told
    assert told.splitlines()[-1] == "swpt_accounts: stopped before completion"
    sent_count = letters.broker.ready_count(QUEUE)
    assert output.startswith(f"Sent {sent_count:,},")
    assert run(letters, "replay", "--yes").text.startswith(f"Sent {2000 - sent_count:,},")
    assert letters.broker.ready_count(QUEUE) == 2000


def test_what_the_stream_has_dropped_is_forgotten(letters: Authority) -> None:
    letters.query(
        "INSERT INTO dead_letter_dealt_with VALUES ('swpt_accounts.XQ', 7, 'x', 'discarded', now())"
    )
    put_aside(letters, configure(DEBTOR_ID, CREDITOR_ID))
    assert run(letters, "discard", "--yes").code == 0
    assert letters.query("SELECT stream_offset FROM dead_letter_dealt_with ORDER BY 1") == [
        (0,),
        (7,),
    ]


@pytest.mark.parametrize(("answer", "state"), [("y", "replayed"), ("n", "open")])
def test_somebody_at_the_terminal_is_asked(letters: Authority, answer: str, state: str) -> None:
    put_aside(letters, configure(DEBTOR_ID, CREDITOR_ID))
    own, terminal = pty.openpty()
    process = subprocess.Popen(
        program_command("dead_letters", "replay"),
        cwd=ROOT,
        env={**letters.environment, **letters.operator_settings},
        stdin=terminal,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    )
    os.close(terminal)
    try:
        asked = b""
        while b"[y/N]" not in asked:
            asked += os.read(own, 1000)
        assert b"Resend 1 dead letter?" in asked
        os.write(own, f"{answer}\n".encode())
        assert process.wait(20) == 0
    finally:
        os.close(own)
        process.kill()
        process.wait()
    assert states(letters) == [state]


def test_the_consumer_handles_what_was_sent_again_and_handles_it_once(letters: Authority) -> None:
    put_aside(letters, prepare(DEBTOR_ID, CREDITOR_ID, 0, 5))
    for _ in range(2):
        assert run(letters, "replay", "--yes", "--offset", "0", "--again").code == 0
    assert letters.broker.ready_count(QUEUE) == 2
    letters.start("consume_messages")
    try:
        wait_until(lambda: letters.query("SELECT count(*) FROM transfer_request") == [(1,)])
        wait_until(lambda: letters.broker.ready_count(QUEUE) == 0)
    finally:
        letters.terminate("consume_messages")
    assert letters.broker.ready_count(QUEUE) == 0, "both are acknowledged"
    assert letters.query("SELECT count(*) FROM transfer_request") == [(1,)]
    letters.query("TRUNCATE transfer_request, handled_batch")
