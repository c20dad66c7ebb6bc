"""Outgoing messages: those for which there is no queue are kept, and hold up no others."""

from collections.abc import Iterator
from threading import Thread
from urllib.parse import urlsplit, urlunsplit

import pytest

from agentkit.authority import DEAD_LETTER_QUEUE, Authority
from agentkit.management import Management
from agentkit.messages import configure, configure_root, prepare
from agentkit.observer import Observer
from agentkit.outcomes import assert_sound
from agentkit.waiting import wait_until
from swpt_accounts.outbox.worker import FlushWorker
from swpt_accounts.settings import load_settings
from swpt_accounts.workers.shutdown import ShutdownEvent

DEBTOR_ID = 5
SECONDS_MAX = 60.0
EXCHANGES = "^(accounts_in|to_creditors|to_debtors|to_coordinators)$"
INSERT = """
INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)
VALUES (1, 2, '2024-05-20', now())
"""


@pytest.fixture
def restricted_url(idle_authority: Authority, vhost: str, management: Management) -> Iterator[str]:
    """The broker, for a user who may publish to our exchanges."""
    user = f"{vhost}_flusher"
    management.request("PUT", "users", user, body={"password": user, "tags": ""})
    rights = {"configure": "^$", "write": EXCHANGES, "read": "^$"}
    management.request("PUT", "permissions", vhost, user, body=rights)
    parts = urlsplit(idle_authority.broker_url)
    yield urlunsplit(parts._replace(netloc=f"{user}:{user}@{parts.hostname}:{parts.port}"))
    management.request("DELETE", "users", user)


def test_flusher_needs_to_write_to_the_exchanges_of_its_messages_alone(
    idle_authority: Authority, restricted_url: str
) -> None:
    idle_authority.query(INSERT)
    settings = load_settings({**idle_authority.environment, "PROTOCOL_BROKER_URL": restricted_url})
    shutdown = ShutdownEvent()
    worker = FlushWorker(settings, shutdown, ["AccountPurgeSignal"])
    thread = Thread(target=worker.run)
    thread.start()
    try:
        # nobody receives it
        wait_until(
            lambda: (
                idle_authority.query("SELECT reason FROM returned_message") == [("312 NO_ROUTE",)]
            )
        )
    finally:
        shutdown.request()
        thread.join(10)


@pytest.fixture(scope="module")
def debtors(idle_authority: Authority) -> Iterator[Observer]:
    """The only agent: nothing is bound to the other exchanges."""
    observer = Observer(idle_authority.broker_url, [("to_debtors", "#")])
    idle_authority.start(
        "consume_messages", "process_transfer_requests", "process_balance_changes", "flush_messages"
    )
    yield observer
    observer.close()


@pytest.fixture(autouse=True)
def _nothing_is_left(idle_authority: Authority) -> Iterator[None]:
    """A test that fails leaves nothing behind for the next."""
    yield
    idle_authority.query("DELETE FROM returned_message")
    idle_authority.query("DELETE FROM returned_line")


@pytest.fixture
def creditors(idle_authority: Authority) -> Iterator[Observer]:
    """The agent that comes late."""
    observer = Observer(idle_authority.broker_url, [("to_creditors", "#")])
    yield observer
    observer.close()


def returned(authority: Authority) -> list[tuple[str, int]]:
    return authority.query("SELECT signal_name, attempts_count FROM returned_message ORDER BY id")


def send_again(authority: Authority) -> None:
    """Let the time of the next attempt come."""
    authority.query("UPDATE returned_line SET next_attempt_at = now() - interval '1 second'")


def wait_for_returned(authority: Authority, *names: str) -> None:
    wait_until(
        lambda: sorted(n for n, _ in returned(authority)) == sorted(names), SECONDS_MAX, f"{names}"
    )


def test_unroutable_messages_wait_for_their_queue(
    debtors: Observer, idle_authority: Authority, request: pytest.FixtureRequest
) -> None:
    authority = idle_authority
    authority.send(configure(DEBTOR_ID, 2**32 + 1, negligible_amount=12.5))
    authority.send(prepare(DEBTOR_ID, 2**32 + 1, 0, 50))
    wait_for_returned(authority, "AccountUpdateSignal", "RejectedTransferSignal")

    # Others are not held up.
    for seqnum in range(5):
        authority.send(configure_root(DEBTOR_ID, config_flags=seqnum * 2))
        debtors.wait_message("AccountUpdate", debtor_id=DEBTOR_ID, config_flags=seqnum * 2)
    wait_until(lambda: authority.query("SELECT count(*) FROM account_update_signal") == [(0,)])

    send_again(authority)
    wait_until(lambda: {n for _, n in returned(authority)} == {2}, SECONDS_MAX)
    ((is_later,),) = authority.query(
        "SELECT min(next_attempt_at) > now() + interval '1 second' FROM returned_line"
    )
    assert is_later, "each pause is longer than the one before"
    lines = [line for line in authority.log("flush_messages").splitlines() if "NO_ROUTE" in line]
    assert any("AccountUpdate" in line for line in lines)
    assert any("to_creditors" in line and "00.00.00.01.00.00.00.01" in line for line in lines)

    creditors: Observer = request.getfixturevalue("creditors")
    send_again(authority)
    update = creditors.wait_message("AccountUpdate", seconds_max=SECONDS_MAX).data
    assert (update["creditor_id"], update["negligible_amount"]) == (2**32 + 1, 12.5)
    rejected = creditors.wait_message("RejectedTransfer", seconds_max=SECONDS_MAX).data
    assert rejected["status_code"] == "INSUFFICIENT_AVAILABLE_AMOUNT"
    wait_for_returned(authority)
    assert len(creditors.messages) == 2
    assert creditors.messages[-1].exchange in ("to_creditors", "to_coordinators")
    assert_sound(creditors.messages + debtors.messages)


def test_closing_debtor_needs_no_agent(debtors: Observer, idle_authority: Authority) -> None:
    """Its AccountUpdate is the only message that may be lost."""
    authority = idle_authority
    channel = authority.broker.channel
    channel.queue_unbind(debtors.queue, "to_debtors", "#", {"x-match": "all"})
    try:
        authority.send(configure_root(6))
        wait_for_returned(authority, "AccountUpdateSignal")
        authority.send(configure_root(6, config_flags=1))
        # Another that is returned tells that the one before it was sent.
        authority.send(configure(6, 2**32 + 2))
        wait_for_returned(authority, "AccountUpdateSignal", "AccountUpdateSignal")
    finally:
        channel.queue_bind(debtors.queue, "to_debtors", "#", {"x-match": "all"})
    send_again(authority)
    update = debtors.wait_message("AccountUpdate", debtor_id=6, seconds_max=SECONDS_MAX)
    assert update.data["config_flags"] == 0
    wait_for_returned(authority, "AccountUpdateSignal")


def test_full_queue(debtors: Observer, idle_authority: Authority, creditors: Observer) -> None:
    """A message that a queue rejects is kept, too, even though others have taken it."""
    authority = idle_authority
    broker = authority.broker
    broker.declare_queue("full", **{"x-max-length": 1, "x-overflow": "reject-publish"})
    broker.channel.queue_bind("full", "to_creditors", "#")
    broker.publish("", "full", b"it is full")
    authority.send(configure(7, 2**32 + 3))
    wait_for_returned(authority, "AccountUpdateSignal")
    authority.send(configure_root(7))
    debtors.wait_message("AccountUpdate", debtor_id=7, seconds_max=SECONDS_MAX)
    broker.get("full")
    send_again(authority)
    wait_for_returned(authority)
    message = broker.get("full")
    assert message is not None
    assert message.data["creditor_id"] == 2**32 + 3
    broker.channel.queue_delete("full")
    assert_sound(creditors.messages)


# -- money on its way --------------------------------------------------------------

DEBTOR, SENDER, RECIPIENT = 9, 2**32 + 1, 2**32 + 2
PRINCIPAL = f"""
SELECT principal FROM account WHERE (debtor_id, creditor_id) = ({DEBTOR}, {RECIPIENT})
"""
CHANGE = f"""
INSERT INTO pending_balance_change_signal (
    debtor_id, creditor_id, other_creditor_id, change_id, coordinator_type, transfer_note_format,
    transfer_note, committed_at, principal_delta, ts
) VALUES ({DEBTOR}, {RECIPIENT}, {SENDER}, %s, 'direct', %s, 'note', now(), 1000, now())
"""
FORMATS = ("A\n", "\n", "A.b-9876\n")


def test_a_newline_after_the_note_format_loses_no_money(
    debtors: Observer, idle_authority: Authority
) -> None:
    """It is sent as it is in the outbox, taken in, applied, and told as it was.

    Another program has debited the sender, by its own, laxer rules.
    """
    authority = idle_authority
    authority.broker.declare_queue("told")
    authority.broker.channel.queue_bind("told", "to_creditors", "#")
    authority.send(configure_root(DEBTOR))
    authority.send(configure(DEBTOR, RECIPIENT))
    wait_until(lambda: authority.query(PRINCIPAL), what="the account")
    for number, note_format in enumerate(FORMATS, 1):
        authority.query(CHANGE, number, note_format)
    total = 1000 * len(FORMATS)
    wait_until(lambda: authority.query(PRINCIPAL) == [(total,)], what="the money arrives")
    told: list[str] = []

    def are_told() -> bool:
        message = authority.broker.get("told")
        if message is not None and message.data["type"] == "AccountTransfer":
            told.append(message.data["transfer_note_format"])
        return len(told) == len(FORMATS)

    wait_until(are_told, what="the AccountTransfers")
    assert sorted(told) == sorted(FORMATS)
    assert authority.broker.ready_count(DEAD_LETTER_QUEUE) == 0
