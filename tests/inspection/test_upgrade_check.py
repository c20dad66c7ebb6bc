"""`upgrade check`: what it says of an installation, its exit code; and that it changes nothing."""

import json
import os
import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from agentkit.database import dsn_of, execute
from agentkit.databases import Databases
from agentkit.processes import ROOT, free_port, run
from swpt_accounts.db.connection import connect
from swpt_accounts.db.installer import REVISION, procedures_version
from swpt_accounts.db.migrations import SECONDS_EACH, read_migrations
from swpt_accounts.inspection.upgrade import report as reporting
from swpt_accounts.inspection.upgrade.installation import read_installation
from swpt_accounts.inspection.upgrade.report import POSTGRESQL, RABBITMQ, UpgradeReport, add_server
from swpt_accounts.settings import load_settings, unused_settings
from tests.docker.processes import ENTRYPOINT, image_environment

CONTENT = """
SELECT jsonb_build_array(
    (SELECT jsonb_agg(v) FROM procedures_version AS v),
    (SELECT jsonb_agg(a) FROM alembic_version AS a),
    (SELECT jsonb_agg(nspname ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_'),
    (SELECT jsonb_agg(relname ORDER BY relname) FROM pg_class), pg_current_xact_id_if_assigned()
)::text
"""
Check = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def url(databases: Databases) -> str:
    return databases.create()


@pytest.fixture
def check(url: str, broker_url: str) -> Check:
    """Run it by the image's entrypoint. Returns its exit code, and what it has found."""

    def run_it(**settings: str) -> tuple[int, dict[str, Any]]:
        brokers = {"PROTOCOL_BROKER_URL": broker_url, "CHORES_BROKER_URL": broker_url}
        environment = image_environment(**{"POSTGRES_URL": url, **brokers, **settings})
        result = run([str(ENTRYPOINT), "upgrade", "check", "--json"], environment)
        return result.returncode, json.loads(result.stdout)

    return run_it


def read(url: str) -> Any:
    with psycopg.connect(dsn_of(url)) as connection:
        return connection.execute(CONTENT).fetchone()


def pretend(url: str, revision: str, *versions: str) -> None:
    """Let a database look like one that earlier versions have made, the latest first."""
    execute(dsn_of(url), f"UPDATE alembic_version SET version_num = '{revision}'")
    execute(dsn_of(url), "DELETE FROM procedures_version")
    for age, version in enumerate(versions):
        execute(
            dsn_of(url),
            "INSERT INTO procedures_version (version, revision, installed_at)"
            f" VALUES ('{version}', '{revision}', now() - interval '{age} days')",
        )


def test_nothing_is_in_the_way_and_nothing_changes(url: str, check: Check) -> None:
    pretend(url, "0009", "aaaaaaaaaaaa", "bbbbbbbbbbbb")
    # whatever writes, fails
    name = dsn_of(url).rpartition("/")[2]
    execute(dsn_of(url), f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    before = read(url)
    code, found = check()
    assert (code, found["can_begin"], found["stop"], found["problems"]) == (0, True, [], [])
    assert [one["revision"] for one in found["migrations"]] == ["0010", REVISION]
    assert all(0 < one["seconds"] < 1 for one in found["migrations"])
    assert (found["installed_revision"], found["revision"]) == ("0009", REVISION)
    assert found["removed"] == ["bbbbbbbbbbbb"]
    assert found["has_way_back"] is True
    assert "aaaaaaaaaaaa" in found["way_back"]
    assert "await_migrations" in found["way_back"], "that version does not know how to go back"
    assert found["database"].startswith("PostgreSQL 1")
    assert found["brokers"][0].startswith("RabbitMQ ")
    assert read(url) == before


def test_an_installation_of_this_version_and_an_empty_database(
    databases: Databases, check: Check
) -> None:
    code, found = check()
    assert (code, found["migrations"], found["has_way_back"]) == (0, [], False)
    code, found = check(POSTGRES_URL=databases.create_empty())
    assert (code, found["installed_revision"]) == (0, None)
    assert [one["revision"] for one in found["migrations"]] == [
        one.revision for one in read_migrations()
    ]


def test_workers_that_would_lose_their_procedures_are_to_be_stopped(
    url: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are sessions of this version, and another one was installed twice since."""
    pretend(url, REVISION, "aaaaaaaaaaaa", procedures_version())
    worker = connect(load_settings({"POSTGRES_URL": url}), "consume_messages", is_read_only=True)
    try:
        report = UpgradeReport()
        # (the version that is to be installed is a third one)
        monkeypatch.setattr(reporting, "procedures_version", lambda: "cccccccccccc")
        settings = load_settings({"POSTGRES_URL": url})
        reporting._add_installation(report, read_installation(settings), settings)
    finally:
        worker.close()
    (line,) = report.stop
    assert line.startswith("consume_messages (1 session) works with")
    assert procedures_version() in line
    assert report.removed == [procedures_version()]


def test_what_forbids_the_upgrade(url: str, check: Check, databases: Databases) -> None:
    code, found = check(
        POSTGRES_URL=databases.as_runner(url),
        POSTGRES_RUNNING_ROLE="nobody_such",
        PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.#",
    )
    assert code == 1
    assert re.findall("nobody_such|own the tables", str(found["problems"])) == [
        "nobody_such",
        "own the tables",
    ]
    execute(dsn_of(url), "UPDATE shard SET realm = '0.#'")
    pretend(url, "9999")
    code, found = check(PROTOCOL_BROKER_QUEUE_ROUTING_KEY="1.#")
    later, shard = found["problems"]
    assert code == 1
    assert "migration 9999 of a later version" in later
    assert "is not for the shard 1.#" in shard


def test_a_session_that_holds_locks_is_in_the_way(
    url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(url, "0010")
    monkeypatch.setattr("swpt_accounts.inspection.upgrade.installation.LOCK_SECONDS", 0.0)
    settings = load_settings({"POSTGRES_URL": url, "PROTOCOL_BROKER_URL": broker_url})
    with psycopg.connect(dsn_of(url), application_name="pg_dump") as connection:
        connection.execute("SELECT FROM account")
        (line,) = reporting.check_upgrade(settings, {}).stop
        assert "(pg_dump, role " in line
        connection.execute("COMMIT")
        assert reporting.check_upgrade(settings, {}).stop == []
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('swpt_accounts procedures'))")
        (line,) = reporting.check_upgrade(settings, {}).stop
        assert "(pg_dump, role " in line


def test_tables_of_the_reference_need_a_setting(databases: Databases, check: Check) -> None:
    empty = databases.create_empty()
    execute(dsn_of(empty), "CREATE TABLE prepared_transfer ()")
    execute(dsn_of(empty), "CREATE TABLE alembic_version AS SELECT 'a5202da9c3ad' AS version_num")
    code, found = check(POSTGRES_URL=empty)
    assert (code, "move_in" in str(found["problems"])) == (1, True)
    assert check(POSTGRES_URL=empty, MOVE_IN_FROM_REFERENCE="yes")[0] == 0


def test_settings_that_are_ignored(check: Check) -> None:
    code, found = check(
        PROTOCOL_BROKER_THREAD="1", APP_NO_SUCH="1", GUNICORN_WORKERS="3", SQLALCHEMY_ECHO=""
    )
    assert code == 0
    assert sorted(line.partition(" ")[0] for line in found["settings"]) == [
        *("APP_NO_SUCH", "GUNICORN_WORKERS", "PROTOCOL_BROKER_THREAD", "SQLALCHEMY_ECHO")
    ]
    assert "WEBSERVER_PROCESSES" in str(found["settings"])


def test_settings_that_are_ours_are_not_told_of() -> None:
    text = "\n".join(
        (ROOT / name).read_text()
        for name in (
            *("development.env", "docker-compose.yml", "scripts/settings.sh"),
            *("docker/entrypoint.sh", "docker/gunicorn.conf.py"),
        )
    )
    names = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text))
    of_kubernetes = {
        "WEBSERVER_PORT_8080_TCP",
        "WEBSERVER_SERVICE_HOST",
        "CONSOLE_PORT_80_TCP_PORT",
    }
    assert unused_settings(dict.fromkeys(names | of_kubernetes, "x")) == {}


def test_servers_that_do_not_answer(url: str, broker_url: str) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        "POSTGRES_URL": f"postgresql://{nowhere}/x",
        "PROTOCOL_BROKER_URL": broker_url,
        "CHORES_BROKER_URL": f"amqp://{nowhere}",
    }
    result = run(
        [str(ROOT / "docker/entrypoint.sh"), "upgrade", "check"], image_environment(**environment)
    )
    assert result.returncode == 2
    lines = result.stdout.splitlines()
    assert len([line for line in lines if line.startswith("No answer: ")]) == 2
    assert lines[-1] == "Result: not known: a server did not answer"


@pytest.mark.parametrize(
    ("version", "of", "problem", "note"),
    [
        ("14.9", POSTGRESQL, "must be 15 or newer", ""),
        ("15.0 (Debian 15.0-1)", POSTGRESQL, "", ""),
        ("18.1", POSTGRESQL, "", ""),
        ("19beta1", POSTGRESQL, "", "newer than any"),
        ("3.9.29", RABBITMQ, "must be 3.10 or newer", ""),
        ("3.10.8", RABBITMQ, "", ""),
        ("4.2.1", RABBITMQ, "", ""),
        ("5.0.0", RABBITMQ, "", "newer than any"),
    ],
)
def test_versions_of_servers(version: str, of: Any, problem: str, note: str) -> None:
    report = UpgradeReport()
    add_server(report, version, *of)
    assert (problem in "".join(report.problems), bool(report.problems)) == (True, bool(problem))
    assert (note in "".join(report.notes), bool(report.notes)) == (True, bool(note))


def test_seconds_grow_with_the_rows_that_a_migration_reads() -> None:
    (migration,) = [one for one in read_migrations() if one.reads]
    assert migration.seconds({"account": 10**9}) == SECONDS_EACH
    assert migration.seconds({"finalization_request": 10**6}) > SECONDS_EACH + 1
