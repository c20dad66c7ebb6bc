"""The fetch API, as proxies and other shards see it."""

import re
import socket
from collections.abc import Iterator

import pytest
import requests

from agentkit.authority import WEBSERVER, Authority
from agentkit.database import dsn_of, execute
from agentkit.messages import configure, configure_root
from agentkit.observer import Observer
from agentkit.waiting import wait_until
from swpt_accounts.core.account_lists import account_list, status_lines
from swpt_accounts.core.realm import Realm

DEBTOR_ID = -2
_ANSWER = re.compile(rb"HTTP.*?(?:\r\nContent-Length: (\d+).*?)?\r\n\r\n(.*)", re.DOTALL)
_DATE = re.compile(rb"\r\nDate: [^\r]*")
CONFIG_DATA = '{"type": "RootConfigData", "rate": 1.5, "x": "Ünïcode ✓"}'
ACCOUNTS = {
    0: configure_root(DEBTOR_ID, config_data=CONFIG_DATA),
    2**32 + 1: configure(DEBTOR_ID, 2**32 + 1),
    -5: configure(DEBTOR_ID, -5),
    2**32 + 2: configure(DEBTOR_ID, 2**32 + 2, config_flags=1),
}


@pytest.fixture(scope="module")
def web(idle_authority: Authority) -> Authority:
    """A web server, and some accounts."""
    idle_authority.start(WEBSERVER, "consume_messages", "flush_messages")
    with Observer(idle_authority.broker_url) as observer:
        for creditor_id, message in ACCOUNTS.items():
            idle_authority.send(message)
            observer.wait_message("AccountUpdate", creditor_id=creditor_id)
    return idle_authority


def get(web: Authority, path: str) -> requests.Response:
    return requests.get(f"{web.web_url}{path}", timeout=30, allow_redirects=False)


def account_path(creditor_id: int, what: str, debtor_id: int = DEBTOR_ID) -> str:
    return f"/accounts/{debtor_id % 2**64}/{creditor_id % 2**64}/{what}"


def may_stay_cached(response: requests.Response) -> bool:
    """Whether a shared cache may use the answer for long (RFC 9111)."""
    control = response.headers.get("Cache-Control", "")
    age = re.search(r"max-age=(\d+)", control)
    is_stored = "no-store" not in control and response.headers.get("Vary") != "*"
    return is_stored and age is not None and int(age[1]) > 5


def test_health(web: Authority) -> None:
    response = get(web, "/accounts/healthz")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/")
    assert response.text


@pytest.mark.parametrize("creditor_id", [0, 2**32 + 1, -5])
def test_reachable(web: Authority, creditor_id: int) -> None:
    response = get(web, account_path(creditor_id, "reachable"))
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["Cache-Control"] == "max-age=86400"


def test_root_account_that_does_not_exist_is_reachable(web: Authority) -> None:
    assert get(web, account_path(0, "reachable", debtor_id=12345)).status_code == 204


@pytest.mark.parametrize("creditor_id", [2**32 + 2, 2**40, -1])
def test_not_reachable(web: Authority, creditor_id: int) -> None:
    response = get(web, account_path(creditor_id, "reachable"))
    assert response.status_code == 404
    assert not may_stay_cached(response)


@pytest.mark.parametrize("creditor_id", list(ACCOUNTS))
def test_config(web: Authority, creditor_id: int) -> None:
    response = get(web, account_path(creditor_id, "config"))
    assert response.status_code == 200
    assert response.content.decode("utf-8") == ACCOUNTS[creditor_id]["config_data"]
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Cache-Control"] == "max-age=86400"


def test_no_config(web: Authority) -> None:
    for path in (account_path(2**40, "config"), account_path(0, "config", debtor_id=12345)):
        response = get(web, path)
        assert response.status_code == 404
        assert not may_stay_cached(response)


def test_deleted_account_has_no_config(web: Authority) -> None:
    creditor_id = 2**32 + 3
    path = account_path(creditor_id, "config")
    web.send(configure(DEBTOR_ID, creditor_id))
    wait_until(lambda: get(web, path).status_code == 200)
    deletion = f"UPDATE account SET status_flags = 1 WHERE creditor_id = {creditor_id}"
    execute(dsn_of(web.database_url), deletion)
    assert get(web, path).status_code == 404


def raw(web: Authority, sock: socket.socket, path: str) -> bytes:
    """An answer, but for its date."""
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = b""
    while not (found := _ANSWER.fullmatch(answer)) or len(found[2]) < int(found[1] or 0):
        answer += sock.recv(65536)
    return _DATE.sub(b"", answer)


def test_kept_connections_get_the_same_answers(web: Authority) -> None:
    """They go another way, from the second question on."""
    paths = [account_path(c, "reachable") for c in (*ACCOUNTS, 2**40, -1, 0, 2**32 + 1)]
    paths += [f"/accounts/{DEBTOR_ID % 2**64}/{text}/reachable" for text in ("007", "-1", 2**64)]
    address = "127.0.0.1", web.port
    with socket.create_connection(address, timeout=30) as kept:
        for path in paths * 2:
            with socket.create_connection(address, timeout=30) as fresh:
                assert raw(web, kept, path) == raw(web, fresh, path)


def test_many_at_once(web: Authority) -> None:
    accounts = {(DEBTOR_ID, c): "404" if c == 2**32 + 2 else "204" for c in ACCOUNTS}
    accounts |= {(d, c): "404" for d in (-(2**63), 2**63 - 1) for c in (-(2**63), 2**63 - 1)}
    accounts |= {(d, 0): "204" for d in (-(2**63), -1, 1, 2**63 - 1)}
    first, *others = accounts
    path = account_path(first[1], "reachable") + f"?also={account_list(others)}"
    response = get(web, path)
    assert (response.status_code, response.text) == (200, status_lines(accounts))
    assert response.headers["Cache-Control"] == "private, max-age=86400"


def test_ids_that_are_not_canonical(web: Authority) -> None:
    root = DEBTOR_ID % 2**64
    for account_id in ("-1", "007", "18446744073709551616", "%EF%BC%91", "1%0A"):
        assert get(web, f"/accounts/{root}/{account_id}/reachable").status_code == 404
        assert get(web, f"/accounts/{account_id}/0/config").status_code == 404


def test_other_paths_and_methods(web: Authority) -> None:
    for path in ("/", "/accounts", "/accounts/1", "/accounts/1/2", "/accounts/1/2/other"):
        assert get(web, path).status_code == 404
    url = web.web_url + account_path(0, "config")
    assert requests.post(url, timeout=30).status_code == 405
    head = requests.head(url, timeout=30)
    assert (head.status_code, head.content) == (200, b"")


def test_headers_do_not_change_the_path(web: Authority) -> None:
    url = web.web_url + account_path(0, "config")
    for name in ("SCRIPT_NAME", "PATH_INFO", "SCRIPT-NAME", "X-Forwarded-Prefix"):
        for value in ("/accounts", "/elsewhere", ""):
            response = requests.get(url, headers={name: value}, timeout=30)
            assert (response.status_code, response.text) == (200, CONFIG_DATA), (name, value)


@pytest.fixture(scope="module")
def shard(web: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """The web server of a shard with half of the accounts."""
    folder = tmp_path_factory.mktemp("shard")
    settings = {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.#"}
    made = Authority(web.database_url, web.broker_url, folder, settings)
    made.start(WEBSERVER)
    yield made
    made.close()


def test_accounts_of_another_shard(shard: Authority) -> None:
    realm = Realm.parse("1.#")
    found = set()
    for creditor_id in (*ACCOUNTS, *range(2**40, 2**40 + 10)):
        is_own = realm.contains(DEBTOR_ID, creditor_id)
        found.add(is_own)
        for what in ("reachable", "config"):
            response = get(shard, account_path(creditor_id, what))
            assert (response.status_code == 500) == (not is_own)
            if not is_own:
                assert not may_stay_cached(response)
    assert found == {True, False}


def test_no_database(web: Authority) -> None:
    """The server tells of an error, not that there is no account; and it recovers."""
    path = account_path(2**32 + 1, "reachable")
    session = requests.Session()
    assert session.get(f"{web.web_url}{path}", timeout=30).status_code == 204
    web.database.cut()
    try:
        assert session.get(f"{web.web_url}{path}", timeout=30).status_code == 503
        for _ in range(20):
            response = get(web, path)
            assert response.status_code == 503
            assert int(response.headers["Retry-After"]) > 0
            assert not may_stay_cached(response)
    finally:
        web.database.restore()
    wait_until(lambda: get(web, path).status_code == 204)
    assert session.get(f"{web.web_url}{path}", timeout=30).status_code == 204
    session.close()
    lines = [line for line in web.log(WEBSERVER).splitlines() if "the database" in line]
    assert len(lines) == 1, lines


def test_who_asks_over_a_kept_connection_hears_of_a_takeover(web: Authority) -> None:
    path, dsn = account_path(2**32 + 1, "reachable"), dsn_of(web.database_url)
    address = "127.0.0.1", web.port
    with socket.create_connection(address, timeout=30) as kept:
        for _ in range(3):
            assert b" 204 " in raw(web, kept, path)
        execute(dsn, "CREATE SCHEMA IF NOT EXISTS swpt_accounts_split")
        execute(dsn, "CREATE TABLE swpt_accounts_split.has_switched ()")
        try:
            for _ in range(3):
                assert b" 503 " in raw(web, kept, path)
        finally:
            execute(dsn, "DROP SCHEMA swpt_accounts_split CASCADE")
        wait_until(lambda: b" 204 " in raw(web, kept, path))


def test_session_that_was_ended_is_replaced_at_once(web: Authority) -> None:
    path = account_path(2**32 + 1, "reachable")
    ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as kept:
        for _ in range(3):
            assert b" 204 " in raw(web, kept, path)
            execute(dsn_of(web.database_url), ending.replace("%s", "'swpt_accounts webserver'"))
            assert b" 204 " in raw(web, kept, path)
