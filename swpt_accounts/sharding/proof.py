"""The proof that the children have together what the parent has: each table, row by row."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, Final

from psycopg import sql

from swpt_accounts.core.formatting import plural
from swpt_accounts.core.realm import Realm
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.db.outage_reporter import Backoff
from swpt_accounts.sharding.sessions import Deadline, Sessions, open_session
from swpt_accounts.sharding.tables import (
    FILTERED,
    OWNED,
    SHARED,
    WHOLE,
    change_tables,
    lock_tables,
)

REPLICATED: Final = (*FILTERED, *WHOLE)
COPIED: Final = (*OWNED, *SHARED)
_DIVIDED: Final = frozenset((*FILTERED, *OWNED))
# It has no key in the parent (decision 12).
_ACCOUNT_KEY: Final = ("debtor_id", "creditor_id")
_PARTS_COUNT_MAX: Final = 3
_NAMES_COUNT_MAX: Final = 5
_POLL_SECONDS: Final = 0.02
_LAG_POLL_SECONDS: Final = 0.2

Digests = dict[str, tuple[int, int]]
"""Of each table: how many rows it has, and their digest."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Compares whole tables. Of the journal, only the rows after an id: others do not change."""

    parent: OperatorSession
    after_journal_id: int = 0

    def digests(self, session: OperatorSession, tables: Sequence[str]) -> Digests:
        """The digests of a database. Whole tables are read."""
        columns = columns_of(session, tables)
        each = (
            session.statement(
                "books", "digest", subject=sql.Literal(t), **self._names(session, t, columns[t])
            )
            for t in tables
        )
        with session.connection.cursor() as cursor:
            cursor.execute(sql.SQL(" UNION ALL ").join(each))
            return {table: (count, int(digest)) for table, count, digest in cursor}

    def _names(
        self, session: OperatorSession, table: str, columns: sql.Composed
    ) -> dict[str, sql.Composable]:
        condition: sql.Composable = sql.SQL("true")
        if table == "journal":
            condition = session.statement("books", "later", id=sql.Literal(self.after_journal_id))
        return {"table": sql.Identifier(table), "columns": columns, "condition": condition}

    def _part_names(self, session: OperatorSession, table: str) -> dict[str, sql.Composable]:
        columns = columns_of(session, [table])[table]
        return {**self._names(session, table, columns), "key": self._key(table)}

    def compare(self, wanted: Digests, children: Sequence[tuple[OperatorSession, Digests]]) -> None:
        """Raise `PreconditionFailed`, which names rows, unless the children have them all."""
        for table, digest in wanted.items():
            groups = [children] if table in _DIVIDED else [[child] for child in children]
            for group in groups:
                found = [digests[table] for _, digests in group]
                together = sum(count for count, _ in found), sum(value for _, value in found)
                if together != digest:
                    names = self._differences(table, [session for session, _ in group])
                    raise PreconditionFailed(
                        f"the children differ from the parent: the table {table!r} has"
                        f" {plural(together[0], 'row')} in place of {digest[0]}:"
                        f" {', '.join(names)}"
                    )

    def _differences(self, table: str, group: Sequence[OperatorSession]) -> list[str]:
        wanted = self._parts([self.parent], table)
        found = self._parts(group, table)
        parts = sorted(p for p in wanted.keys() | found.keys() if wanted.get(p) != found.get(p))
        names: list[str] = []
        for part in parts[:_PARTS_COUNT_MAX]:
            names += self._differences_of_part(table, group, part)
        return names[:_NAMES_COUNT_MAX]

    def _parts(self, group: Sequence[OperatorSession], table: str) -> dict[int, tuple[int, int]]:
        parts: dict[int, tuple[int, int]] = {}
        for session in group:
            names = self._part_names(session, table)
            for part, count, digest in session.run("books", "digests_of_parts", None, **names):
                before = parts.get(part, (0, 0))
                parts[part] = before[0] + count, before[1] + int(digest)
        return parts

    def _differences_of_part(
        self, table: str, group: Sequence[OperatorSession], part: int
    ) -> Iterator[str]:
        wanted = self._rows([self.parent], table, part)
        found = self._rows(group, table, part)
        there = Counter(key for key, _ in found.elements())
        for key in sorted({key for key, _ in (wanted - found) + (found - wanted)}):
            if not there[key]:
                yield f"{key} is missing"
            elif key not in {key for key, _ in wanted}:
                yield f"{key} is too many"
            else:
                yield f"{key} is different"

    def _rows(
        self, group: Sequence[OperatorSession], table: str, part: int
    ) -> Counter[tuple[str, int]]:
        rows: Counter[tuple[str, int]] = Counter()
        for session in group:
            names = self._part_names(session, table)
            found = session.run("books", "rows_of_part", None, part=sql.Literal(part), **names)
            rows.update((row.key, row.digest) for row in found)
        return rows

    def _key(self, table: str) -> sql.Composed:
        found = [row.name for row in self.parent.run("books", "key", {"table": table})]
        return sql.SQL(", ").join(map(sql.Identifier, found or _ACCOUNT_KEY))


def columns_of(session: OperatorSession, tables: Sequence[str]) -> dict[str, sql.Composed]:
    """The columns of tables, in the order of their names."""
    return {
        row.table: sql.SQL(", ").join(map(sql.Identifier, row.names))
        for row in session.run("books", "columns", {"tables": list(tables)})
    }


def foreign_rows(session: OperatorSession, realm: Realm) -> Iterator[str]:
    """What no child would get, because it is of another shard."""
    literals = {name: sql.Literal(value) for name, value in realm.parameters.items()}
    for table in (*FILTERED, *OWNED) if realm.length else ():
        (owner,) = session.run("books", "owner", {"table": table})
        names = {"owner": sql.SQL(owner.columns), "table": sql.Identifier(table), **literals}
        (found,) = session.run("books", "foreign_rows", None, **names)
        if found.rows_count:
            yield (
                f"the parent's table {table!r} has {plural(found.rows_count, 'row')} of accounts"
                f" that do not belong to its realm {realm}, for example of {found.first}; no child"
                " would get them. After a split by hand, wait until `verify_shard_content` says"
                " that they are gone"
            )


def prove_beforehand(sessions: Sessions, pool: Executor, deadline: Deadline) -> tuple[Proof, float]:
    """Compare all that is replicated, while the parent works: at one moment, in each database.

    Writers wait for that moment, but not for the comparison. Returns what is to be proved after
    it, and how many seconds that may take. Raises `PreconditionFailed`.
    """
    with ExitStack() as stack:
        parent = stack.enter_context(open_session(sessions.family.parent))
        _take_snapshots(sessions, parent, deadline)
        stack.callback(_let_go, sessions)
        (last,) = parent.run("books", "last_journal_id")
        _compare_replicated(Proof(parent), sessions, pool, ["journal"])
        began_at = monotonic()
        others = [table for table in REPLICATED if table != "journal"]
        _compare_replicated(Proof(parent), sessions, pool, others)
    return Proof(sessions.parent, last.id), monotonic() - began_at


def _take_snapshots(sessions: Sessions, parent: OperatorSession, deadline: Deadline) -> None:
    """The children hold their beat: they have then what came before it, and nothing else."""
    with ExitStack() as holding:
        for child in sessions.children:
            holder = holding.enter_context(open_session(child.child.settings))
            _begin(holder)
            holder.run("child", "hold_beat")

        def beat() -> None:
            lock_tables(sessions.parent)
            parent.connection.execute("ROLLBACK")
            _take_snapshot(parent)
            sessions.parent.run("parent", "beat")

        change_tables(sessions.parent, beat, deadline)
        for child in sessions.children:
            pauses = Backoff(_POLL_SECONDS, _LAG_POLL_SECONDS)
            while not child.session.run("child", "is_beat_awaited")[0].found:
                deadline.check(f"{child.child.name} lags behind the parent")
                sleep(pauses.next())
            _take_snapshot(child.session)


def _begin(session: OperatorSession) -> None:
    session.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    session.connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


def _take_snapshot(session: OperatorSession) -> None:
    _begin(session)
    session.connection.execute("SELECT FROM account LIMIT 1")


def _let_go(sessions: Sessions) -> None:
    for child in sessions.children:
        if not child.session.connection.closed:
            child.session.connection.execute("ROLLBACK")


def _compare_replicated(
    proof: Proof, sessions: Sessions, pool: Executor, tables: Sequence[str] = REPLICATED
) -> list[Digests]:
    wanted = pool.submit(proof.digests, proof.parent, tables)
    found = list(pool.map(lambda c: proof.digests(c.session, tables), sessions.children))
    own = [child.session for child in sessions.children]
    proof.compare(wanted.result(), list(zip(own, found, strict=True)))
    return found


def prove(proof: Proof, sessions: Sessions, pool: Executor) -> None:
    """Compare what was replicated, in databases that are closed, and keep what was found.

    Raises `PreconditionFailed`.
    """
    found = _compare_replicated(proof, sessions, pool)
    keep(sessions, found)


def keep(sessions: Sessions, found: Sequence[Digests]) -> None:
    """Note in the parent's database what the children have."""
    parent = sessions.parent
    with parent.connection.transaction():
        for child, digests in zip(sessions.children, found, strict=True):
            for table, (rows_count, digest) in digests.items():
                amounts: dict[str, Any] = {"rows": rows_count, "digest": digest}
                for what, amount in amounts.items():
                    values = {"subject": f"{table}: {what}", "amount": amount}
                    parent.run("parent", "keep_proof", {"realm": str(child.child.realm), **values})
