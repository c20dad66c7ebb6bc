"""An upgrade installs first: the workers of this version go on beside those of a later one.

There is no later version yet, so a copy of this one plays it. It does what later ones may do:
a migration adds columns to every table, and a table; a procedure gets another parameter.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import requests

from agentkit.authority import Authority
from agentkit.databases import migrate
from agentkit.processes import ROOT
from agentkit.waiting import wait_until
from swpt_accounts.db.installer import REVISION, procedures_version
from tests.docker.agents import CREDITORS, DEBTOR, Agents

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


class Release:
    """The program of a later version, in a folder of its own."""

    def __init__(self, folder: Path, revision: str, head: str) -> None:
        self.folder = folder
        for name in ("swpt_accounts", "migrations"):
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        migration = MIGRATION.format(revision=revision, head=head, column=f"column_{revision}")
        (folder / "migrations" / "versions" / f"{revision}.py").write_text(dedent(migration))
        self._replace("installer.py", f'"{REVISION}"', f'"{revision}"')
        self._replace(
            "sql/preparation.sql",
            "p_left_ids bigint[], p_commit_period interval,",
            "p_left_ids bigint[], p_commit_period interval, p_more integer,",
        )
        self._replace("sql/wakeups.sql", "pg_notify(p_topic, '')", "pg_notify(p_topic, 'later')")

    def _replace(self, name: str, old: str, new: str) -> None:
        path = self.folder / "swpt_accounts" / "db" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def keep_migrations_of(self, other: "Release") -> "Release":
        """Let it come after another release."""
        for path in (other.folder / "migrations" / "versions").glob("*.py"):
            shutil.copy(path, self.folder / "migrations" / "versions")
        return self

    def upgrade(self, database_url: str) -> None:
        """Migrate a database, and install the procedures of this release."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "swpt_accounts", "db", "upgrade"],
            cwd=self.folder,
            env={**os.environ, "SQLALCHEMY_DATABASE_URI": database_url, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return Release(tmp_path_factory.mktemp("later"), "later", REVISION)


@pytest.fixture(scope="module")
def still_later(tmp_path_factory: pytest.TempPathFactory, later: Release) -> Release:
    made = Release(tmp_path_factory.mktemp("still_later"), "still_later", "later")
    return made.keep_migrations_of(later)


def test_old_workers_go_on_beside_a_later_version(
    authority: Authority, later: Release, still_later: Release
) -> None:
    agents = Agents(authority)
    agents.open_accounts()
    agents.pay(0, CREDITORS[0])

    # Some transfers are at every stage while the later version is installed.
    begun = [agents.begin(0, CREDITORS[i % 2]) for i in range(20)]
    for request in begun[:10]:
        agents.commit(request)
    later.upgrade(authority.database_url)
    for request in begun[10:]:
        agents.commit(request)
    for request in begun:
        agents.wait_committed(request)
    agents.wait_balances()
    assert len(authority.query("SELECT version FROM procedures_version")) == 2

    for _ in range(3):
        agents.pay(0, CREDITORS[0])
        agents.pay(CREDITORS[0], CREDITORS[1])
        agents.pay(CREDITORS[1], 0)
    agents.wait_balances()

    # Old workers may also be started anew before they are replaced.
    for name in authority.services:
        code, _ = authority.terminate(name)
        assert code == 0, authority.log(name)
    authority.start()
    agents.pay(CREDITORS[0], CREDITORS[1])
    agents.wait_balances()
    answer = requests.get(f"{authority.web_url}/accounts/{DEBTOR}/21/config", timeout=30)
    assert answer.status_code == 200
    for name in authority.services:
        assert "Traceback" not in authority.log(name)

    # With the version after that, theirs are gone: they wait, and nothing gets lost.
    still_later.upgrade(authority.database_url)
    versions = {version for (version,) in authority.query("SELECT version FROM procedures_version")}
    assert procedures_version() not in versions
    request = agents.begin(CREDITORS[0], CREDITORS[1])
    wait_until(
        lambda: "does not have the stored procedures" in authority.log("consume_messages"),
        what="the consumer says what is missing",
    )
    # An image of this version that is deployed again installs them again.
    authority.query("UPDATE alembic_version SET version_num = %s", REVISION)
    migrate(authority.database_url, "upgrade")
    agents.commit(request)
    agents.wait_committed(request)
    agents.wait_balances()
    assert "goes to" not in authority.log("consume_messages"), "there is a dead letter"
