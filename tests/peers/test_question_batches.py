"""Questions about many accounts in one request: nobody gets the answer of another one, or a "no"
that nobody has said.
"""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from agentkit.keys import signed
from swpt_accounts.core.account_lists import (
    ACCOUNTS_COUNT_MAX,
    Account,
    account_list,
    account_path,
    parse_account_list,
    parse_status_lines,
    status_lines,
)
from swpt_accounts.core.ids import MAX_INT64, MIN_INT64
from swpt_accounts.core.realm import Realm
from swpt_accounts.observability.log.throttle import LogThrottle
from swpt_accounts.peers import question_batches
from swpt_accounts.peers.bulkhead import Bulkhead
from swpt_accounts.peers.fetch_client import FetchClient
from swpt_accounts.peers.question_batches import ALONE_SECONDS, Neighbourhoods
from swpt_accounts.peers.reachability_cache import ReachabilityCache
from swpt_accounts.settings import load_settings
from tests.support.realms import find_creditors

DEBTOR_ID = -5
# All of them begin with these bits, and so they are neighbours.
THERE = [(DEBTOR_ID, c) for c in find_creditors("1.0.#", 200, DEBTOR_ID)]
TIMEOUT_SECONDS = "5"

# A status and a body; None: it hangs. It gets the accounts that are asked about.
Shard = Callable[[list[Account]], tuple[int, str] | None]


def is_reachable(account: Account) -> bool:
    """What is true, of every account."""
    return account[1] % 3 == 0


def status_of(account: Account) -> int:
    return 204 if is_reachable(account) else 404


def lines(accounts: list[Account]) -> str:
    return status_lines({account: str(status_of(account)) for account in accounts})


class Asker:
    """Asks, in one event loop after the other, a server that is made of a shard."""

    def __init__(self, shard: Shard, bits_length: int = 2) -> None:
        self.asked: list[list[Account]] = []
        """What each request was about."""
        self.neighbourhoods = Neighbourhoods(bits_length)
        self.cache: ReachabilityCache | None = None
        self._shard = shard

    def ask(self, *accounts: Account) -> list[bool | None]:
        return asyncio.run(self._ask(accounts))

    async def _ask(self, accounts: tuple[Account, ...]) -> list[bool | None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        variables = {
            "FETCH_API_URL": f"http://127.0.0.1:{port}",
            "APP_FETCH_API_TIMEOUT_SECONDS": TIMEOUT_SECONDS,
        }
        client = FetchClient(
            load_settings(variables),
            Bulkhead(100),
            LogThrottle(60.0),
            self.cache,
            self.neighbourhoods,
        )
        try:
            return await asyncio.gather(*(client.is_reachable(*account) for account in accounts))
        finally:
            await client.close()
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                target = urlsplit(head.split()[1].decode())
                _, _, debtor_id, creditor_id, what = target.path.split("/")
                assert what == "reachable"
                others = parse_account_list(target.query.removeprefix("also="))
                asked = [(signed(debtor_id), signed(creditor_id)), *(others or [])]
                self.asked.append(asked)
                answer = self._shard(asked)
                if answer is None:
                    await reader.read()
                    return
                status, body = answer
                length = "" if status == 204 else f"Content-Length: {len(body.encode())}\r\n"
                control = "Cache-Control: private, max-age=86400\r\n"
                writer.write(f"HTTP/1.1 {status} X\r\n{control}{length}\r\n{body}".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def new(asked: list[Account]) -> tuple[int, str]:
    """A shard of this version, with all accounts."""
    return (200, lines(asked)) if len(asked) > 1 else old(asked)


def old(asked: list[Account]) -> tuple[int, str]:
    """A shard of an earlier version, or of the reference: it looks at the path only."""
    return status_of(asked[0]), ""


def check(asker: Asker, accounts: list[Account]) -> None:
    assert asker.ask(*accounts) == [is_reachable(account) for account in accounts]


def test_one_request_for_all() -> None:
    asker = Asker(new)
    check(asker, THERE[:50])
    assert asker.asked == [THERE[:50]]


def test_one_alone_is_asked_as_ever() -> None:
    asker = Asker(new)
    check(asker, THERE[:1])
    check(asker, THERE[1:2] * 5)
    assert asker.asked[:2] == [THERE[:1], THERE[1:2]]


def test_so_many_and_one_more() -> None:
    for count in (ACCOUNTS_COUNT_MAX, ACCOUNTS_COUNT_MAX + 1, 2 * ACCOUNTS_COUNT_MAX + 2):
        asker = Asker(new)
        check(asker, THERE[:count])
        sizes = [len(asked) for asked in asker.asked]
        assert max(sizes) == ACCOUNTS_COUNT_MAX
        assert sum(sizes) == count


def test_longest_question_fits_into_a_line() -> None:
    accounts = [(-1 - n, MIN_INT64 + n) for n in range(ACCOUNTS_COUNT_MAX)]
    first, *others = accounts
    line = f"GET /accounts/{account_path(first)}/reachable?also={account_list(others)} HTTP/1.1\r\n"
    assert len(line) < 4094


def test_shards_are_asked_apart() -> None:
    asker = Asker(new)
    elsewhere = [(DEBTOR_ID, c) for c in find_creditors("1.1.#", 10, DEBTOR_ID)]
    check(asker, [*THERE[:10], *elsewhere])
    assert sorted(map(len, asker.asked)) == [10, 10]
    assert {tuple(asked) for asked in asker.asked} == {tuple(THERE[:10]), tuple(elsewhere)}


def test_of_a_shard_that_was_split_both_halves_are_asked() -> None:
    halves = Realm.parse("1.0.0.#"), Realm.parse("1.0.1.#")

    def half(asked: list[Account]) -> tuple[int, str]:
        (realm,) = (half for half in halves if half.contains(*asked[0]))
        statuses = {a: str(status_of(a) if realm.contains(*a) else 500) for a in asked}
        return (200, status_lines(statuses)) if len(asked) > 1 else old(asked)

    asker = Asker(half)
    check(asker, THERE[:60])
    assert len(asker.asked) == 2
    assert asker.neighbourhoods.batch_count_max == ACCOUNTS_COUNT_MAX


def test_limits_of_ids() -> None:
    ids = (MIN_INT64, MIN_INT64 + 1, -1, 0, 1, MAX_INT64)
    accounts = [(debtor_id, creditor_id) for debtor_id in ids for creditor_id in ids]
    asker = Asker(new, bits_length=0)
    check(asker, accounts)
    assert asker.asked == [accounts]


def test_what_is_known_is_remembered_and_nothing_else() -> None:
    asker = Asker(new)
    asker.cache = ReachabilityCache(3600.0)
    check(asker, THERE[:20])
    check(asker, THERE[:20])
    assert asker.asked[1:] == [[a for a in THERE[:20] if not is_reachable(a)]]


@pytest.mark.parametrize(
    "shard",
    [
        old,
        lambda asked: (200, "") if len(asked) > 1 else old(asked),
        lambda asked: (200, "<html>" * 10) if len(asked) > 1 else old(asked),
        lambda asked: (200, lines(asked) * 1000) if len(asked) > 1 else old(asked),
        lambda asked: (200, lines(asked) + lines(asked[:1])) if len(asked) > 1 else old(asked),
        lambda asked: (200, lines([*asked, (1, 2)])) if len(asked) > 1 else old(asked),
        lambda asked: (200, lines(asked).replace(" ", "\t")) if len(asked) > 1 else old(asked),
        *(
            lambda asked, status=status: (status, "x") if len(asked) > 1 else old(asked)
            for status in (302, 400, 403, 405, 414, 500, 502, 503)
        ),
    ],
)
def test_where_it_is_not_understood_each_is_asked_alone(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(question_batches, "monotonic", lambda: now)
    asker = Asker(shard)
    check(asker, THERE[:10])
    assert sorted(map(len, asker.asked)) == [*[1] * 10, 10]
    assert asker.neighbourhoods.batch_count_max == 1
    asker.asked.clear()
    check(asker, THERE[:10])
    assert sorted(map(len, asker.asked)) == [1] * 10
    now = ALONE_SECONDS + 1
    asker.asked.clear()
    check(asker, THERE[:10])
    assert sorted(map(len, asker.asked)) == [*[1] * 10, 10]


def test_where_the_many_hang_each_is_asked_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question_batches, "BATCH_SECONDS_MAX", 0.2)
    asker = Asker(lambda asked: None if len(asked) > 1 else old(asked))
    check(asker, THERE[:10])
    assert sorted(map(len, asker.asked)) == [*[1] * 10, 10]


def test_no_answer_is_no_no() -> None:
    asker = Asker(lambda _asked: (503, ""))
    assert asker.ask(*THERE[:10]) == [None] * 10
    asker = Asker(lambda asked: (200, status_lines(dict.fromkeys(asked, "503"))))
    assert asker.ask(*THERE[:10]) == [None] * 10


def test_order_does_not_matter() -> None:
    asker = Asker(lambda asked: (200, lines(asked[::-1])))
    check(asker, THERE[:10])
    assert len(asker.asked) == 1


def test_those_about_whom_nothing_is_said_are_asked_again() -> None:
    asker = Asker(lambda asked: (200, lines(asked[1:8])) if len(asked) > 1 else old(asked))
    check(asker, THERE[:20])
    assert [len(asked) for asked in asker.asked][:3] == [20, 13, 6]


@pytest.mark.parametrize(
    "text", ["1/2 204 \n", "01/2 204\n", "1/2 2040\n", "1/2\n", "\n", "1/2 204\n\n", "1/2 999\n"]
)
def test_lines_that_are_none(text: str) -> None:
    assert parse_status_lines(text, [(1, 2)]) is None


def test_lines_are_read_as_they_are_written() -> None:
    statuses = {(DEBTOR_ID, -1): "204", (DEBTOR_ID, MAX_INT64): "404", (0, 0): "500"}
    found = parse_status_lines(status_lines(statuses), statuses)
    assert found == {account: int(status) for account, status in statuses.items()}
