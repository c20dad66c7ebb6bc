"""What a session with the database may not inherit from the role, the database, or the server.

`ALTER ROLE … SET`, `ALTER DATABASE … SET` and postgresql.conf may change any of these settings, for
other programs of the same server. All of them are known to PostgreSQL 15 and to later versions.

What is left to the operator: memory, costs of the planner, parallel workers, tablespaces; `role`;
and `default_transaction_read_only`, which protects a database.
"""

from collections.abc import Mapping
from typing import Final

# Each of them: a value, and why it is needed.
Pins = Mapping[str, tuple[str, str]]

MEANING: Final[Pins] = {
    "DateStyle": ("ISO,MDY", "dates are read, and sent to peers, as PostgreSQL writes them"),
    "IntervalStyle": ("postgres", "psycopg reads no other style"),
    "TimeZone": ("UTC", "moments are sent to peers as PostgreSQL writes them"),
    "bytea_output": ("hex", "bytes are read as PostgreSQL writes them"),
    "extra_float_digits": ("1", "rates are computed from their texts, and sent; less rounds them"),
    "array_nulls": ("on", "batches are arrays; NULL in them would become a text"),
    "standard_conforming_strings": ("on", "a backslash in a literal is a backslash"),
    "transform_null_equals": ("off", "a comparison with NULL is not true"),
    "row_security": ("off", "a policy that hides rows is an error, not a smaller table"),
    "plpgsql.check_asserts": ("on", "assertions guard the money"),
    "plpgsql.extra_errors": ("none", "a warning of the compiler is not an error"),
    "default_transaction_isolation": ("read\\ committed", "locks, and no failed serializations"),
    "exit_on_error": ("off", "a refused statement is not a lost connection"),
}
"""For every session: texts and results mean the same everywhere."""


NETWORK: Final[Pins] = {
    "tcp_keepalives_idle": ("30", "the locks of a session whose host, or network, is gone …"),
    "tcp_keepalives_interval": ("10", "… are free in a minute, and not in hours"),
    "tcp_keepalives_count": ("3", "the same"),
    "tcp_user_timeout": ("60s", "the same, where something was sent to it"),
}
LIMITS: Final[Pins] = {
    **NETWORK,
    "lock_timeout": ("10s", "a neighbour's lock is not waited for without end"),
    "statement_timeout": ("120s", "nor is a statement"),
    "idle_in_transaction_session_timeout": ("120s", "nor does a worker that hangs keep locks"),
    "idle_session_timeout": ("0", "a worker that waits for a wake-up is idle"),
}
MIGRATING: Final[Pins] = {
    "lock_timeout": ("500ms", "a session that waits for a lock blocks those behind it"),
    "statement_timeout": ("10min", "an index of a large table takes long"),
    "idle_in_transaction_session_timeout": ("10min", "all migrations are one transaction"),
    "idle_session_timeout": ("0", "a pool keeps connections"),
}
OPERATING: Final[Pins] = {
    **NETWORK,
    "lock_timeout": ("0", "each lock has a limit of its own"),
    "statement_timeout": ("0", "a large table takes long"),
    "idle_in_transaction_session_timeout": ("120s", "one that hangs stops all transfers"),
    "idle_session_timeout": ("0", "the same as for workers"),
    "work_mem": ("64MB", "whole tables are added up"),
    "jit": ("off", "compiling takes longer than it saves"),
    "client_connection_check_interval": ("2s", "a command whose client is gone is rolled back"),
}
"""For an operator who changes a whole database."""
PLANS: Final[Pins] = {
    "enable_indexscan": ("on", "every statement finds rows by a key, or reads along an index"),
    "enable_nestloop": ("on", "so does every join"),
    "enable_tidscan": ("on", "what is locked is changed by its place"),
    "enable_hashjoin": ("off", "the planner gets no choice: its statistics lag behind tables …"),
    "enable_mergejoin": ("off", "… that fill and empty all day"),
    "enable_seqscan": ("off", "the same"),
    "enable_bitmapscan": ("off", "the same"),
    "plan_cache_mode": ("force_generic_plan", "a plan for each call costs more than the call"),
    "jit": ("off", "so does compiling it"),
}
READING: Final[Pins] = {
    "default_transaction_read_only": ("on", "proofs change nothing"),
    "enable_indexscan": ("off", "they read whole tables; an index could be broken"),
    "enable_indexonlyscan": ("off", "the same"),
    "enable_bitmapscan": ("off", "the same"),
    "enable_nestloop": ("off", "how many rows are of a realm, the planner cannot know"),
    "work_mem": ("128MB", "hash joins of whole tables"),
    "jit": ("off", "compiling takes longer than it saves"),
    "lock_timeout": ("10s", "a neighbour's lock is not waited for without end"),
    "statement_timeout": ("0", "a large table takes long"),
    "idle_in_transaction_session_timeout": ("120s", "one that hangs does not hold back vacuum"),
    "idle_session_timeout": ("0", "the same as for workers"),
    "client_connection_check_interval": ("2s", "a check whose client is gone is cancelled"),
}
ASKING: Final[Pins] = {
    "default_transaction_read_only": ("on", "questions change nothing"),
    "lock_timeout": ("2s", "a question waits for no lock"),
    "statement_timeout": ("5s", "a table that is too long is said to be, and not read"),
    "idle_in_transaction_session_timeout": ("60s", "one that hangs does not hold back vacuum"),
    "idle_session_timeout": ("0", "a console keeps connections"),
    "client_connection_check_interval": ("2s", "an answer whose client is gone is cancelled"),
    "jit": ("off", "compiling takes longer than it saves"),
}
"""For questions about a few rows, beside the work."""
WORKING: Final = (LIMITS, PLANS)

ARRIVED: Final = "swpt_accounts.has_options"
"""A setting of the program's own: it shows whether the options have arrived."""


def session_options(*pins: Pins, **more: str) -> str:
    """The libpq parameter `options`: `MEANING` and these, and more by name and value."""
    pinned = {name: value for each in (MEANING, *pins) for name, (value, _) in each.items()}
    return " ".join(f"-c {name}={value}" for name, value in {**pinned, **more}.items())
