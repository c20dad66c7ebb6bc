"""Programs of the reference that are still there: none of their statements does anything."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from psycopg import sql

from agentkit.waiting import wait_until
from swpt_accounts.core.progress import NoProgress
from swpt_accounts.takeover.reference_schema import COLUMNS, FUNCTIONS, TABLES
from tests.takeover.reference import BOOKS, KEPT, Place, digest_rows, everywhere, move

# Functions that only calculate. Whoever has prepared a call of them may go on.
_PURE = {
    "calc_current_balance",
    "calc_due_interest",
    "calc_k",
    "calc_status_code",
    "contain_principal_overflow",
    "get_min_account_balance",
}
Statements = dict[str, sql.Composed]


def statements_of(place: Place) -> Statements:
    """All that the reference does: on each table, with each function, with each sequence.

    Each would succeed before the move, and the functions would find something to do.
    """
    found: Statements = {}
    with place.session() as connection:
        for table in TABLES:
            found |= _statements_on_table(connection, table)
        found |= _calls_of_functions(connection)
        rows = connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind = 'S' AND nspname = %s",
            [place.schema],
        )
        for (name,) in rows:
            found[f"nextval {name}"] = sql.SQL("SELECT nextval({})").format(name)
    return found


def _statements_on_table(connection: psycopg.Connection[Any], table: str) -> Statements:
    columns = COLUMNS[table].split()
    name = sql.Identifier(table)
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    # a row that is not there yet: one that is, with another key
    row = connection.execute(sql.SQL("SELECT {} FROM {} LIMIT 1").format(listed, name)).fetchone()
    assert row is not None
    values = [
        sql.Literal(v + 1 if c in ("debtor_id",) else ("x" if c == "version_num" else v))
        for c, v in zip(columns, row, strict=True)
    ]
    if table in ("prepared_transfer", "pending_balance_change"):
        # (foreign keys)
        values = [
            sql.Literal(v + 10**6 if c == "transfer_id" else v)
            for c, v in zip(columns, row, strict=True)
        ]
    insert = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING")
    return {
        f"insert into {table}": insert.format(name, listed, sql.SQL(", ").join(values)),
        f"update {table}": sql.SQL("UPDATE {} SET {} = {}").format(
            name, *[sql.Identifier(columns[-1])] * 2
        ),
        f"delete from {table}": sql.SQL("DELETE FROM {} WHERE {} IS NOT NULL").format(
            name, sql.Identifier(columns[-1])
        ),
        f"lock {table}": sql.SQL("SELECT {} FROM {} FOR UPDATE SKIP LOCKED").format(listed, name),
    }


def _calls_of_functions(connection: psycopg.Connection[Any]) -> Statements:
    owners = {
        "process_transfer_requests": "transfer_request",
        "process_finalization_requests": "finalization_request",
        "process_pending_balance_changes": "pending_balance_change",
        "lock_account": "prepared_transfer",
        "lock_or_create_account": "prepared_transfer",
    }
    found: Statements = {}
    rows = connection.execute(
        "SELECT proname, array_agg(format_type(t, NULL) ORDER BY n) FROM pg_proc p,"
        " unnest(p.proargtypes) WITH ORDINALITY AS a (t, n) WHERE proname = ANY (%s) GROUP BY 1",
        [list(FUNCTIONS)],
    ).fetchall()
    assert len(rows) == len(FUNCTIONS)
    for name, types in rows:
        arguments: list[sql.Composable] = [sql.SQL(f"NULL::{t}") for t in types]
        if name in owners:
            column = "creditor_id" if "balance" in name else "sender_creditor_id"
            owner = connection.execute(
                f"SELECT debtor_id, {column} FROM {owners[name]} LIMIT 1".encode()
            ).fetchone()
            assert owner is not None
            rest = {"boolean": "false", "integer": "1000"}
            arguments = [
                *map(sql.Literal, owner),
                *(sql.SQL(rest.get(t, "now()")) for t in types[2:]),
            ]
        found[f"call {name}"] = sql.SQL("SELECT {}({})").format(
            sql.Identifier(name), sql.SQL(", ").join(arguments)
        )
    return found


def fails(connection: psycopg.Connection[Any], statement: sql.Composed) -> bool:
    try:
        connection.execute(statement)
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedFunction,
        psycopg.errors.UndefinedObject,
    ):
        return True
    except psycopg.errors.IntegrityError:
        return False  # it has found the table
    return False


class Before:
    """What was there before the move, to be compared with what is there afterwards."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._reference = digest_rows(place, place.schema)
        self._books: dict[str, str] | None = None

    def note_books(self) -> None:
        self._books = digest_rows(self._place, BOOKS)

    def assert_untouched(self) -> None:
        assert digest_rows(self._place, KEPT) == self._reference
        if self._books is not None:
            assert digest_rows(self._place, BOOKS) == self._books
        assert digest_rows(self._place, self._place.schema).keys() == {"alembic_version"}


@pytest.fixture
def before(place: Place) -> Before:
    return Before(place)


@everywhere
def test_a_new_session_finds_nothing_to_write_to(place: Place, before: Before) -> None:
    statements = statements_of(place)
    move(place)
    before.note_books()
    for name in [n for n in statements if n.endswith(" alembic_version")]:
        del statements[name]  # (it is the guard that is there)
    with place.session() as connection:
        succeeded = [n for n, s in statements.items() if not fails(connection, s)]
    assert succeeded == []
    before.assert_untouched()


def test_the_statements_would_have_succeeded_before(place: Place) -> None:
    with place.session() as connection:
        for name, statement in statements_of(place).items():
            with connection.transaction(force_rollback=True):
                assert not fails(connection, statement), name


def test_prepared_statements_find_nothing_to_write_to(place: Place, before: Before) -> None:
    statements = {
        n: s
        for n, s in statements_of(place).items()
        # (a table of migrations is there: it is the guard)
        if n.split()[-1] not in {*_PURE, "alembic_version"}
    }
    names = {name: sql.Identifier(f"s{i}") for i, name in enumerate(statements)}
    with place.session() as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        for name, statement in statements.items():
            connection.execute(sql.SQL("PREPARE {} AS {}").format(names[name], statement))
            # once for real, so that all plans are made, also those within functions
            with connection.transaction(force_rollback=True):
                try:
                    with connection.transaction():
                        connection.execute(sql.SQL("EXECUTE {}").format(names[name]))
                except psycopg.errors.IntegrityError:
                    pass  # as the statement says
                except psycopg.Error:
                    assert name.startswith("call"), name
        sequences = digest_rows(place, place.schema)
        before._reference |= {k: v for k, v in sequences.items() if k.endswith("_seq")}
        move(place)
        before.note_books()
        succeeded = [
            name
            for name in statements
            if not fails(connection, sql.SQL("EXECUTE {}").format(names[name]))
        ]
    assert succeeded == []
    before.assert_untouched()


@pytest.fixture
def at_work(place: Place) -> Iterator[list[psycopg.Connection[Any]]]:
    """Sessions in the midst of transactions: two have written, one has read, one holds a cursor."""
    with ExitStack() as stack:
        made = [stack.enter_context(place.session()) for _ in range(4)]
        for connection in made:
            connection.execute("BEGIN")
        statements = statements_of(place)
        made[0].execute(statements["insert into registered_balance_change"])
        made[1].execute("UPDATE account SET principal = principal + 1")
        made[1].execute(statements["delete from prepared_transfer"])
        made[2].execute("SELECT * FROM transfer_request FOR SHARE")
        made[3].execute("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM registered_balance_change")
        made[3].execute("FETCH 1 FROM c")
        yield made


def test_transactions_in_their_midst_are_ended_and_undone(
    place: Place, before: Before, at_work: list[psycopg.Connection[Any]]
) -> None:
    move(place)
    for connection in at_work:
        with pytest.raises(psycopg.OperationalError):
            connection.execute("COMMIT")
    before.assert_untouched()
    ((ours, theirs),) = place.query(
        f"SELECT (SELECT sum(principal) FROM {BOOKS}.account),"
        f" (SELECT sum(principal) FROM {KEPT}.account)"
    )
    assert ours == theirs


class Held(NoProgress):
    """Does something while the move holds its locks."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self.was_held = False

    def begin(self, what: str, total: int) -> None:
        if "tables" in what:
            self.was_held = True
            self._action()


def test_whoever_writes_meanwhile_waits_and_then_fails(place: Place, before: Before) -> None:
    statements = {
        n: s
        for n, s in statements_of(place).items()
        if n.split()[0] in ("insert", "update", "delete", "lock")
        or n.startswith(("call process_", "call lock_"))
    }
    results: dict[str, Future[bool]] = {}

    def write(statement: sql.Composed) -> bool:
        with place.session() as connection:
            connection.execute("SET application_name = 'late'")
            return fails(connection, statement)

    with ThreadPoolExecutor(len(statements)) as pool:

        def begin_to_write() -> None:
            for name, statement in statements.items():
                results[name] = pool.submit(write, statement)
            wait_until(
                lambda: (
                    place.query(
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'late'"
                        " AND datname = current_database() AND wait_event_type = 'Lock'"
                    )
                    == [(len(statements),)]
                ),
                what="all of them wait",
            )

        held = Held(begin_to_write)
        move(place, held)
    assert held.was_held
    late = {n: r for n, r in results.items() if not n.endswith("alembic_version")}
    assert [n for n, r in late.items() if not r.result()] == []
    # those that wait for the table of migrations by its name find the guard
    before.assert_untouched()


def test_sessions_of_other_databases_stay(place: Place, public: Place) -> None:
    """A copy of a database has tables with the same numbers."""
    with public.session() as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM account")
        with place.session() as connection:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM account")
            move(place)
        other.execute("COMMIT")


def test_the_reference_cannot_make_its_tables_anew(moved: Place) -> None:
    """Its `db upgrade` knows no such revision, and ends."""
    assert moved.query("SELECT version_num FROM alembic_version") == [("moved_to_swpt_accounts",)]
    ((schema,),) = moved.query("SELECT 'alembic_version'::regclass::oid::regclass::text")
    assert schema == "alembic_version"
