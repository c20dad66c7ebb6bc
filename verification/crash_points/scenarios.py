"""What is played while a worker dies: each kind of message, and each of its ways."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pika

from agentkit.authority import QUEUE
from agentkit.keys import TO_DEBTORS, bits_key
from agentkit.messages import CONTENT_TYPE, balance_change, configure, configure_root, encode
from agentkit.waiting import wait_until
from swpt_accounts.broker.dead_letters import dead_letter_properties
from verification.crash_points.place import (
    DRAINING,
    OTHER_CHORES_QUEUE,
    REFUSED_CHANGE_ID,
    SERVICES,
)
from verification.crash_points.scene import Scene

LONG_AGO: Final = "'2001-01-01 00:00:00+00'"
_OLD_CHANGE: Final = "2019-05-20T13:15:09+00:00"
_NEW_CHANGE: Final = "2024-05-20T13:15:09+00:00"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is played, and who may die meanwhile."""

    name: str
    play: Callable[[Scene], None]
    victims: tuple[str, ...]
    is_of_victim: bool
    """Whether it is another one with each victim."""


SCENARIOS: Final[dict[str, Scenario]] = {}


def _scenario(
    *victims: str, is_of_victim: bool = False
) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    def note(play: Callable[[Scene], None]) -> Callable[[Scene], None]:
        SCENARIOS[play.__name__] = Scenario(play.__name__, play, victims, is_of_victim)
        return play

    return note


@_scenario(
    "consume_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
)
def transfers(s: Scene) -> None:
    """Transfers that are committed, dismissed, rejected; and an invalid configuration."""
    a, b = s.creditor("a"), s.creditor("b")
    s.open(a, b)
    s.issue(a, 100)
    paid, dismissed = s.ask(a, b, 10), s.ask(a, b, 20)
    rejected = s.ask(a, b, 1000)
    s.send(configure(s.debtor_id, b, config_data="nonsense"))
    s.finalize(paid, 10, transfer_note="paid")
    s.finalize(dismissed, 0)
    s.finalized(paid)
    s.finalized(dismissed)
    s.hear("RejectedTransfer", coordinator_request_id=rejected["coordinator_request_id"])
    s.hear("RejectedConfig")
    s.hear("AccountTransfer", creditor_id=b, acquired_amount=10)
    s.hear("AccountTransfer", creditor_id=a, acquired_amount=-10)


@_scenario(
    "consume_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "flush_messages",
)
def abroad(s: Scene) -> None:
    """Money goes to another shard, which is asked about the recipient."""
    a, far = s.creditor("a"), s.creditor("far", is_here=False)
    s.open(a)
    s.issue(a, 100)
    request = s.ask(a, far, 10)
    s.finalize(request, 10)
    s.finalized(request)
    s.hear("PendingBalanceChange", creditor_id=far)
    s.hear("AccountTransfer", creditor_id=a, acquired_amount=-10)


@_scenario("consume_messages", "process_balance_changes", "flush_messages")
def arriving(s: Scene) -> None:
    """Money comes from another shard; it opens an account whose debtor has to be asked about."""
    debtor_id = s.foreign_debtor_id
    a = s.creditor("a", debtor_id)
    far = s.creditor("far", debtor_id, is_here=False)
    for change_id in (1, 2):
        s.send(balance_change(debtor_id, a, far, 7, change_id=change_id, committed_at=_NEW_CHANGE))
    s.hear("AccountTransfer", 2, creditor_id=a)


@_scenario("consume_messages")
def refusals(s: Scene) -> None:
    """Messages that make no sense, and one that the database refuses, in a batch with good ones."""
    debtor_id, a = s.foreign_debtor_id, s.creditor("a", s.foreign_debtor_id)

    def send_change(change_id: int) -> None:
        s.send(balance_change(debtor_id, a, 0, 7, change_id=change_id, committed_at=_NEW_CHANGE))

    s.place.switch_off("consume_messages")
    send_change(1)
    s.place.authority.send_raw(
        json.dumps({"type": "ConfigureAccount", "debtor_id": s.debtor_id}).encode(),
        bits_key(debtor_id, a),
        type="ConfigureAccount",
    )
    send_change(REFUSED_CHANGE_ID)
    send_change(2)
    s.place.switch_on("consume_messages")
    s.hear("AccountTransfer", 2, creditor_id=a)
    s.until(lambda: len(s.letters()) == 2, "letters")


@_scenario("consume_messages")
def worn(s: Scene) -> None:
    """Messages that have come back too often: copies take their places."""
    a = s.creditor("a")
    s.open(a)
    s.place.switch_off("consume_messages")
    requests = [s.ask(0, a, 10) for _ in range(2)]
    channel = s.place.broker.connection.channel()
    for _ in range(11):
        for _ in requests:
            wait_until(lambda: channel.basic_get(QUEUE)[0])
        channel.basic_nack(0, multiple=True, requeue=True)
    channel.close()
    s.place.switch_on("consume_messages")
    for request in requests:
        s.prepared(request)
    for request in requests:
        s.finalize(request, 10)
    for request in requests:
        s.finalized(request)
    s.hear("AccountTransfer", 2, creditor_id=a)


@_scenario("consume_messages")
def repeated(s: Scene) -> None:
    """Transfers are asked for by messages that the broker marks as delivered again."""
    a = s.creditor("a")
    s.open(a)
    s.place.switch_off("consume_messages")
    request = s.ask(0, a, 10)
    channel = s.place.broker.connection.channel()
    wait_until(lambda: channel.basic_get(QUEUE)[0])
    channel.close()
    s.place.switch_on("consume_messages")
    s.finalize(request, 10)
    s.finalized(request)
    s.hear("AccountTransfer", creditor_id=a)


def _age(s: Scene, creditor_id: int, changes: str) -> None:
    """Let an account look as if something were long ago."""
    s.query(
        f"UPDATE account SET {changes}"
        " WHERE debtor_id = %(debtor_id)s AND creditor_id = %(creditor_id)s",
        creditor_id=creditor_id,
    )


def _pass_again(s: Scene, scan: str) -> int:
    """After a crash there may have been one pass more: what that has sent, is sent now. Returns the
    creditor of a new account, which this pass has found as well.
    """
    creditor_id = s.settle()
    s.place.run(scan)
    return creditor_id


@_scenario("scan_accounts --quit-early", "consume_chore_messages")
def chores(s: Scene) -> None:
    """All kinds of chores, and a heartbeat."""
    rate, info, interest, deleted = (s.creditor(n) for n in ("rate", "info", "interest", "deleted"))
    root = {"type": "RootConfigData", "rate": 5.0, "info": {"type": "DebtorInfo", "iri": "x"}}
    s.open(rate, info, interest, deleted, config_data=json.dumps(root))
    s.send(configure(s.debtor_id, deleted, config_flags=1))
    s.hear("AccountUpdate", 2, creditor_id=deleted)
    _age(s, rate, f"interest_rate = 1, last_interest_rate_change_ts = {LONG_AGO}")
    _age(s, info, "debtor_info_iri = 'y'")
    _age(
        s,
        interest,
        f"interest = 50.5, last_interest_capitalization_ts = {LONG_AGO},"
        f" last_heartbeat_ts = {LONG_AGO}, negligible_amount = 0",
    )
    s.place.run("scan_accounts --quit-early")
    s.hear("AccountUpdate", 2, creditor_id=rate)
    s.hear("AccountUpdate", 2, creditor_id=info)
    s.hear("AccountUpdate", 3, creditor_id=deleted)
    s.hear("AccountTransfer", creditor_id=interest)
    new = _pass_again(s, "scan_accounts --quit-early")
    s.hear("AccountUpdate", 2, creditor_id=new)


@_scenario("scan_accounts --quit-early", "flush_messages")
def purges(s: Scene) -> None:
    """An account is purged that was deleted long ago; another one has a heartbeat."""
    old, quiet, changed = s.creditor("old"), s.creditor("quiet"), s.creditor("changed")
    s.open(old, quiet, changed)
    _age(
        s,
        old,
        f"status_flags = 1, config_flags = 1, last_change_ts = {LONG_AGO},"
        " creation_date = '2001-01-01'",
    )
    _age(s, quiet, f"last_heartbeat_ts = {LONG_AGO}")
    _age(
        s, changed, "last_heartbeat_ts = now() - interval '2 hours', pending_account_update = true"
    )
    s.place.run("scan_accounts --quit-early")
    s.hear("AccountPurge", creditor_id=old)
    s.hear("AccountUpdate", 2, creditor_id=quiet)
    s.hear("AccountUpdate", 2, creditor_id=changed)
    _pass_again(s, "scan_accounts --quit-early")


@_scenario("scan_accounts --quit-early")
def foreign_rates(s: Scene) -> None:
    """The scan asks another shard about a debtor, and posts a chore when the answer comes."""
    debtor_id = s.foreign_debtor_id
    a = s.creditor("a", debtor_id)
    s.send(configure(debtor_id, a))
    s.hear("AccountUpdate", creditor_id=a)
    s.query("DELETE FROM root_config WHERE debtor_id = ANY (%(ids)s)")
    s.query(
        f"UPDATE account SET interest_rate = 1, last_interest_rate_change_ts = {LONG_AGO}"
        " WHERE debtor_id = ANY (%(ids)s)"
    )
    s.place.run("scan_accounts --quit-early")
    s.hear("AccountUpdate", 2, creditor_id=a)


@_scenario("scan_prepared_transfers --quit-early", "flush_messages")
def reminders(s: Scene) -> None:
    """A coordinator is reminded of a transfer that it does not finalize."""
    a = s.creditor("a")
    s.open(a)
    s.prepared(s.ask(0, a, 10))
    s.query(
        f"UPDATE prepared_transfer SET prepared_at = {LONG_AGO} WHERE debtor_id = %(debtor_id)s"
    )
    s.place.run("scan_prepared_transfers --quit-early")
    s.hear("PreparedTransfer", 2)


@_scenario("scan_registered_balance_changes --quit-early")
def archive(s: Scene) -> None:
    """What is old leaves the archive, and what is new stays in it."""
    debtor_id = s.foreign_debtor_id
    a = s.creditor("a", debtor_id)
    for change_id in (1, 2):
        s.send(balance_change(debtor_id, a, 0, 7, change_id=change_id, committed_at=_NEW_CHANGE))
    s.hear("AccountTransfer", 2, creditor_id=a)
    s.query(
        "UPDATE registered_balance_change SET committed_at = %(old)s"
        " WHERE debtor_id = ANY (%(ids)s) AND change_id = 1",
        old=_OLD_CHANGE,
    )
    s.place.run("scan_registered_balance_changes --quit-early")


_RETURNED: Final = (
    "returned_message"
    " WHERE (convert_from(body, 'UTF8')::jsonb ->> 'debtor_id')::bigint = %(debtor_id)s"
)


_OBSERVING: Final = {"x-match": "all"}


@contextmanager
def _nobody_listens(s: Scene) -> Iterator[None]:
    """Meanwhile a message to the debtor comes back, and is put aside."""
    s.open()
    channel, queue = s.place.broker.channel, s.place.observer.queue
    channel.queue_unbind(queue, TO_DEBTORS, "#", _OBSERVING)
    try:
        s.send(configure_root(s.debtor_id, config_data="nonsense"))
        s.until(lambda: s.rows(_RETURNED), "a returned message")
        yield
    finally:
        channel.queue_bind(queue, TO_DEBTORS, "#", _OBSERVING)


def _until_no_line_is_left(s: Scene) -> None:
    s.until(lambda: not s.query("SELECT FROM returned_line"), "no line is left")


@_scenario("flush_messages", "returned_messages retry", "returned_messages list")
def returned(s: Scene) -> None:
    """A message that the broker does not take is put aside, and sent again when told."""
    with _nobody_listens(s):
        s.place.run("returned_messages list")
    s.place.run("returned_messages retry")
    s.hear("RejectedConfig")
    _until_no_line_is_left(s)


@_scenario("returned_messages discard --yes", "returned_messages show")
def discarded(s: Scene) -> None:
    """An operator saves what the broker does not take, and deletes it."""
    account = f"--account={s.debtor_id}/0"
    path = s.place.folder / f"discarded_{s.debtor_id}"
    with _nobody_listens(s):
        s.place.run("returned_messages show", account, "--limit=0", codes=(0, 1))
        while s.rows(_RETURNED):
            # a flusher may be sending it
            s.place.run("returned_messages discard --yes", account, f"--save={path}")
    saved = {json.loads(line)["message"]["type"] for line in path.read_text().splitlines()}
    assert saved == {"RejectedConfig"}, "it is deleted, and not saved"
    _until_no_line_is_left(s)


@_scenario("dead_letters replay --yes")
def letters(s: Scene) -> None:
    """Dead letters are sent again; one is for another shard, and one makes no sense."""
    a = s.creditor("a")
    messages = [configure_root(s.debtor_id), configure(s.debtor_id, a)]
    for message in messages:
        key = bits_key(message["debtor_id"], message["creditor_id"])
        properties = pika.BasicProperties(type=message["type"], content_type=CONTENT_TYPE)
        made = dead_letter_properties(properties, key, "the database refuses it: x", "guest")
        s.place.broker.channel.basic_publish(
            "", f"{QUEUE}.XQ", encode(message), made, mandatory=True
        )
    for message in messages:
        s.place.run(
            "dead_letters replay --yes", f"--account={s.debtor_id}/{message['creditor_id']}"
        )
    s.hear("AccountUpdate", creditor_id=0)
    s.hear("AccountUpdate", creditor_id=a)


# A row of an account of the other shard.
_FOREIGN_ROWS: Final = {
    "process_transfer_requests": (
        "INSERT INTO transfer_request (debtor_id, creditor_id, coordinator_type, coordinator_id,"
        " coordinator_request_id, min_locked_amount, max_locked_amount, recipient_creditor_id,"
        " final_interest_rate_ts, deadline)"
        " VALUES (%(debtor_id)s, %(far)s, 'direct', 1, 1, 1, 1, 1, now(), now())"
    ),
    "process_finalization_requests": (
        "INSERT INTO finalization_request (debtor_id, creditor_id, coordinator_type,"
        " coordinator_id, coordinator_request_id, transfer_id, committed_amount, transfer_note,"
        " transfer_note_format) VALUES (%(debtor_id)s, %(far)s, 'direct', 1, 1, 1, 1, '', '')"
    ),
    "process_balance_changes": (
        "INSERT INTO pending_balance_change (debtor_id, creditor_id, other_creditor_id, change_id,"
        " principal_delta, coordinator_type, transfer_note, transfer_note_format, committed_at)"
        " VALUES (%(debtor_id)s, %(far)s, 1, 1, 1, 'direct', '', '', now())"
    ),
    "flush_messages": (
        "INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)"
        " VALUES (%(debtor_id)s, %(far)s, '2024-05-20', now())"
    ),
    "scan_accounts --quit-early": (
        "INSERT INTO account (debtor_id, creditor_id, creation_date, last_change_ts,"
        " last_interest_capitalization_ts, last_transfer_id)"
        " VALUES (%(debtor_id)s, %(far)s, '2024-01-01', now(), now(), 1)"
    ),
    "scan_prepared_transfers --quit-early": (
        "INSERT INTO prepared_transfer SELECT debtor_id, %(far)s, transfer_id, coordinator_type,"
        " coordinator_id, coordinator_request_id, locked_amount, recipient_creditor_id,"
        " prepared_at, demurrage_rate, deadline, final_interest_rate_ts, last_reminder_ts"
        " FROM prepared_transfer WHERE debtor_id = %(debtor_id)s AND creditor_id = 0"
    ),
}


@_scenario(*_FOREIGN_ROWS, is_of_victim=True)
def siblings(s: Scene) -> None:
    """The shard was split: the rows of the sibling are removed when the workers start."""
    a = s.creditor("a")
    s.open(a)
    s.prepared(s.ask(0, a, 10))
    far = s.creditor("far", is_here=False)
    name = s.victim
    if name in SERVICES:
        s.place.switch_off(name)
    s.query(_FOREIGN_ROWS[name], far=far)
    if name in SERVICES:
        s.place.switch_on(name)
    else:
        s.place.run(name)


@_scenario(*SERVICES, is_of_victim=True)
def starting(s: Scene) -> None:
    """A worker starts when there is work for it."""
    a = s.creditor("a")
    s.place.switch_off(s.victim)
    s.send(configure_root(s.debtor_id))
    s.place.switch_on(s.victim)
    s.open(a)
    s.issue(a, 10)


@_scenario(DRAINING)
def draining(s: Scene) -> None:
    """A consumer in draining mode pauses, and goes on."""
    a = s.creditor("a")
    worker = s.place.workers[DRAINING]
    begin = len(worker.log)
    s.place.switch_off("consume_messages")
    s.place.switch_on(DRAINING)
    s.until(lambda: "pausing the consumer" in worker.log[begin:], "a pause")
    s.open(a)
    s.place.switch_off(DRAINING)
    s.place.switch_on("consume_messages")


@_scenario("subscribe", "unsubscribe", "delete_queue", "create_chores_queue")
def topology(s: Scene) -> None:
    """Queues come and go."""
    s.place.run("create_chores_queue")
    assert s.place.broker.exists(OTHER_CHORES_QUEUE)
    queue = f"--queue=other_{s.debtor_id}"
    key = "--queue-routing-key=1.1.1.1.#"
    s.place.run("subscribe", queue, key)
    assert s.place.broker.exists(f"other_{s.debtor_id}")
    s.place.run("unsubscribe", queue, key)
    assert not s.place.broker.exists(OTHER_CHORES_QUEUE)
    s.place.run("delete_queue", queue)
    assert not s.place.broker.exists(f"other_{s.debtor_id}")
    s.open()
