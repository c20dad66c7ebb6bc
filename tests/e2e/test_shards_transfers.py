"""Two shards, each with its own database, on one broker: what goes on between them."""

import itertools
import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import requests

from agentkit.currency import Currency
from agentkit.databases import Databases
from agentkit.fetch_proxy import FetchProxy
from agentkit.keys import bits_key
from agentkit.messages import balance_change, configure, finalize, now_text, prepare
from agentkit.outcomes import assert_sound
from agentkit.received import Received
from agentkit.shards import Shard, start_all
from agentkit.waiting import wait_until
from verification.kit.servers import subscribe

SERVICES = (
    "consume_messages",
    "consume_chore_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
    "scan_accounts",
    "webserver",
)
SETTINGS = {
    "APP_ACCOUNTS_SCAN_HOURS": "0.00005",
    "APP_FETCH_API_TIMEOUT_SECONDS": "2",
    "PROTOCOL_BROKER_PREFETCH_COUNT": "100",
    # otherwise the default user, which tests have, is nobody
    "PROTOCOL_BROKER_SHARD_USERS": "guest",
}
NO_SHARD = "no other shard has sent this PendingBalanceChange: nobody of RabbitMQ answers for it"
_debtor_ids = itertools.count(2**41 + 1)


@pytest.fixture(scope="module")
def proxy() -> Iterator[FetchProxy]:
    made = FetchProxy()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shards(
    databases: Databases,
    broker_url: str,
    proxy: FetchProxy,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[Shard]]:
    folder = tmp_path_factory.mktemp("shards")
    settings = {**SETTINGS, "FETCH_API_URL": proxy.url}
    made = []
    try:
        for bit in "01":
            name, url = f"shard_{bit}", databases.create()
            own = {"SQLALCHEMY_DATABASE_URI": databases.as_runner(url), **settings}
            made.append(Shard(name, f"{bit}.#", url, broker_url, folder / name, own))
            subscribe(made[-1])
        proxy.shards = made
        made[0].observe()
        start_all(made, *SERVICES)
        yield made
    finally:
        for shard in made:
            shard.close()


class ShardedCurrency(Currency):
    """A debtor whose own account is in the first shard."""

    def __init__(self, shards: list[Shard]) -> None:
        self.home, self.abroad = shards
        debtor_id = next(n for n in _debtor_ids if self.home.contains(n, 0))
        super().__init__(self.home, debtor_id)
        self._local_ids = self.home.creditor_ids(debtor_id)
        self._foreign_ids = self.abroad.creditor_ids(debtor_id)

    def shard_of(self, creditor_id: int) -> Shard:
        return self.home if self.home.contains(self.debtor_id, creditor_id) else self.abroad

    def open_home(self, amount: int = 0) -> int:
        """Open an account in the shard of the debtor."""
        return self.open_account(amount, next(self._local_ids))

    def open_abroad(self, amount: int = 0) -> int:
        """Open an account in the other shard."""
        return self.open_account(amount, next(self._foreign_ids))

    def principal(self, creditor_id: int) -> int:
        rows = self.shard_of(creditor_id).query(
            "SELECT principal FROM account WHERE debtor_id = %s AND creditor_id = %s",
            self.debtor_id,
            creditor_id,
        )
        return int(rows[0][0]) if rows else 0

    def change(self, creditor_id: int, changes: str) -> None:
        """Change columns of an account: let time pass for it."""
        self.shard_of(creditor_id).query(
            f"UPDATE account SET {changes} WHERE debtor_id = %s AND creditor_id = %s",
            self.debtor_id,
            creditor_id,
        )


@pytest.fixture
def currency(shards: list[Shard], proxy: FetchProxy) -> Iterator[ShardedCurrency]:
    """A new currency. Whatever the shards send during the test is checked, field by field."""
    proxy.status = None
    proxy.gate.set()
    made = ShardedCurrency(shards)
    since = len(made.observer.messages)
    yield made
    proxy.status = None
    proxy.gate.set()
    made.observer.receive_all()
    assert_sound(made.observer.messages, since)


def root_config(**properties: object) -> str:
    return json.dumps({"type": "RootConfigData", **properties})


def changes_sent(currency: ShardedCurrency, **fields: Any) -> list[Received]:
    """The PendingBalanceChanges between the shards."""
    currency.observer.receive_all()
    return currency.observer.find("PendingBalanceChange", debtor_id=currency.debtor_id, **fields)


# -- transfers ----------------------------------------------------------------


def test_transfers_both_ways(currency: ShardedCurrency) -> None:
    currency.open_root()
    home, abroad = currency.open_home(1000), currency.open_abroad(1000)
    for n in range(1, 6):
        currency.transfer(home, abroad, 100 + n, transfer_note=f"to {n}")
        currency.transfer(abroad, home, 50 + n, transfer_note=f"fro {n}")
    currency.transfer(abroad, 0, 40)
    assert currency.principal(home) == 1000 - 515 + 265
    assert currency.principal(abroad) == 1000 + 515 - 265 - 40
    assert currency.principal(0) == -2000 + 40
    for creditor_id, count in ((home, 11), (abroad, 12)):
        found = currency.transfers(creditor_id, count)
        assert [t["transfer_number"] for t in found] == list(range(1, count + 1))
    # The first amount came to `abroad` from another shard, too; what stays at home does not travel.
    assert len(changes_sent(currency, creditor_id=abroad)) == 1 + 5
    assert len(changes_sent(currency, creditor_id=home)) == 5
    assert len(changes_sent(currency, creditor_id=0)) == 1


def test_balance_change_that_is_delivered_often_is_applied_once(
    currency: ShardedCurrency,
) -> None:
    currency.open_root()
    abroad = currency.open_abroad(500)
    (sent,) = changes_sent(currency)
    assert sent.data["principal_delta"] == 500
    assert sent.properties.type == "PendingBalanceChange"
    for _ in range(5):
        currency.authority.send(sent.data)
    # It is a transfer later: whatever came before has been done by now.
    currency.transfer(0, abroad, 1)
    assert currency.principal(abroad) == 501
    assert len(currency.transfers(abroad, 2)) == 2


def test_recipient_is_asked_for_where_it_is(currency: ShardedCurrency, proxy: FetchProxy) -> None:
    currency.open_root()
    home, abroad = currency.open_home(10), currency.open_abroad(10)
    unknown = next(currency._foreign_ids)
    del proxy.paths[:]
    assert currency.reject(home, unknown, 1)["status_code"] == "RECIPIENT_IS_UNREACHABLE"
    assert proxy.paths == [f"/accounts/{currency.debtor_id}/{unknown}/reachable"]
    closing = currency.open_abroad()
    currency.configure(closing, config_flags=1)
    assert currency.reject(home, closing, 1)["status_code"] == "RECIPIENT_IS_UNREACHABLE"
    # A "yes" is remembered for a minute, and a "no" is not.
    currency.configure(closing, config_flags=0)
    assert currency.prepare(home, closing, 1)
    assert proxy.paths.count(f"/accounts/{currency.debtor_id}/{closing}/reachable") == 2
    del proxy.paths[:]
    assert currency.prepare(home, closing, 1)
    assert currency.prepare(home, abroad, 1)
    # Nobody has to be asked about root accounts, and accounts of the same shard.
    assert currency.prepare(abroad, 0, 1)
    assert currency.prepare(home, currency.open_home(), 1)
    assert proxy.paths == []


def test_money_opens_an_account_in_the_other_shard(currency: ShardedCurrency) -> None:
    """With coordinator type "agent" the recipient is not asked for."""
    currency.open_root()
    home = currency.open_home(100)
    recipient = next(currency._foreign_ids)
    agent = {"coordinator_type": "agent", "coordinator_id": home}
    currency.finalize(currency.prepare(home, recipient, 60, **agent), 60)
    update = currency.wait("AccountUpdate", creditor_id=recipient, principal=60).data
    assert update["last_config_ts"].startswith("1970")
    assert currency.principal(home) == 40


def test_negative_ids(shards: list[Shard]) -> None:
    """Ids are unsigned in paths, and signed in messages."""
    currency = ShardedCurrency(shards)
    currency.debtor_id = next(n for n in itertools.count(-(2**63), 7) if shards[0].contains(n, 0))
    currency.open_root()
    ids = shards[1].creditor_ids(currency.debtor_id, -(2**62))
    first, second = (currency.open_account(100, next(ids)) for _ in range(2))
    currency.transfer(first, second, 30)
    assert (currency.principal(0), currency.principal(second)) == (-200, 130)


# -- currencies ---------------------------------------------------------------


def test_new_account_has_the_rate_of_its_debtor_at_once(
    currency: ShardedCurrency, proxy: FetchProxy
) -> None:
    currency.open_root(config_data=root_config(rate=3.123456789))
    del proxy.paths[:]
    for _ in range(3):
        update = currency.configure(next(currency._foreign_ids))
        assert update["interest_rate"] == 3.123456789
    # The answer is remembered.
    assert proxy.paths.count(f"/accounts/{currency.debtor_id}/0/config") == 1


def test_account_that_a_transfer_opens_has_the_rate_of_its_debtor_at_once(
    currency: ShardedCurrency,
) -> None:
    currency.open_root(config_data=root_config(rate=4.5))
    creditor_id = next(currency._foreign_ids)
    currency.abroad.send(balance_change(currency.debtor_id, creditor_id, 0, 10))
    first = currency.wait("AccountUpdate", creditor_id=creditor_id).data
    assert (first["interest_rate"], first["principal"]) == (4.5, 10)


def test_debtor_who_comes_late_is_noticed_soon(currency: ShardedCurrency) -> None:
    """That there was no such debtor a moment ago is not remembered for long."""
    update = currency.configure(next(currency._foreign_ids))
    assert update["interest_rate"] == 0.0
    currency.open_root(config_data=root_config(rate=2.25))
    creditor_id = update["creditor_id"]
    assert currency.wait("AccountUpdate", creditor_id=creditor_id, interest_rate=2.25)


def test_new_account_gets_its_rate_later_when_nobody_answers(
    currency: ShardedCurrency, proxy: FetchProxy
) -> None:
    abroad = currency.abroad
    # The scan does not know yet that nobody answers: it is not there.
    assert abroad.terminate("scan_accounts")[0] == 0
    info = {"type": "DebtorInfo", "iri": "https://example.com/"}
    currency.open_root(config_data=root_config(rate=-7.5, info=info))
    proxy.status = 503
    update = currency.configure(next(currency._foreign_ids))
    assert update["interest_rate"] == 0.0
    proxy.status = None
    abroad.start("scan_accounts")
    fields = {"creditor_id": update["creditor_id"], "debtor_info_iri": "https://example.com/"}
    assert currency.wait("AccountUpdate", interest_rate=-7.5, **fields)


def test_changed_rate_is_noticed_after_two_hours(currency: ShardedCurrency) -> None:
    currency.open_root(config_data=root_config(rate=5))
    creditor_id = currency.open_abroad()
    currency.open_root(config_data=root_config(rate=6))
    currency.change(creditor_id, "last_interest_rate_change_ts = now() - interval '9 days'")
    assert currency.configure(next(currency._foreign_ids))["interest_rate"] == 5.0
    currency.abroad.query(
        "UPDATE root_config SET fetched_at = now() - interval '2 hours' WHERE debtor_id = %s",
        currency.debtor_id,
    )
    update = currency.wait("AccountUpdate", creditor_id=creditor_id, interest_rate=6.0).data
    assert currency.configure(next(currency._foreign_ids))["interest_rate"] == 6.0
    assert update["last_interest_rate_change_ts"] > "2000"


def test_interest_and_what_is_left_of_an_account_cross_shards(currency: ShardedCurrency) -> None:
    currency.open_root(config_data=root_config(rate=100))
    creditor_id = currency.open_abroad(1000)
    currency.change(
        creditor_id,
        "last_change_ts = last_change_ts - interval '365 days 6 hours',"
        " last_interest_capitalization_ts = now() - interval '20 days'",
    )
    paid = currency.transfers(creditor_id, 2)[1]
    assert (paid["coordinator_type"], paid["acquired_amount"]) == ("interest", 1000)
    wait_until(lambda: currency.principal(0) == -2000)
    currency.configure(creditor_id, config_flags=1, negligible_amount=2000.5)
    left = currency.transfers(creditor_id, 3)[2]
    assert (left["coordinator_type"], left["acquired_amount"]) == ("delete", -2000)
    wait_until(lambda: currency.principal(0) == 0)
    types = [m.data["coordinator_type"] for m in changes_sent(currency, creditor_id=0)]
    assert types == ["interest", "delete"]


# -- accounts of other shards ----------------------------------------------------


def test_fetch_api_knows_its_own_accounts_only(
    currency: ShardedCurrency, proxy: FetchProxy
) -> None:
    currency.open_root(config_data=root_config(rate=1.5))
    home, abroad = currency.open_home(), currency.open_abroad()
    statuses = {"reachable": 204, "config": 200}
    for creditor_id, own, other in (
        (0, currency.home, currency.abroad),
        (home, currency.home, currency.abroad),
        (abroad, currency.abroad, currency.home),
    ):
        for what, status in statuses.items():
            path = f"/accounts/{currency.debtor_id}/{creditor_id}/{what}"
            assert requests.get(own.web_url + path, timeout=30).status_code == status
            assert requests.get(other.web_url + path, timeout=30).status_code == 500
            assert requests.get(proxy.url + path, timeout=30).status_code == status
    path = f"/accounts/{currency.debtor_id}/0/config"
    assert requests.get(proxy.url + path, timeout=30).json()["rate"] == 1.5


def test_message_for_another_shard_is_a_dead_letter(currency: ShardedCurrency) -> None:
    """As if a binding was wrong."""
    currency.open_root()
    creditor_id = currency.open_home(100)
    abroad = currency.abroad
    messages = [
        configure(currency.debtor_id, creditor_id, negligible_amount=77.0),
        prepare(currency.debtor_id, creditor_id, 0, 5),
        finalize({**prepare(currency.debtor_id, creditor_id, 0, 5), "transfer_id": 1}, 5),
        balance_change(currency.debtor_id, creditor_id, 0, 10),
    ]
    # Other currencies have a creditor with this id, too.
    account = {"debtor_id": currency.debtor_id, "creditor_id": creditor_id}
    currency.observer.wait_message("AccountUpdate", **account, principal=100)
    currency.observer.wait_message("AccountTransfer", **account)
    since = len(currency.observer.messages)
    for message in messages:
        abroad.broker.publish(
            "",
            abroad.queue,
            json.dumps(message).encode(),
            type=message["type"],
            content_type="application/json",
            user_id="guest",
        )
    letters = abroad.broker.read_stream(f"{abroad.queue}.XQ", len(messages) - 1)
    wait_until(lambda: abroad.broker.exists(f"{abroad.queue}.money.XQ"))
    letters += abroad.broker.read_stream(f"{abroad.queue}.money.XQ", 1)
    assert [letter.data for letter in letters] == messages
    for letter in letters:
        assert letter.type == letter.data["type"]
        reason = letter.properties.headers["x-rejection-reason"]
        assert "does not belong to this shard, which is 1.#" in reason
    lines = [x for x in abroad.log("consume_messages").splitlines() if "does not belong" in x]
    assert len(lines) == len(messages)
    assert all(" ERROR " in line for line in lines)
    # Those behind them are processed, and nothing is for these.
    currency.open_abroad(1)
    currency.observer.receive_all()
    later = currency.observer.find(None, since, **account)
    # The scan of its own shard may tell the state of the account once more.
    assert {(m.type, m.data.get("negligible_amount")) for m in later} <= {("AccountUpdate", 0.0)}
    assert (
        abroad.query(
            "SELECT 1 FROM account WHERE (debtor_id, creditor_id) = (%s, %s)",
            currency.debtor_id,
            creditor_id,
        )
        == []
    )


# -- nobody answers ----------------------------------------------------------------


def waits(shard: Shard, count: int) -> bool:
    """Whether so many requests wait to be verified."""
    return waiting_count(shard) == count


def waiting_count(shard: Shard) -> int:
    ((count,),) = shard.query(
        "SELECT count(*) FROM unverified_transfer_request WHERE attempts_count > 0"
    )
    return int(count)


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "unwell"])
def test_transfers_wait_for_the_fetch_api(
    currency: ShardedCurrency, proxy: FetchProxy, is_silent: bool
) -> None:
    currency.open_root()
    home, abroad = currency.open_home(1000), currency.open_abroad(1000)
    neighbour = currency.open_home()
    # That it is reachable is not known from before.
    receiver = currency.open_abroad()
    if is_silent:
        proxy.gate.clear()
    else:
        proxy.status = 503
    there = [currency.ask(home, receiver, n) for n in range(1, 21)]
    back = [currency.ask(abroad, home, n) for n in range(1, 21)]
    for shard in (currency.home, currency.abroad):
        wait_until(partial(waits, shard, 20))
    # Local transfers, messages of other kinds, and transfers to the debtor go on.
    currency.transfer(home, neighbour, 100)
    currency.transfer(abroad, 0, 100)
    currency.configure(neighbour, negligible_amount=2.0)
    currency.observer.receive_all()
    for request in there + back:
        names = ("creditor_id", "coordinator_request_id")
        fields = {name: request[name] for name in names}
        assert not currency.observer.find("PreparedTransfer", **fields)
        assert not currency.observer.find("RejectedTransfer", **fields)

    proxy.status = None
    proxy.gate.set()
    for request in there + back:
        currency.finalize(
            currency.answer("PreparedTransfer", request), request["max_locked_amount"]
        )
    currency.observer.wait_for(lambda _: currency.principal(home) == 900)
    currency.observer.wait_for(lambda _: currency.principal(abroad) == 690)
    currency.observer.wait_for(lambda _: currency.principal(receiver) == 210)


def test_transfer_is_given_up_after_two_minutes(
    currency: ShardedCurrency, proxy: FetchProxy
) -> None:
    currency.open_root()
    home, abroad = currency.open_home(100), currency.open_abroad()
    proxy.status = 500
    early, late = currency.ask(home, abroad, 10), currency.ask(home, abroad, 20)
    wait_until(lambda: waiting_count(currency.home) == 2)
    currency.home.query(
        "UPDATE unverified_transfer_request"
        " SET received_at = received_at - interval '2 minutes', next_attempt_at = now()"
        " WHERE coordinator_request_id = %s",
        early["coordinator_request_id"],
    )
    rejected = currency.answer("RejectedTransfer", early)
    assert rejected["status_code"] == "RECIPIENT_IS_UNREACHABLE"
    assert rejected["total_locked_amount"] == 0

    def log() -> str:
        return currency.home.log("process_transfer_requests")

    said = re.compile(
        r"^.* ERROR .*rejected transfers whose recipients could not be verified: 1$", re.M
    )
    wait_until(lambda: said.search(log()))
    assert "answers with status 500" in log()
    proxy.status = None
    assert currency.finalize(currency.answer("PreparedTransfer", late), 20)["status_code"] == "OK"
    currency.observer.wait_for(lambda _: currency.principal(abroad) == 20)


def test_time_in_which_nobody_asked_is_not_counted(
    currency: ShardedCurrency, proxy: FetchProxy
) -> None:
    """After an outage of the whole node, the other shard needs a moment to come back, too."""
    currency.open_root()
    home, abroad = currency.open_home(100), currency.open_abroad()
    proxy.status = 503
    request = currency.ask(home, abroad, 10)
    wait_until(lambda: waits(currency.home, 1))
    currency.home.kill("process_transfer_requests")
    currency.home.query(
        "UPDATE unverified_transfer_request SET attempts_count = 5,"
        " received_at = received_at - interval '1 hour',"
        " next_attempt_at = now() - interval '1 hour'"
    )
    currency.home.start("process_transfer_requests")
    asked_again = "SELECT 1 FROM unverified_transfer_request WHERE attempts_count > 6"
    wait_until(lambda: currency.home.query(asked_again))
    proxy.status = None
    prepared = currency.answer("PreparedTransfer", request)
    assert currency.finalize(prepared, 10)["status_code"] == "OK"


# -- strangers ----------------------------------------------------------------


def refused_changes(shard: Shard) -> list[str]:
    """The reasons for which balance changes were refused."""
    letters = json.loads(shard.run("dead_letters", "list", "--json", "--all").stdout)["letters"]
    return [one["reason"] for one in letters if one["type"] == "PendingBalanceChange"]


def test_balance_change_of_a_stranger_is_refused(currency: ShardedCurrency) -> None:
    """Whoever may write to `accounts_in` makes no money, with whatever headers."""
    currency.open_root()
    creditor_id, shard = currency.open_abroad(500), currency.abroad
    key = bits_key(currency.debtor_id, creditor_id)
    sent = {"x-copied-routing-key": key, "x-copied-user-id": "guest"}
    for n, headers in enumerate(({}, sent, {**sent, "x-replayed-by": "guest"})):
        change = balance_change(
            currency.debtor_id, creditor_id, 0, 10**6, change_id=10**6 + n, committed_at=now_text()
        )
        body = json.dumps(change).encode()
        properties = {"type": change["type"], "content_type": "application/json"}
        shard.broker.publish("accounts_in", key, body, headers=headers, **properties)
        # nor by the name of the queue, if nobody answers for it
        shard.broker.publish("", shard.queue, body, **properties)
    wait_until(lambda: shard.log("consume_messages").count("no other shard has sent this") >= 6)
    assert refused_changes(shard) == [NO_SHARD] * 6
    # what comes from the other shard goes on
    currency.transfer(0, creditor_id, 1)
    assert currency.principal(creditor_id) == 501
    kind = ("--reason", "not from a shard", "--yes")
    answer = shard.run("dead_letters", "replay", *kind).stdout
    assert "Sent 0, skipped 6." in answer
    assert "no other shard has sent it" in answer

    # An operator may say that it is owed, once.
    letters = json.loads(shard.run("dead_letters", "list", "--json").stdout)["letters"]
    again = ("--again", "--offset", letters[-1]["id"], "--yes")
    for _ in range(2):
        assert "Sent 1, skipped 0." in shard.run("dead_letters", "replay", *again).stdout
    currency.transfer(0, creditor_id, 1)
    wait_until(lambda: currency.principal(creditor_id) == 10**6 + 502)
    shard.run("dead_letters", "discard", "--yes")


def test_older_senders_are_taken_for_a_while(currency: ShardedCurrency) -> None:
    """While another shard is upgraded, or moves, its messages come as they always have."""
    currency.open_root()
    creditor_id, shard = currency.open_abroad(500), currency.abroad
    shard.query("INSERT INTO older_senders VALUES ('upgrade', now() + interval '1 hour')")
    status = json.loads(shard.run("status", "--json").stdout)
    (note,) = [one for one in status["findings"] if one["code"] == "older_senders"]
    assert note["severity"] == "note"
    assert "taken from any sender until 20" in note["words"]
    change = balance_change(currency.debtor_id, creditor_id, 0, 7, committed_at=now_text())
    key, body = bits_key(currency.debtor_id, creditor_id), json.dumps(change).encode()
    properties = {"type": change["type"], "content_type": "application/json"}
    for _ in range(2):
        shard.broker.publish("accounts_in", key, body, **properties)
    wait_until(lambda: currency.principal(creditor_id) == 507)

    shard.query("UPDATE older_senders SET taken_until = now()")
    refused_count = shard.log("consume_messages").count(NO_SHARD)
    late = json.dumps({**change, "change_id": 2}).encode()
    shard.broker.publish("accounts_in", key, late, **properties)
    wait_until(lambda: shard.log("consume_messages").count(NO_SHARD) > refused_count)
    assert currency.principal(creditor_id) == 507
    shard.query("DELETE FROM older_senders")
    shard.run("dead_letters", "discard", "--yes")


def test_refused_money_of_a_shard_is_kept_apart(currency: ShardedCurrency) -> None:
    """What strangers send cannot push it out: it has a queue of its own."""
    shard, creditor_id = currency.abroad, next(currency._foreign_ids)
    queue = f"{shard.queue}.money"
    shard.run("dead_letters", "discard", "-q", queue, "--yes")
    shard.send(balance_change(currency.debtor_id, creditor_id, 0, 0))
    wait_until(lambda: f"{queue}.XQ: PendingBalanceChange: `pri" in shard.log("consume_messages"))

    def findings() -> list[str]:
        status = json.loads(shard.run("status", "--json").stdout)
        return [one["words"] for one in status["findings"] if one["code"] == "dead_letters"]

    words = f"1 unhandled dead letter of money between shards (`dead_letters list -q {queue}`)."
    # the broker counts late
    wait_until(lambda: words in findings())
    listed = json.loads(shard.run("dead_letters", "list", "-q", queue, "--json").stdout)
    (letter,) = listed["letters"]
    assert letter["type"] == "PendingBalanceChange"
    assert "`principal_delta` is zero" in letter["reason"]
    shard.run("dead_letters", "discard", "-q", queue, "--yes")
    assert words not in findings()
