"""An upgrade installs first: the workers of this version go on beside those of a later one, and
start on the tables of that one.

There is no later version yet, so a copy of this one plays it. It does what later ones may do:
a migration adds columns to every table, and a table; a procedure has another parameter.
"""

import json
import shutil
from pathlib import Path
from textwrap import dedent
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

import pytest
import requests

from agentkit.authority import Authority
from agentkit.broker import Broker
from agentkit.database import Database
from agentkit.databases import Databases
from agentkit.messages import Message
from agentkit.processes import ROOT, free_port
from agentkit.waiting import wait_until
from swpt_accounts.db.installer import OLDEST_REVISION, REVISION, procedures_version
from tests.docker.agents import CREDITORS, DEBTOR, Agents
from tests.docker.processes import Running, image_environment

MIGRATION = """
    revision = {revision!r}
    down_revision = {head!r}

    import sqlalchemy as sa
    from alembic import op

    TABLES = '''
        SELECT table_name FROM information_schema.tables
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
          AND table_name NOT IN ('alembic_version', 'procedures_version')
          AND table_name !~ '^journal_'
    '''

    def upgrade():
        for (table,) in op.get_bind().execute(sa.text(TABLES)).all():
            column = sa.Column({column!r}, sa.Text(), server_default="x", nullable=False)
            op.add_column(table, column)
        op.create_table({revision!r}, sa.Column("id", sa.BigInteger(), primary_key=True))
"""
INSTALLED = "SELECT version, revision, oldest_revision FROM procedures_version ORDER BY version"


class Release:
    """The program of a version, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, command: str, **settings: str) -> Running:
        """Run a command of its container."""
        environment = {**image_environment(**settings), "PYTHONPATH": str(self.folder)}
        entrypoint = str(self.folder / "docker" / "entrypoint.sh")
        return Running([entrypoint, *command.split()], environment, self.folder)

    def run(self, command: str, **settings: str) -> tuple[int, list[str]]:
        """Run a command of its container to the end. Returns its exit code, and its lines."""
        with self.start(command, **settings) as container:
            return container.wait_exit(60), container.lines

    def check(self, **settings: str) -> tuple[int, dict[str, Any]]:
        """What its container says of the upgrade: the exit code, and what was found."""
        code, lines = self.run("upgrade check --json", **settings)
        return code, json.loads(lines[0])


THIS = Release(ROOT)


class Later(Release):
    """A later version, which has a migration more than another one."""

    def __init__(self, folder: Path, before: Release, revision: str, head: str) -> None:
        super().__init__(folder)
        self._revision = revision
        self._head = head
        for name in ("swpt_accounts", "migrations", "docker"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(before.folder / name, folder / name, ignore=ignored)
        shutil.copy(ROOT / "wsgi.py", folder)
        migration = MIGRATION.format(revision=revision, head=head, column=f"column_{revision}")
        (folder / "migrations" / "versions" / f"{revision}.py").write_text(dedent(migration))
        self._replace("db/installer.py", f'"{head}"', f'"{revision}"')

    def change_procedures(self) -> Self:
        """Let a parameter have another name, and all of them say something else."""
        for name in ("db/sql/preparation.sql", "db/procedures.py", "stages/worker.py"):
            self._replace(name, "commit_period", "commit_span")
        self._replace("db/sql/wakeups.sql", "pg_notify(p_topic, '')", "pg_notify(p_topic, 'later')")
        return self

    def serve_nobody_before(self) -> Self:
        """Let its migration be one with which earlier programs cannot work."""
        self._replace(
            "db/installer.py",
            f'OLDEST_REVISION: Final = "{OLDEST_REVISION}"',
            f'OLDEST_REVISION: Final = "{self._revision}"',
        )
        return self

    def _replace(self, name: str, old: str, new: str) -> None:
        path = self.folder / "swpt_accounts" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


class Payer(Agents):
    """The same agents, in a thread of their own."""

    def __init__(self, agents: Agents) -> None:
        super().__init__(agents.authority)
        self.paid = agents.paid
        self.broker = Broker(agents.authority.broker_url)

    def send(self, message: Message) -> None:
        self.broker.send(message)


class Payments:
    """Somebody who pays all the time. To be used in a `with`, which waits for the last one."""

    def __init__(self, agents: Agents) -> None:
        self._agents = Payer(agents)
        self._stop = Event()
        self._thread = Thread(target=self._run)
        self._failure: BaseException | None = None
        self.count = 0

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._agents.pay(CREDITORS[self.count % 2], CREDITORS[(self.count + 1) % 2])
                self.count += 1
        except BaseException as error:
            self._failure = error

    def go_on(self) -> None:
        """Wait for some more."""
        count = self.count
        wait_until(lambda: self._failure or self.count > count + 2, 60, "payments go on")
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._agents.broker.close()
        if error is None and self._failure is not None:
            raise self._failure


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Later:
    made = Later(tmp_path_factory.mktemp("later"), THIS, "later", REVISION)
    return made.change_procedures()


@pytest.fixture(scope="module")
def still_later(tmp_path_factory: pytest.TempPathFactory, later: Later) -> Later:
    return Later(tmp_path_factory.mktemp("still_later"), later, "still_later", "later")


@pytest.fixture
def settings(authority: Authority, databases: Databases) -> dict[str, str]:
    """Those of a container that is configured: with the owner of the tables."""
    return {
        "POSTGRES_URL": authority.database_url,
        "POSTGRES_RUNNING_ROLE": databases.running_role,
        "PROTOCOL_BROKER_URL": authority.broker_url,
        "CHORES_BROKER_URL": authority.broker_url,
        "APP_LOG_LEVEL": "error",
    }


def test_to_a_later_version_and_back_under_load(
    authority: Authority, settings: dict[str, str], later: Later, still_later: Later
) -> None:
    agents = Agents(authority)
    agents.open_accounts()
    for creditor_id in CREDITORS:
        agents.pay(0, creditor_id)

    # Some transfers are at every stage while the later version is installed.
    begun = [agents.begin(0, CREDITORS[i % 2]) for i in range(20)]
    for request in begun[:10]:
        agents.commit(request)
    assert later.run("configure", **settings) == (0, [])
    for request in begun[10:]:
        agents.commit(request)
    for request in begun:
        agents.wait_committed(request)
    agents.wait_balances()
    assert len(authority.query("SELECT version FROM procedures_version")) == 2

    with Payments(agents) as payments:
        payments.go_on()
        # Old workers may also be started anew before they are replaced.
        for name in authority.services:
            code, _ = authority.terminate(name)
            assert code == 0, authority.log(name)
        authority.start()
        payments.go_on()
        answer = requests.get(f"{authority.web_url}/accounts/{DEBTOR}/21/config", timeout=30)
        assert answer.status_code == 200

        # The later ones take over, and the earlier ones again.
        authority.stop()
        for release in (later, THIS):
            assert release.run("await_migrations", **settings) == (0, [])
            assert release.run("configure", **settings) == (0, [])
            with release.start("all", **settings, WEBSERVER_PORT=str(free_port())) as container:
                payments.go_on()
                assert container.terminate(60)[0] == 0
            assert not container.lines
        authority.start()
    agents.wait_balances()
    assert authority.run("verify_books").returncode == 0
    for name in authority.services:
        assert "Traceback" not in authority.log(name)

    # With the version after that, theirs are gone: they wait, and nothing gets lost.
    assert later.run("configure", **settings) == (0, [])
    code, found = still_later.check(**settings)
    assert (code, [one["revision"] for one in found["migrations"]]) == (1, ["still_later"])
    assert found["has_way_back"] is True
    stopped = "\n".join(found["stop"])
    assert all(f"{name} (" in stopped for name in ("consume_messages", "process_transfer_requests"))
    assert still_later.run("configure", **settings) == (0, [])
    installed = authority.query(INSTALLED)
    assert procedures_version() not in {version for version, *_ in installed}
    request = agents.begin(CREDITORS[0], CREDITORS[1])
    wait_until(
        lambda: "does not have the stored procedures" in authority.log("consume_messages"),
        what="the consumer says what is missing",
    )
    assert_refused(settings, "still_later", "later")
    assert authority.query(INSTALLED) == installed
    # The version between may come back.
    authority.stop()
    assert later.run("configure", **settings) == (0, [])
    with later.start("all", **settings, WEBSERVER_PORT=str(free_port())):
        agents.commit(request)
        agents.wait_committed(request)
        agents.wait_balances()
    assert "goes to" not in authority.log("consume_messages"), "there is a dead letter"


def assert_refused(settings: dict[str, str], revision: str, oldest: str) -> None:
    """What this version says of tables that do not serve it: one line, and nothing is changed."""
    problem = (
        f"swpt_accounts: the database has migration {revision} of a later version of this program,"
        f" which serves programs from migration {oldest} on; this one has migration {REVISION}:"
        " run a later version (docs/how-to/upgrade.md)"
    )
    assert THIS.run("await_migrations", **settings) == (1, [problem])
    assert THIS.run("configure", **settings) == (1, [f"{problem}. Nothing has changed."])


def test_a_database_that_only_a_later_version_has_configured(
    databases: Databases, settings: dict[str, str], later: Later
) -> None:
    """A shard that was added since the upgrade: the version before can take it over, too."""
    there = {**settings, "POSTGRES_URL": databases.create_empty()}
    assert later.run("configure", **there) == (0, [])
    with THIS.start("await_migrations", **{**there, "APP_LOG_LEVEL": "warning"}) as waiting:
        waiting.wait_line("the last migration applied is later, which belongs to a later version")
        assert THIS.run("configure", **there) == (0, [])
        assert waiting.wait_exit() == 0
    revisions = [row[1:] for row in Database(there["POSTGRES_URL"]).query(INSTALLED)]
    assert sorted(revisions) == [(REVISION, OLDEST_REVISION), ("later", OLDEST_REVISION)]
    # the later one finds nothing to do
    assert later.run("await_migrations", **there) == (0, [])


def test_a_later_version_that_serves_nobody_before(
    databases: Databases, settings: dict[str, str], tmp_path: Path
) -> None:
    there = {**settings, "POSTGRES_URL": databases.create()}
    breaking = Later(tmp_path / "breaking", THIS, "later", REVISION).serve_nobody_before()
    code, found = breaking.check(**there)
    assert (code, found["has_way_back"]) == (0, False)
    assert breaking.run("configure", **there) == (0, [])
    installed = Database(there["POSTGRES_URL"]).query(INSTALLED)
    assert [row[1:] for row in installed] == [("later", "later")]
    assert_refused(there, "later", "later")
    assert THIS.check(**there)[0] == 1
    assert Database(there["POSTGRES_URL"]).query(INSTALLED) == installed
