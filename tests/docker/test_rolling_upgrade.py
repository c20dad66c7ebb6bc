"""An upgrade migrates first: the workers of this version go on working on a later schema.

There is no later version yet, so a migration of the tests' own plays it. It does what later ones
may do: it adds columns to every table, a table, and functions of another version.
"""

import shutil
from collections.abc import Callable
from textwrap import dedent

import pytest
import requests

from swpt_accounts.db.engine import MIGRATIONS_DIR
from tests.support.authority import Authority, configure, configure_root, finalize, prepare
from tests.support.broker import Message
from tests.support.database import migrate

DEBTOR = 4711
CREDITORS = (21, 22)
AMOUNT = 1000

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


class Agents:
    """A debtor and two creditors, between whom money goes around."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        assert authority.observer is not None
        self.observer = authority.observer
        self.paid = dict.fromkeys((0, *CREDITORS), 0)

    def open_accounts(self) -> None:
        self.authority.send(configure_root(DEBTOR))
        for creditor_id in CREDITORS:
            self.authority.send(configure(DEBTOR, creditor_id))
        for creditor_id in (0, *CREDITORS):
            self.observer.wait_message("AccountUpdate", creditor_id=creditor_id)

    def ask(self, sender: int, recipient: int) -> int:
        """Asks for a transfer. Returns the request id."""
        message = prepare(DEBTOR, sender, recipient, AMOUNT)
        self.authority.send(message)
        self.paid[sender] -= AMOUNT
        self.paid[recipient] += AMOUNT
        return int(message["coordinator_request_id"])

    def prepared(self, request_id: int) -> Message:
        return self.observer.wait_message("PreparedTransfer", coordinator_request_id=request_id)

    def commit(self, request_id: int) -> None:
        self.authority.send(finalize(self.prepared(request_id).data, AMOUNT))

    def wait_committed(self, request_id: int) -> None:
        answer = self.observer.wait_message("FinalizedTransfer", coordinator_request_id=request_id)
        assert answer.data["status_code"] == "OK"
        assert answer.data["committed_amount"] == AMOUNT

    def transfer(self, sender: int, recipient: int) -> None:
        request_id = self.ask(sender, recipient)
        self.commit(request_id)
        self.wait_committed(request_id)

    def wait_balances(self) -> None:
        """Waits until the accounts have what was paid to them."""

        def balances() -> dict[int, int]:
            rows = self.authority.query(
                "SELECT creditor_id, principal FROM account WHERE debtor_id = %s", DEBTOR
            )
            return {int(creditor_id): int(principal) for creditor_id, principal in rows}

        self.observer.wait_for(
            lambda _: balances() == self.paid, 30, f"the balances {self.paid}, not {balances()}"
        )


def test_old_workers_go_on_on_a_later_schema(
    authority: Authority, upgrade: Callable[[], None]
) -> None:
    agents = Agents(authority)
    agents.open_accounts()
    agents.transfer(0, CREDITORS[0])

    # Some transfers are at every stage while the migration is applied.
    begun = [agents.ask(0, CREDITORS[i % 2]) for i in range(20)]
    for request_id in begun[:10]:
        agents.commit(request_id)
    upgrade()
    ((copies_count,),) = authority.query("SELECT count(*) FROM pg_proc WHERE proname ~ '_v2$'")
    assert copies_count > 0
    for request_id in begun[10:]:
        agents.commit(request_id)
    for request_id in begun:
        agents.wait_committed(request_id)
    agents.wait_balances()

    for _ in range(3):
        agents.transfer(0, CREDITORS[0])
        agents.transfer(CREDITORS[0], CREDITORS[1])
        agents.transfer(CREDITORS[1], 0)
    agents.wait_balances()

    # Old workers may also be started anew before they are replaced.
    for name in authority.services:
        code, _ = authority.terminate(name)
        assert code == 0, authority.log(name)
    authority.start()
    agents.transfer(CREDITORS[0], CREDITORS[1])
    agents.wait_balances()
    answer = requests.get(f"{authority.web_url}/accounts/{DEBTOR}/21/config", timeout=10)
    assert answer.status_code == 200

    for name in authority.services:
        assert "Traceback" not in authority.log(name)
