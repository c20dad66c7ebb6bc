"""An upgrade migrates first: the workers of this version go on working on a later schema.

There is no later version yet, so a migration of the tests' own plays it. It does what later ones
may do: it adds columns to every table, a table, and functions of another version.
"""

import shutil
from collections.abc import Callable
from textwrap import dedent

import pytest
import requests

from agentkit.authority import Authority
from swpt_accounts.db.engine import MIGRATIONS_DIR
from tests.docker.agents import CREDITORS, DEBTOR, Agents
from tests.support.database import migrate

LATER = """
    revision = "later"
    down_revision = {head!r}

    import sqlalchemy as sa
    from alembic import op

    TABLES = '''
        SELECT table_name FROM information_schema.tables
        WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
          AND table_name <> 'alembic_version'
    '''
    COPY_FUNCTIONS = '''
        DO $later$
        DECLARE
            v_function regprocedure;
        BEGIN
            FOR v_function IN
                SELECT oid FROM pg_proc
                WHERE pronamespace = current_schema()::regnamespace AND proname ~ '_v1$'
            LOOP
                EXECUTE regexp_replace(pg_get_functiondef(v_function), '_v1\\(', '_v2(');
            END LOOP;
        END
        $later$
    '''

    def upgrade():
        bind = op.get_bind()
        for (table,) in bind.execute(sa.text(TABLES)).all():
            op.add_column(table, sa.Column("later", sa.Text(), server_default="x", nullable=False))
            op.add_column(table, sa.Column("later_still", sa.Integer(), nullable=True))
        op.create_table("later", sa.Column("id", sa.BigInteger(), primary_key=True))
        bind.exec_driver_sql(COPY_FUNCTIONS)
"""


@pytest.fixture(scope="module")
def upgrade(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], None]:
    """Applies the later migration."""
    folder = tmp_path_factory.mktemp("later") / "migrations"
    shutil.copytree(MIGRATIONS_DIR, folder, ignore=shutil.ignore_patterns("__pycache__"))
    ((head,),) = authority.query("SELECT version_num FROM alembic_version")
    (folder / "versions" / "later.py").write_text(dedent(LATER.format(head=head)))

    def run() -> None:
        migrate(authority.database_url, "upgrade", "-d", str(folder))

    return run


def test_old_workers_go_on_on_a_later_schema(
    authority: Authority, upgrade: Callable[[], None]
) -> None:
    agents = Agents(authority)
    agents.open_accounts()
    agents.pay(0, CREDITORS[0])

    # Some transfers are at every stage while the migration is applied.
    begun = [agents.begin(0, CREDITORS[i % 2]) for i in range(20)]
    for request in begun[:10]:
        agents.commit(request)
    upgrade()
    ((copies_count,),) = authority.query("SELECT count(*) FROM pg_proc WHERE proname ~ '_v2$'")
    assert copies_count > 0
    for request in begun[10:]:
        agents.commit(request)
    for request in begun:
        agents.wait_committed(request)
    agents.wait_balances()

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
    answer = requests.get(f"{authority.web_url}/accounts/{DEBTOR}/21/config", timeout=10)
    assert answer.status_code == 200

    for name in authority.services:
        assert "Traceback" not in authority.log(name)
