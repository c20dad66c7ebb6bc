"""`verify_books` and `add_up_books`, whole: what they write, and their exit codes."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from agentkit.authority import Authority
from agentkit.database import dsn_of, execute
from agentkit.processes import ROOT
from agentkit.waiting import wait_until
from swpt_accounts.audit.checks import CHECKS, RETURNED_MESSAGE

COMMAND = [sys.executable, "-m", "swpt_accounts"]
CODES = [RETURNED_MESSAGE, *(check.code for check in CHECKS)]
DEBTOR = 2**41 + 1
# 5 are missing; and there is a warning.
BREAK = f"""
INSERT INTO account_key VALUES ({DEBTOR}, 0), ({DEBTOR}, 7), (3, 0);
INSERT INTO root_config (debtor_id, interest_rate) VALUES ({DEBTOR}, 0), (3, 0);
INSERT INTO account (
    debtor_id, creditor_id, creation_date, last_change_ts, principal, status_flags,
    last_interest_capitalization_ts, last_transfer_id
)
SELECT
    debtor_id, creditor_id, '2024-05-20', '2024-05-20', p, f, '2024-05-20',
    (date '2024-05-20' - date '1970-01-01')::bigint << 40
FROM (VALUES ({DEBTOR}, 0, -100, 0), ({DEBTOR}, 7, 95, 0), (3, 0, 0, 2))
    AS a (debtor_id, creditor_id, p, f)
"""
TABLES = "account, account_key, root_config"


@pytest.fixture
def environment(idle_authority: Authority) -> dict[str, str]:
    idle_authority.query(f"TRUNCATE {TABLES}")
    return idle_authority.environment


def call(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run a command. Returns its exit code, and what it writes to both outputs."""
    result = subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return result.returncode, result.stdout, result.stderr


def test_books_that_are_right(environment: dict[str, str]) -> None:
    code, output, progress = call(environment, "verify_books")
    assert code == 0
    assert output.startswith("the books are correct (realm #, snapshot of 20")
    told = [line.partition(" [books_check_over]: ")[2] for line in progress.splitlines()]
    assert [line.partition(":")[0] for line in told] == CODES
    assert all(": 0 findings, 0." in line for line in told)
    assert call(environment, "verify_books", "--quiet") == (0, "", "")


def test_json_has_its_documented_shape(
    environment: dict[str, str], idle_authority: Authority
) -> None:
    idle_authority.query(BREAK)
    code, output, progress = call(environment, "verify_books", "--json")
    assert (code, progress) == (1, "")
    report: dict[str, Any] = json.loads(output)
    assert report.pop("seconds") > 0
    assert report.pop("taken_at").endswith("+00:00")
    checks = report.pop("checks")
    assert [check["code"] for check in checks] == CODES
    assert {tuple(check) for check in checks} == {
        ("code", "severity", "is_made", "findings_count", "seconds")
    }
    assert report == {
        "type": "BooksReport",
        "format": 1,
        "realm": "#",
        "is_replica": False,
        "is_sound": False,
        "errors_count": 1,
        "warnings_count": 1,
        "findings": [
            {
                "code": "debtor_sum",
                "severity": "error",
                "debtor_id": DEBTOR,
                "creditor_id": None,
                "problem": "the principals, and the changes on their way, add up to -5",
            },
            {
                "code": "overflown",
                "severity": "warning",
                "debtor_id": 3,
                "creditor_id": 0,
                "problem": "something was cut off its principal, so the sum of its debtor"
                " proves nothing",
            },
        ],
    }


def test_findings_are_a_table(environment: dict[str, str], idle_authority: Authority) -> None:
    idle_authority.query(BREAK)
    code, output, _ = call(environment, "verify_books", "--quiet")
    lines = output.splitlines()
    assert code == 1
    assert lines[0].split() == ["check", "debtor", "creditor", "problem"]
    assert lines[2].split()[:3] == ["debtor_sum", str(DEBTOR), "the"]
    assert lines[3].split()[:3] == ["overflown", "3", "0"]
    assert lines[-1].startswith("1 error, 1 warning (realm #, snapshot of ")

    idle_authority.query("UPDATE account SET interest_rate = 1 WHERE creditor_id = 0")
    code, output, _ = call(environment, "verify_books", "--quiet", "--limit", "1")
    assert code == 1
    assert "root_account: 2 findings, 1 shown\n" in output
    assert output.splitlines()[-1].startswith("3 errors, 1 warning (")
    assert call(environment, "verify_books", "--limit", "0")[0] == 2


def test_warnings_are_told_and_no_errors(
    environment: dict[str, str], idle_authority: Authority
) -> None:
    idle_authority.query(BREAK)
    idle_authority.query("UPDATE account SET principal = 100 WHERE principal = 95")
    code, output, _ = call(environment, "verify_books", "--quiet")
    assert code == 0
    assert output.splitlines()[-1].startswith("the books are correct, 1 warning (")


def test_bar_grows_on_a_terminal(environment: dict[str, str]) -> None:
    mine, its = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "verify_books"],
        cwd=ROOT,
        env={**environment, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=its,
    ) as process:
        os.close(its)
        shown = b""
        try:
            while part := os.read(mine, 4096):
                shown += part
        except OSError:  # at its end
            pass
        assert process.wait(60) == 0
    os.close(mine)
    assert b"100%" in shown
    assert b"findings" not in shown


@pytest.mark.parametrize(
    ("changes", "arguments", "words"),
    [
        ({"SQLALCHEMY_DATABASE_URI": "postgresql://x@127.0.0.1:1/x"}, (), "Connection refused"),
        ({"SQLALCHEMY_DATABASE_URI": ""}, (), "set POSTGRES_URL, or SQLALCHEMY_DATABASE_URI"),
        ({}, ("--export", "/no/such/folder/file"), "No such file or directory"),
        ({}, ("--database-url", "http://example.com"), "must be a URL that begins"),
    ],
)
def test_what_could_not_be_checked_is_told_in_a_line(
    environment: dict[str, str], changes: dict[str, str], arguments: tuple[str, ...], words: str
) -> None:
    code, output, problem = call({**environment, **changes}, "verify_books", "--quiet", *arguments)
    assert (code, output) == (2, "")
    assert words in problem.splitlines()[-1]


def test_missing_right_is_told(environment: dict[str, str], idle_authority: Authority) -> None:
    idle_authority.query("DROP ROLE IF EXISTS books_reader")
    idle_authority.query("CREATE ROLE books_reader LOGIN PASSWORD 'x'")
    try:
        url = make_url(idle_authority.database_url).set(username="books_reader", password="x")
        address = url.render_as_string(hide_password=False)
        reading = {**environment, "SQLALCHEMY_DATABASE_URI": address}
        code, _, problem = call(reading, "verify_books", "--quiet")
        assert (code, problem.count("\n")) == (2, 1)
        assert problem.startswith("swpt_accounts: permission denied for")
        # what the how-to page gives to such a role is enough
        idle_authority.query("GRANT pg_read_all_data, pg_read_all_stats TO books_reader")
        assert call(reading, "verify_books", "--quiet")[0] == 0
    finally:
        idle_authority.query("DROP ROLE books_reader")


def test_database_of_another_version_is_not_checked(
    environment: dict[str, str], idle_authority: Authority
) -> None:
    address = dsn_of(idle_authority.database_url)
    execute(address, "ALTER TABLE procedures_version RENAME TO hidden")
    try:
        code, _, problem = call(environment, "verify_books", "--quiet")
    finally:
        execute(address, "ALTER TABLE hidden RENAME TO procedures_version")
    assert (code, problem.count("\n")) == (2, 1)
    assert "does not have the stored procedures of this program" in problem


def test_export_of_the_only_shard_adds_up(
    environment: dict[str, str], idle_authority: Authority, tmp_path: Path
) -> None:
    idle_authority.query(BREAK)
    first, second = str(tmp_path / "1.json"), str(tmp_path / "2.json")
    for path in (first, second):
        assert call(environment, "verify_books", "--quiet", "--export", path)[0] == 1
    # it needs no database, nor any setting
    bare = {"PATH": os.environ["PATH"]}
    code, output, _ = call(bare, "add_up_books", first, second, "--json")
    result: dict[str, Any] = json.loads(output)
    assert (code, result["is_sound"], result["shards_with_errors"]) == (1, False, {"#": 1})
    assert result["counts"] == {"sound": 0, "wrong": 1, "unproven": 1}
    assert result["debtors"][0]["debtor_id"] == DEBTOR
    assert (result["debtors"][0]["verdict"], result["debtors"][0]["amount"]) == ("wrong", "-5")
    assert [len(r) for r in result["rounds"]] == [2, 2]

    idle_authority.query(f"TRUNCATE {TABLES}")
    assert call(environment, "verify_books", "--quiet", "--export", first)[0] == 0
    assert call(bare, "add_up_books", first)[:1] == (0,)


def test_add_up_books_tells_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    path = tmp_path / "books.json"
    path.write_text("{}")
    code, output, problem = call(dict(os.environ), "add_up_books", str(path))
    assert (code, output, problem.count("\n")) == (2, "", 1)
    assert f"{path} is not an export of `verify_books`" in problem


READING = """
import os
from swpt_accounts.db.connection import connect
from swpt_accounts.db.session_options import READING
from swpt_accounts.settings import load_settings
settings = load_settings(os.environ)
connection = connect(settings, "verify_sleeper", is_read_only=True, behaviour=[READING])
connection.raw.execute("SELECT pg_sleep(600)")
"""


def test_statement_of_a_killed_client_does_not_go_on(
    environment: dict[str, str], idle_authority: Authority
) -> None:
    command = [sys.executable, "-c", READING]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        wait_until(lambda: idle_authority.connections_of("verify_sleeper"), 60)
        process.kill()
    wait_until(lambda: not idle_authority.connections_of("verify_sleeper"), 60)
