"""The pages without a browser: what is on them, and what is said when there is nothing."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy.engine import make_url

from agentkit.authority import Authority
from swpt_accounts.console.context import console_of
from swpt_accounts.db.queries import read_queries
from tests.console.web import ACTIONS_TOKEN, TOKEN
from verification.kit.rows import CHANGING_TABLES

DEBTOR, CREDITOR = -5, 2**33
PAGES = (
    "/",
    "/last-hour",
    "/currencies",
    f"/debtor/{DEBTOR}",
    f"/account/{DEBTOR}/0",
    f"/account/{DEBTOR}/{CREDITOR}",
    f"/account/{DEBTOR}/{CREDITOR}/journal",
    f"/account/{DEBTOR}/{CREDITOR}/statement",
    f"/transfer/{DEBTOR}/{CREDITOR}/77",
    f"/request/direct/{CREDITOR}/9",
    "/scans",
    "/shard",
    "/settings",
    "/search",
)


@pytest.fixture
def empty(idle_authority: Authority) -> Iterator[Authority]:
    """An authority without any account."""
    clear(idle_authority)
    yield idle_authority
    clear(idle_authority)


def clear(authority: Authority) -> None:
    authority.query(f"TRUNCATE {', '.join(CHANGING_TABLES)}, scan_pass")


@pytest.fixture
def accounts(empty: Authority) -> Authority:
    """A currency with two creditors, and a prepared transfer."""
    for creditor_id, principal in ((0, -1100), (CREDITOR, 1000), (CREDITOR + 1, 100)):
        ids = [DEBTOR, creditor_id]
        empty.query("INSERT INTO account_key VALUES (%s, %s)", *ids)
        empty.query(
            "INSERT INTO account (debtor_id, creditor_id, creation_date, last_change_ts,"
            " last_interest_capitalization_ts, last_transfer_id, principal)"
            " VALUES (%s, %s, '2026-01-01', now(), now(), 76, %s)",
            *ids,
            principal,
        )
    empty.query(
        "INSERT INTO root_config VALUES (%s, 2.5, 'https://x.example/', NULL, NULL)", DEBTOR
    )
    empty.query(
        "INSERT INTO prepared_transfer VALUES (%s, %s, 77, 'direct', %s, 9, 40, %s, now(), -50,"
        " now() + interval '9 days', now(), NULL)",
        *(DEBTOR, CREDITOR, CREDITOR, CREDITOR + 1),
    )
    empty.query(
        "UPDATE account SET total_locked_amount = 40, pending_transfers_count = 1"
        " WHERE creditor_id = %s",
        CREDITOR,
    )
    return empty


def text_of(client: FlaskClient, path: str, code: int = 200) -> str:
    """The words of a page, with the commas of numbers taken out."""
    answer = client.get(path)
    assert answer.status_code == code, answer.text[answer.text.index("<main") :]
    text = " ".join(re.sub("<[^>]*>", " ", answer.text).split())
    return re.sub(r"(?<=[0-9]),(?=[0-9])", "", text)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_there(client: FlaskClient, empty: Authority, path: str) -> None:
    text = text_of(client, path)
    assert "Accounts" in text
    assert "None" not in text


@pytest.mark.parametrize("path", PAGES)
def test_there_are_accounts(client: FlaskClient, accounts: Authority, path: str) -> None:
    assert "Accounts" in text_of(client, path)


def test_a_currency(client: FlaskClient, accounts: Authority) -> None:
    assert f"{DEBTOR}" in text_of(client, "/currencies")
    text = text_of(client, f"/debtor/{DEBTOR}")
    assert "Issued 1100" in text
    assert "2.5 %" in text
    assert "Accounts 3" in text
    assert "Principals 1100" in text
    assert "Locked 40 in 1 prepared transfer" in text
    assert text.index(f"{DEBTOR}/{CREDITOR} 1000") < text.index(f"{DEBTOR}/{CREDITOR + 1} 100")


def test_an_account(client: FlaskClient, accounts: Authority) -> None:
    text = text_of(client, f"/account/{DEBTOR}/{CREDITOR}")
    assert "Principal 1000" in text
    assert "Locked 40" in text
    assert "Available 960" in text
    assert "unsigned 18446744073709551611" in text
    assert f"77 direct {CREDITOR} , request 9 40" in text
    assert "This account does not exist" in text_of(client, f"/account/{DEBTOR}/3")


def test_a_transfer(client: FlaskClient, accounts: Authority) -> None:
    for path in (f"/transfer/{DEBTOR}/{CREDITOR}/77", f"/request/direct/{CREDITOR}/9"):
        text = text_of(client, path)
        assert "prepared" in text
        assert "Waiting: " in text
    assert "No trace of it was found" in text_of(client, f"/transfer/{DEBTOR}/{CREDITOR}/1")


@pytest.mark.parametrize(
    ("pasted", "path"),
    [
        ("-5", f"/debtor/{DEBTOR}"),
        ("18446744073709551611", f"/debtor/{DEBTOR}"),
        ("0xFFFFFFFFFFFFFFFB", f"/debtor/{DEBTOR}"),
        ("ff.ff.ff.ff.ff.ff.ff.fb", f"/debtor/{DEBTOR}"),
        ("swpt:18446744073709551611", f"/debtor/{DEBTOR}"),
        (f"swpt:18446744073709551611/{CREDITOR}", f"/account/{DEBTOR}/{CREDITOR}"),
        (f" ( -5, {CREDITOR} ) ", f"/account/{DEBTOR}/{CREDITOR}"),
        (f"https://a.example/creditors/{CREDITOR}/accounts/4/", f"/account/4/{CREDITOR}"),
        (f"-5/{CREDITOR}/77", f"/transfer/{DEBTOR}/{CREDITOR}/77"),
        (f"direct {CREDITOR} 9", f"/request/direct/{CREDITOR}/9"),
    ],
)
def test_search_leads_to(client: FlaskClient, accounts: Authority, pasted: str, path: str) -> None:
    answer = client.get("/search", query_string={"q": pasted})
    assert (answer.status_code, answer.headers["Location"]) == (303, path)


def test_search_for_a_creditor(client: FlaskClient, accounts: Authority) -> None:
    assert f"{DEBTOR}/{CREDITOR}" in text_of(client, f"/search?q={CREDITOR}")
    assert "No account of this shard" in text_of(client, "/search?q=99", 404)


@pytest.mark.parametrize("pasted", ["x", "9" * 400, "<script>", "1/2/3/4", "\0", "%", "0x"])
def test_search_for_nothing_of_the_kind(client: FlaskClient, pasted: str) -> None:
    answer = client.get("/search", query_string={"q": pasted})
    assert answer.status_code == 404
    assert "No id was found in" in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/debtor/x",
        "/debtor/+1",
        "/debtor/01",
        f"/debtor/{2**63}",
        f"/account/1/{'9' * 5000}",
        "/account/1",
        "/account/1/2/../3",
        "/static/../application.py",
        "/static/%2e%2e/application.py",
        "/static/..%2fapplication.py",
        "/transfer/1/2/x",
        "/request/%0d%0aX/1/2",
        "/account/1/2/journal?after=x",
        "/account/1/2/journal?after=2026-01-01_1",
        "/dead-letters?before=-1",
        "/dead-letters/99999999999999999999999",
    ],
)
def test_no_such_page(client: FlaskClient, path: str) -> None:
    assert "This page does not exist" in text_of(client, path, 404)


@pytest.mark.parametrize(
    "days", ["since=x", "since=2026-13-01", "since=0001-01-01", "until=1999-01-01"]
)
def test_days_that_are_none(client: FlaskClient, days: str) -> None:
    assert "Bad Request" in text_of(client, f"/account/1/2/statement?{days}", 400)


def test_secrets_are_not_shown(client: FlaskClient, console_environment: dict[str, str]) -> None:
    text = client.get("/settings").text
    for name in ("POSTGRES_URL", "PROTOCOL_BROKER_URL", "CONSOLE_ACTIONS_POSTGRES_URL"):
        password = console_environment[name].partition("@")[0].rpartition(":")[2]
        assert password not in text
    assert TOKEN not in text
    assert ACTIONS_TOKEN not in text
    assert "set (hidden)" in text


def test_every_statement_can_only_read(
    client: FlaskClient, accounts: Authority, console_environment: dict[str, str]
) -> None:
    """The role has no other rights, and its sessions say so, too."""
    statements: Any = read_queries("console/console.sql")
    assert len(statements) > 10
    for text in statements.values():
        assert re.match(r"(--.*\n)*(SELECT|WITH)\b", text)
    with console_of(client.application).database.snapshot() as snapshot:
        (found,) = snapshot.connection.raw.execute("SHOW transaction_read_only").fetchone() or ()
        (timeout,) = snapshot.connection.raw.execute("SHOW statement_timeout").fetchone() or ()
        server = snapshot.row("server")
    assert (found, timeout, server.may_write) == ("on", "5s", False)


def test_a_table_is_locked(client: FlaskClient, accounts: Authority) -> None:
    """It is said, soon, and nobody waits behind it."""
    with psycopg.connect(accounts.database.dsn) as owner:
        owner.execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
        assert "The query timed out" in text_of(client, f"/debtor/{DEBTOR}", 503)
    assert "Issued 1100" in text_of(client, f"/debtor/{DEBTOR}")


def test_the_database_is_away(client: FlaskClient, accounts: Authority) -> None:
    assert "Issued" in text_of(client, f"/debtor/{DEBTOR}")
    accounts.database.cut()
    try:
        for path in ("/", f"/debtor/{DEBTOR}", "/scans"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "5"
            assert "The database is unreachable" in answer.text
        assert "Settings" in text_of(client, "/settings")
    finally:
        accounts.database.restore()


def test_how_far_the_scans_are(client: FlaskClient, empty: Authority) -> None:
    assert text_of(client, "/scans").count("No pass has started yet.") == 3
    empty.query(
        "INSERT INTO scan_pass VALUES ('scan_accounts', now(), now(), 1234, 5000, 60, 7.5, NULL)"
    )
    empty.query(
        "INSERT INTO scan_pass VALUES"
        " ('scan_prepared_transfers', now(), now(), 0, 0, 60, 0, '2026-01-02 03:04:05Z')"
    )
    text = text_of(client, "/scans")
    assert "1234 of 5000 pages visited." in text
    assert "7.5 s behind schedule" in text
    assert "No pass is complete yet." in text
    assert "The last complete pass ended at 2026-01-02 03:04:05" in text
    assert text.count("No pass has started yet.") == 1


def test_a_right_is_missing(
    client: FlaskClient,
    accounts: Authority,
    as_owner: Callable[[str], None],
    console_environment: dict[str, str],
) -> None:
    role = make_url(console_environment["POSTGRES_URL"]).username
    as_owner(f'REVOKE SELECT ON root_config FROM "{role}"')
    try:
        text = text_of(client, f"/debtor/{DEBTOR}", 503)
        assert "permission denied for table root_config" in text
        assert "POSTGRES_READING_ROLE" in text
    finally:
        as_owner(f'GRANT SELECT ON root_config TO "{role}"')
