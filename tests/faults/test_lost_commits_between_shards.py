"""One of two shards is restored without its last commits: money between them is lost, or doubled.

How it is found, and what mends it: docs/how-to/prove-a-backup.md.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from agentkit.currency import SECONDS_MAX
from agentkit.databases import Databases
from agentkit.fetch_proxy import FetchProxy
from agentkit.processes import ROOT
from agentkit.shards import Shard, start_all
from agentkit.waiting import wait_until
from tests.e2e.test_shards_transfers import SERVICES, SETTINGS, ShardedCurrency
from tests.faults.test_lost_commits import call
from tests.support.archived import SMALL_SEGMENTS, ArchivedServer, archived_server
from verification.kit.servers import subscribe

PAGE = ROOT / "docs" / "how-to" / "prove-a-backup.md"


class Two:
    """A shard on the test server, and one on a server of its own, which loses its last commits."""

    def __init__(self, server: ArchivedServer, shards: list[Shard], folder: Path) -> None:
        self.server, self.shards, self.folder = server, shards, folder
        self.kept, self.restored = shards
        self.currency = ShardedCurrency(shards)
        self.currency.open_root()
        self.at_kept = self.currency.open_home(1000)
        self.at_restored = self.currency.open_abroad(1000)
        self._round = 0
        assert server.begin_backup(server.backup, "-c", "fast").wait(SECONDS_MAX) == 0
        self.kept_until = server.now()

    def lose_and_restore(self) -> None:
        """All that has happened since the backup is lost in one shard; then all are at work."""
        self.server.archive_now()
        self.server.lose()
        for shard in self.shards:
            shard.stop()
        lost_at = datetime.now().astimezone()
        self.server.restore(self.kept_until)
        told = call(self.restored, "mend_gap", "--told-until", lost_at.isoformat(), "--mend")
        assert told.returncode == 0, told.stdout
        start_all(self.shards, *SERVICES)

    def add_up(self) -> tuple[int, str]:
        """The exit code of `add_up_books` after two rounds, and what is told of the currency."""
        paths = []
        for _ in range(2):
            for shard in self.shards:
                self._round += 1
                paths.append(str(self.folder / f"{self._round}.json"))
                result = call(shard, "verify_books", "--quiet", "--export", paths[-1])
                assert (result.returncode, result.stdout) == (0, "")
        result = call(self.kept, "add_up_books", *paths)
        debtor_id = str(self.currency.debtor_id)
        lines = [line for line in result.stdout.splitlines() if debtor_id in line]
        return result.returncode, "".join(lines)

    def wait_told(self, code: int, text: str) -> None:
        def is_told() -> bool:
            found = self.add_up()
            return found[0] == code and text in found[1]

        wait_until(is_told, 90, f"add_up_books: {code}, {text!r}")


@pytest.fixture
def two(databases: Databases, broker_url: str, tmp_path: Path) -> Iterator[Two]:
    proxy = FetchProxy()
    settings = {**SETTINGS, "FETCH_API_URL": proxy.url, "JOURNAL_DAYS": "2"}
    shards: list[Shard] = []
    with archived_server(SMALL_SEGMENTS) as server:
        try:
            for bit, place in zip("01", (databases, Databases(server.url)), strict=True):
                name = f"gap_{bit}"
                url = place.create()
                shards.append(Shard(name, f"{bit}.#", url, broker_url, tmp_path / name, settings))
                subscribe(shards[-1])
            proxy.shards = shards
            shards[0].observe()
            start_all(shards, *SERVICES)
            yield Two(server, shards, tmp_path)
        finally:
            for shard in shards:
                shard.close()
            proxy.close()


def test_recipient_is_restored(two: Two) -> None:
    """Its sender was debited; the journal of the sender's shard has the message."""
    two.currency.transfer(two.at_kept, two.at_restored, 30)
    two.lose_and_restore()
    assert two.currency.principal(two.at_restored) == 1000
    two.wait_told(1, "30 units missing")
    since = two.kept_until.isoformat()
    for _ in range(2):
        words = ("resend", "--type", "PendingBalanceChange", "--since", since, "--send")
        sent = call(two.kept, *words)
        assert sent.returncode == 0, sent.stdout
        assert "1  PendingBalanceChange" in sent.stdout
        wait_until(lambda: two.currency.principal(two.at_restored) == 1030, SECONDS_MAX)
    two.wait_told(0, "")
    assert two.currency.principal(two.at_restored) == 1030


def test_sender_is_restored(two: Two) -> None:
    """It has the amount again, and so has the recipient: it is found, and not mended."""
    two.currency.transfer(two.at_restored, two.at_kept, 40)
    two.lose_and_restore()
    principals = [two.currency.principal(c) for c in (two.at_restored, two.at_kept)]
    assert principals == [1000, 1040]
    two.wait_told(1, "40 units")
    # The journal of the other shard names it, by the statement of the page.
    (statement,) = re.findall(r"```sql\n(SELECT j\..*?)\n```", PAGE.read_text(), re.DOTALL)
    asked = re.sub("'2026-[^']*'", f"'{two.kept_until.isoformat()}'", statement)
    found = two.kept.query(asked.rstrip(";"))
    names = (two.currency.debtor_id, two.at_restored, two.at_kept, 40)
    assert [row[1:] for row in found] == [tuple(map(str, names))]
