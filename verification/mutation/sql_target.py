"""Mutants of stored procedures, in databases that tests copy."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from unittest.mock import patch

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.database import dsn_of, execute
from agentkit.databases import Databases
from agentkit.own_server import own_server
from swpt_accounts.db.installer import procedures_schema
from verification.mutation.children import Child, Outcome, run_tests
from verification.mutation.mutants import Mutant
from verification.mutation.sql_mutants import originals

_EXAMPLES, _DB = "tests/examples/test_", "tests/db/test_"
_SCANS = tuple(f"tests/scans/test_{name}.py" for name in ("scans", "scan_passes", "scan_locks"))
_RATES = ("tests/peers/test_root_configs.py", "tests/inbox/test_unknown_rates.py")
_RECIPIENTS = "tests/stages/test_recipient_verification.py"
# The tests of a subject come first: nearly all its mutants are killed there.
_OWN: Final[dict[str, tuple[str, ...]]] = {
    "money": (f"{_EXAMPLES}arithmetic.py", f"{_DB}money.py", f"{_DB}containing.py"),
    "ids": (f"{_DB}ids.py", f"{_EXAMPLES}preparing.py"),
    "accounts": (f"{_EXAMPLES}configuring.py", f"{_EXAMPLES}balance_changes.py"),
    "currencies": (*_RATES, f"{_EXAMPLES}scans.py"),
    "configuration": (f"{_EXAMPLES}configuring.py",),
    "recipient_verification": (_RECIPIENTS,),
    "preparation": (f"{_EXAMPLES}preparing.py",),
    "finalization": (f"{_EXAMPLES}finalizing.py",),
    "balance_changes": (f"{_EXAMPLES}balance_changes.py",),
    "chores": tuple(
        f"{_EXAMPLES}{name}.py"
        for name in ("capitalizing", "changing_rates", "deleting", "updating_infos")
    ),
    "scans": (f"{_EXAMPLES}scans.py", *_SCANS[:2]),
}
# Then the rules about money, locks, batches, wake-ups; then random sequences.
_ALL: Final = (
    *sorted(_OWN["chores"]),
    *(f"{_EXAMPLES}{name}.py" for name in ("preparing", "finalizing", "balance_changes")),
    *(f"{_EXAMPLES}{name}.py" for name in ("configuring", "scans", "queues", "other_debtors")),
    *("tests/stages/test_stages.py", "tests/stages/test_concurrency.py", *_SCANS[2:]),
    *("tests/inbox/test_locked_accounts.py", _RECIPIENTS, *_RATES),
    *(f"{_DB}{name}.py" for name in ("wakeups", "containing", "ids", "shards")),
    "tests/verification/test_against_database.py",
)
_OPTIONS: Final = ("--hypothesis-profile=mutation",)


class SqlTarget:
    """A server that nobody else uses, and a database for each of the `slots`, whose procedures are
    replaced by mutants.

    With `own`, only the tests of a mutant's own subject run.
    """

    def __init__(self, slots: int, own: bool = False) -> None:
        self._rest: tuple[str, ...] = () if own else _ALL
        self._tests: tuple[str, ...] = ()
        self._stack = ExitStack()
        # It writes nothing through: what is lost with it is worth nothing.
        server = self._stack.enter_context(own_server(fsync="off", full_page_writes="off"))
        os.environ["TEST_POSTGRES_URL"] = server.url.render_as_string()
        self._databases = Databases(server.url)
        self._slots = [self._databases.create() for _ in range(slots)]
        self._originals = originals()

    def preload(self, files: set[str]) -> None:
        """Import all tests of mutants of these files, once for all children."""
        own = (name for file in sorted(files) for name in _OWN[file.removesuffix(".sql")])
        self._tests = tuple(dict.fromkeys((*self._rest, *own)))
        run_tests([self._tests], ["--collect-only", "-qq", *_OPTIONS], only_servers=True)

    def start(self, slot: int, mutant: Mutant, log: Path, seconds_max: float) -> Child | Outcome:
        """Run the tests on the mutant, if PostgreSQL accepts it."""
        url = self._slots[slot]
        try:
            self._install(url, mutant.text)
        except psycopg.Error as error:
            return Outcome("invalid", str(error).splitlines()[0], 0.0)
        own = _OWN[mutant.file.removesuffix(".sql")]
        rest = tuple(name for name in self._rest if name not in own)
        return self._child(url, [group for group in (own, rest) if group], log, seconds_max)

    def start_unchanged(self, slot: int, log: Path, seconds_max: float) -> Child:
        """Run all tests on the procedures as they are."""
        return self._child(self._slots[slot], [self._tests], log, seconds_max)

    def _child(
        self, url: str, groups: Sequence[Sequence[str]], log: Path, seconds_max: float
    ) -> Child:
        template = make_url(url).database
        assert template is not None
        borrowed = self._databases.borrowed(template)

        def run_on_copies() -> str | None:
            # (in a child, which ends with it)
            patch("agentkit.databases.Databases", lambda url: borrowed).start()
            return run_tests(groups, _OPTIONS, only_servers=True)

        return Child(run_on_copies, log, seconds_max)

    def finish(self, slot: int, mutant: Mutant, pid: int | None) -> None:
        """Put back what was replaced, and remove what a killed child has left."""
        self._install(self._slots[slot], self._originals[mutant.place])
        if pid is not None:
            self._drop_copies(pid)

    def _drop_copies(self, pid: int) -> None:
        dsn = dsn_of(self._databases.url)
        names = execute(
            dsn, "SELECT datname FROM pg_database WHERE datname LIKE %s", f"test\\_{pid}\\_%"
        )
        for (name,) in names:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            execute(dsn, drop)

    def _install(self, url: str, text: str) -> None:
        with psycopg.connect(dsn_of(url)) as connection:
            path = sql.SQL("SET LOCAL search_path = {}, public")
            connection.execute(path.format(sql.Identifier(procedures_schema())))
            connection.execute(text.encode())

    def close(self) -> None:
        self._stack.close()
