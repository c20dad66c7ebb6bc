"""The server is lost under load, and its database restored without its last commits.

What the peers were told in the gap, and what becomes of it: docs/how-to/prove-a-backup.md.
"""

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from agentkit.authority import Authority
from agentkit.currency import SECONDS_MAX, Currency
from agentkit.databases import Databases
from agentkit.messages import Message, finalize
from agentkit.outcomes import assert_sound
from agentkit.processes import run
from agentkit.received import Received
from agentkit.waiting import wait_until
from swpt_accounts.db.backlog import OUTBOXES
from tests.support.archived import SMALL_SEGMENTS, ArchivedServer, archived_server
from verification.kit.servers import subscribe

TRANSFERS_DURING_BACKUP_MIN = 10


def call(authority: Authority, *arguments: str) -> CompletedProcess[str]:
    """Run a command to its end, without Flask. Its output is in `stdout`."""
    return run([sys.executable, "-m", "swpt_accounts", *arguments], authority.environment)


def assert_books_are_right(authority: Authority) -> None:
    result = call(authority, "verify_books", "--quiet")
    assert (result.returncode, result.stdout) == (0, "")


class Owner:
    """What the owner of an account knows of it, who follows the protocol to the letter."""

    def __init__(self, debtor_id: int, creditor_id: int) -> None:
        self.fields = {"debtor_id": debtor_id, "creditor_id": creditor_id}
        self.numbers: set[tuple[str, int]] = set()
        self.update: Message = {}
        self.ignored: list[Message] = []

    def learn(self, messages: Iterable[Received]) -> None:
        for message in messages:
            if message.matches("AccountUpdate", self.fields):
                self._learn_update(message.data)
            elif message.matches("AccountTransfer", self.fields):
                data = message.data
                number = (data["creation_date"], data["transfer_number"])
                if number in self.numbers:
                    self.ignored.append(data)
                self.numbers.add(number)

    def _learn_update(self, data: Message) -> None:
        if not self.update or self._place(data) > self._place(self.update):
            self.update = data
        elif self._place(data) < self._place(self.update):
            self.ignored.append(data)

    @staticmethod
    def _place(update: Message) -> tuple[str, datetime, int]:
        """(A seqnum does not wrap in a test.)"""
        moment = datetime.fromisoformat(update["last_change_ts"])
        return update["creation_date"], moment, update["last_change_seqnum"]

    @property
    def last_number(self) -> int:
        return max((number for _, number in self.numbers), default=0)


class Story:
    """A currency that is backed up while money moves, loses its database, and gets it back."""

    def __init__(self, server: ArchivedServer, authority: Authority) -> None:
        self.server, self.authority = server, authority
        self.currency = Currency(authority)
        self.observer = self.currency.observer
        self.currency.open_root()
        self.payer = self.currency.open_account(1000)
        self.payee = self.currency.open_account(1000)
        self.quiet = self.currency.open_account(100)
        self._back_up()
        # Until here all is kept.
        self.decided = self.currency.prepare(self.payer, self.payee, 50)
        self._wait_told()
        self.principals = self.now_on_accounts()
        self.kept_until = server.now()

    def now_on_accounts(self) -> dict[int, int]:
        accounts = (0, self.payer, self.payee, self.quiet)
        return {creditor_id: self.currency.principal(creditor_id) for creditor_id in accounts}

    def _back_up(self) -> None:
        backup = self.server.begin_backup(self.server.backup, "-c", "fast")
        count = 0
        while backup.poll() is None or count < TRANSFERS_DURING_BACKUP_MIN:
            self.currency.transfer(self.payer, self.payee, 1)
            count += 1
        assert backup.returncode == 0

    def _wait_told(self) -> None:
        """Wait until nothing is in the outboxes."""
        left = " UNION ALL ".join(f"SELECT FROM {name}" for name in OUTBOXES)
        wait_until(lambda: self.authority.query(left) == [], SECONDS_MAX)
        self.observer.receive_all()

    def wait_principal(self, creditor_id: int, amount: int) -> None:
        wait_until(lambda: self.currency.principal(creditor_id) == amount, SECONDS_MAX)

    def happens_in_the_gap(self) -> None:
        """What will be lost, and is told to peers."""
        assert self.currency.finalize(self.decided, 50)["status_code"] == "OK"
        self.wait_principal(self.payee, self.principals[self.payee] + 50)
        for _ in range(3):
            self.currency.transfer(self.payer, self.payee, 7)
        self.undecided = self.currency.prepare(self.payer, self.payee, 30)
        self.currency.configure(self.quiet, config_flags=1 << 16)
        self.opened = self.currency.open_account(11)
        self.currency.transfers(self.opened, 1)
        self._wait_told()

    def is_lost(self) -> None:
        self.server.lose()
        # RabbitMQ delivers it again: it is not acknowledged before its effect is committed.
        self.waiting = self.currency.ask(self.payer, self.payee, 9)
        self.authority.stop()
        self.observer.receive_all()
        self.told = list(self.observer.messages)
        self.lost_at = datetime.now().astimezone()
        self.owners = {
            creditor_id: Owner(self.currency.debtor_id, creditor_id)
            for creditor_id in (0, self.payer, self.payee, self.quiet, self.opened)
        }
        for owner in self.owners.values():
            owner.learn(self.told)
            assert owner.ignored == []

    def mend(self, *options: str) -> str:
        moment = self.lost_at.isoformat()
        result = call(self.authority, "mend_gap", "--told-until", moment, *options)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def learn(self) -> list[Received]:
        """Let the owners learn what is new. Returns it."""
        self._wait_told()
        new = self.observer.messages[len(self.told) :]
        for owner in self.owners.values():
            owner.learn(new)
        return new


@pytest.fixture
def story(request: pytest.FixtureRequest, broker_url: str, tmp_path: Path) -> Iterator[Story]:
    """Restored to a moment before the end of the archive, or to its end; nothing is started."""
    with archived_server(SMALL_SEGMENTS) as server:
        authority = Authority(Databases(server.url).create(), broker_url, tmp_path)
        try:
            subscribe(authority)
            authority.observe()
            authority.start()
            made = Story(server, authority)
            if request.param == "end":
                server.archive_now()
            made.happens_in_the_gap()
            if request.param == "moment":
                server.archive_now()
            made.is_lost()
            server.restore(made.kept_until if request.param == "moment" else None)
            yield made
        finally:
            authority.close()


@pytest.mark.parametrize("story", ["moment"], indirect=True)
def test_peers_of_a_mended_database_ignore_nothing(story: Story) -> None:
    currency, payer, payee = story.currency, story.payer, story.payee
    assert_books_are_right(story.authority)
    assert story.now_on_accounts() == story.principals

    # As it is, numbers would be given out again, and the quiet account's updates be ignored.
    ((number, transfer_id),) = story.authority.query(
        "SELECT last_transfer_number, last_transfer_id FROM account WHERE creditor_id = %s", payer
    )
    assert number < story.owners[payer].last_number
    assert transfer_id < story.undecided["transfer_id"]
    ((changed_at,),) = story.authority.query(
        "SELECT last_change_ts FROM account WHERE creditor_id = %s", story.quiet
    )
    assert changed_at < datetime.fromisoformat(story.owners[story.quiet].update["last_change_ts"])

    # A clock that is behind would give moments out again.
    refused = call(story.authority, "mend_gap", "--told-until", "2099-01-01", "--mend")
    assert refused.returncode == 1
    assert "which is not after --told-until" in refused.stdout
    assert story.mend().startswith("4 accounts may be behind the numbers sent until 20")
    assert story.mend("--mend").startswith("Advanced 4 accounts past the numbers sent until 20")
    assert story.mend("--mend").startswith("No accounts to advance")
    assert_books_are_right(story.authority)
    story.authority.start()

    # A transfer that was committed in the gap is prepared again: its commit may come again.
    currency.send(finalize(story.decided, 50))
    # One that was prepared in the gap is not known: its commit has no effect, and no answer.
    currency.send(finalize(story.undecided, 30))
    story.observer.wait_message(
        "FinalizedTransfer",
        since=len(story.told),
        seconds_max=SECONDS_MAX,
        transfer_id=story.decided["transfer_id"],
        committed_amount=50,
    )
    story.wait_principal(payee, story.principals[payee] + 50)
    for amount in (3, 4):
        currency.transfer(payer, payee, amount)
    waiting = currency.answer("PreparedTransfer", story.waiting)
    currency.send(finalize(waiting, 0))
    # The coordinator asks once more, under the same number.
    asked = next(
        m
        for m in currency.sent
        if m.get("coordinator_request_id") == story.undecided["coordinator_request_id"]
    )
    currency.send(asked)
    again = story.observer.wait_message(
        "PreparedTransfer",
        since=len(story.told),
        seconds_max=SECONDS_MAX,
        coordinator_request_id=asked["coordinator_request_id"],
    ).data
    currency.send(finalize(again, 0))
    wait_until(
        lambda: story.authority.query("SELECT count(*) FROM prepared_transfer") == [(0,)],
        SECONDS_MAX,
    )

    new = story.learn()
    told_ids = {m.data["transfer_id"] for m in story.told if m.type == "PreparedTransfer"}
    new_ids = [m.data["transfer_id"] for m in new if m.type == "PreparedTransfer"]
    assert len(new_ids) == 4
    assert not told_ids.intersection(new_ids)
    finalized = [m.data["transfer_id"] for m in new if m.type == "FinalizedTransfer"]
    assert sorted(finalized) == sorted([story.decided["transfer_id"], *new_ids])
    for creditor_id in (0, payer, payee, story.quiet):
        owner = story.owners[creditor_id]
        assert owner.ignored == []
    assert story.owners[payer].last_number > number + 10**6
    assert story.owners[0].update["principal"] == story.principals[0]
    quiet = story.owners[story.quiet].update
    assert quiet["principal"] == story.principals[story.quiet]
    # its owner sees that the configuration is not what it was
    assert quiet["config_flags"] == 0
    assert story.now_on_accounts() == {
        **story.principals,
        payer: story.principals[payer] - 57,
        payee: story.principals[payee] + 57,
    }
    assert_sound([m for m in new if m.type not in ("AccountTransfer", "PendingBalanceChange")])
    assert_books_are_right(story.authority)


@pytest.mark.parametrize("story", ["end"], indirect=True)
def test_account_that_was_opened_in_the_gap(story: Story) -> None:
    """On the same day it is the same account to its owner, who knows of its first transfer."""
    currency = story.currency
    story.mend("--mend")
    story.authority.start()
    owner = story.owners[story.opened]
    assert owner.last_number == 1
    currency.configure(story.opened)
    assert story.mend().startswith("1 account may be behind")
    story.mend("--mend")
    assert story.mend("--mend").startswith("No accounts to advance")
    currency.transfer(0, story.opened, 22)
    story.learn()
    assert owner.ignored == []
    assert owner.last_number > 10**6
    assert_books_are_right(story.authority)


@pytest.mark.parametrize("story", ["moment"], indirect=True)
def test_without_the_mending_a_transfer_is_ignored(story: Story) -> None:
    """The owner has this number: what the test above would find."""
    story.authority.start()
    story.currency.transfer(story.payer, story.payee, 3)
    story.learn()
    ignored = [m for m in story.owners[story.payee].ignored if "transfer_number" in m]
    assert [m["acquired_amount"] for m in ignored] == [3]
