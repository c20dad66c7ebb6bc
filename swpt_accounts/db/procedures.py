"""The stored procedures that the program calls: their parameters and columns, by name.

The calls are made from these descriptions (`db/connection.py`), and a test compares them with the
catalog of an upgraded database. The SQL name of a parameter has the prefix `p_`. A parameter
that is an array of a batch has the name of a field: the n-th elements of all arrays make up the
n-th row.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from typing import Any, Final

BIGINT, INTEGER, TEXT, BYTES, BOOL = "bigint", "integer", "text", "bytea", "boolean"
FLOAT, TIMESTAMP, INTERVAL, TABLE = "double precision", "timestamptz", "interval", "regclass"
NUMERIC = "numeric"
BIGINTS, INTEGERS, TEXTS, BYTES_LIST = "bigint[]", "integer[]", "text[]", "bytea[]"
BOOLS, FLOATS, TIMESTAMPS = "boolean[]", "double precision[]", "timestamptz[]"


@dataclass(frozen=True, eq=False)
class Procedure:
    """A stored procedure: the SQL types of its parameters, and of the columns it returns.

    One without `columns` returns nothing, or a single value. What is `binary` goes over in that
    form: for arrays of long bytes it takes a hundredth of the time, but none of them may be empty.
    """

    name: str
    parameters: Mapping[str, str]
    columns: Mapping[str, str] = field(default_factory=dict)
    binary: frozenset[str] = frozenset()

    @cached_property
    def statement(self) -> bytes:
        """The call, with a named placeholder for each parameter."""
        forms = {name: "b" if name in self.binary else "s" for name in self.parameters}
        return self._call({name: f"%({name}){form}" for name, form in forms.items()})

    @cached_property
    def numbered_statement(self) -> bytes:
        """The call with PostgreSQL's own placeholders, in the order of the parameters."""
        return self._call({name: f"${n}" for n, name in enumerate(self.parameters, 1)})

    def _call(self, placeholders: Mapping[str, str]) -> bytes:
        parameters = ", ".join(
            f"p_{name} => {placeholders[name]}::{sql_type}"
            for name, sql_type in self.parameters.items()
        )
        return f"SELECT * FROM {self.name}({parameters})".encode()  # noqa: S608 - no value in it

    def arrays(
        self, rows: Iterable[Any], **others: Callable[[Any], Any] | list[Any] | None
    ) -> dict[str, list[Any] | None]:
        """The array parameters for a batch of rows: attributes of a row, or computed from it.

        An array can also be given; None is as good as one that is full of NULL.
        """
        rows = list(rows)
        found: dict[str, list[Any] | None] = {}
        for name, sql_type in self.parameters.items():
            if sql_type.endswith("[]"):
                other = others.get(name, attrgetter(name))
                found[name] = list(map(other, rows)) if callable(other) else other
        return found


def _procedure(name: str, columns: Mapping[str, str] | None = None, /, **types: str) -> Procedure:
    return Procedure(name, types, columns or {})


_PAGES: Final = {"first_page": BIGINT, "end_page": BIGINT}
_REALM: Final = {"realm_bits": INTEGER, "realm_length": INTEGER}
_ACCOUNT: Final = {"debtor_id": BIGINT, "creditor_id": BIGINT}
_ACCOUNTS: Final = {"debtor_id": BIGINTS, "creditor_id": BIGINTS}
_COORDINATORS: Final = {
    "coordinator_type": TEXTS,
    "coordinator_id": BIGINTS,
    "coordinator_request_id": BIGINTS,
}
_ROOT_CONFIGS: Final = {
    "interest_rate": FLOATS,
    "info_iri": TEXTS,
    "info_content_type": TEXTS,
    "info_sha256": BYTES_LIST,
}
_QUEUE: Final = {"after_id": BIGINT, "count_max": INTEGER, "left_ids": BIGINTS}
_PROGRESS: Final = {"taken": INTEGER, "seen": INTEGER, "last_id": BIGINT, "left_ids": BIGINTS}

# The inbox

CONFIGURE_ACCOUNTS = _procedure(
    "configure_accounts",
    **_ACCOUNTS,
    ts=TIMESTAMPS,
    seqnum=INTEGERS,
    negligible_amount=FLOATS,
    config_flags=INTEGERS,
    config_data=TEXTS,
    is_valid=BOOLS,
    minimal_balance=BIGINTS,
    **_ROOT_CONFIGS,
    message_max_delay=INTERVAL,
)
RECEIVE_TRANSFER_REQUESTS = _procedure(
    "receive_transfer_requests",
    **_ACCOUNTS,
    **_COORDINATORS,
    min_locked_amount=BIGINTS,
    max_locked_amount=BIGINTS,
    recipient=BIGINTS,
    final_interest_rate_ts=TIMESTAMPS,
    max_commit_delay=INTEGERS,
    ts=TIMESTAMPS,
    trace_context=TEXTS,
    **_REALM,
)
RECEIVE_FINALIZATION_REQUESTS = _procedure(
    "receive_finalization_requests",
    **_ACCOUNTS,
    transfer_id=BIGINTS,
    **_COORDINATORS,
    committed_amount=BIGINTS,
    transfer_note=TEXTS,
    transfer_note_format=TEXTS,
    trace_context=TEXTS,
)
RECEIVE_BALANCE_CHANGES = _procedure(
    "receive_balance_changes",
    **_ACCOUNTS,
    other_creditor_id=BIGINTS,
    change_id=BIGINTS,
    principal_delta=BIGINTS,
    coordinator_type=TEXTS,
    transfer_note=TEXTS,
    transfer_note_format=TEXTS,
    committed_at=TIMESTAMPS,
    trace_context=TEXTS,
    threshold_ts=TIMESTAMP,
)
FIND_LOCKED_ACCOUNTS = _procedure("find_locked_accounts", _ACCOUNT, **_ACCOUNTS)
NOTE_HANDLED = _procedure("note_handled", digests=BYTES_LIST)
FIND_HANDLED = _procedure("find_handled", digests=BYTES_LIST)
STARTS_OF_HANDLED = _procedure(
    "starts_of_handled", {"starts": BYTES, "is_incomplete": BOOL}, count_max=INTEGER
)
FORGET_HANDLED = _procedure("forget_handled", age=INTERVAL, count_max=INTEGER)

# The stages of a transfer

_STAGE_PROGRESS = {**_PROGRESS, "waited_seconds": FLOAT}
PROCESS_TRANSFER_REQUESTS = _procedure(
    "process_transfer_requests",
    _STAGE_PROGRESS,
    **_QUEUE,
    commit_period=INTERVAL,
)
PROCESS_FINALIZATION_REQUESTS = _procedure(
    "process_finalization_requests", _STAGE_PROGRESS, **_QUEUE, **_REALM
)
PROCESS_BALANCE_CHANGES = _procedure("process_balance_changes", _STAGE_PROGRESS, **_QUEUE)

# What is asked of other shards

NOTE_UNASKED = _procedure("note_unasked")
LEASE_UNVERIFIED_REQUESTS = _procedure(
    "lease_unverified_requests",
    {"id": BIGINT, "debtor_id": BIGINT, "recipient_creditor_id": BIGINT},
    count_max=INTEGER,
    lease=INTERVAL,
)
NOTE_VERIFICATIONS = _procedure(
    "note_verifications", id=BIGINTS, is_reachable=BOOLS, patience=INTERVAL
)
FIND_UNKNOWN_DEBTORS_OF_NEW_ACCOUNTS = _procedure(
    "find_unknown_debtors_of_new_accounts",
    {"debtor_id": BIGINT},
    **_ACCOUNTS,
    **_REALM,
    age_max=INTERVAL,
)
FIND_UNKNOWN_DEBTORS_ON_PAGES = _procedure(
    "find_unknown_debtors_on_pages", {"debtor_id": BIGINT}, **_PAGES, **_REALM, age_max=INTERVAL
)
REMEMBER_ROOT_CONFIGS = _procedure(
    "remember_root_configs", debtor_id=BIGINTS, **_ROOT_CONFIGS, count_max=INTEGER
)

# Outgoing messages that the broker did not take

_LINE: Final = {"signal_name": TEXT, "destination": TEXT}
_LINES: Final = {"signal_name": TEXTS, "destination": TEXTS}
PUT_ASIDE_MESSAGES = _procedure(
    "put_aside_messages",
    _LINE,
    id=BIGINTS,
    **_LINES,
    body=BYTES_LIST,
    reason=TEXTS,
    attempts_count=INTEGERS,
    put_aside_at=TIMESTAMPS,
    trace_context=TEXTS,
)
TAKE_DUE_MESSAGES = _procedure(
    "take_due_messages",
    {
        "id": BIGINT,
        **_LINE,
        "body": BYTES,
        "attempts_count": INTEGER,
        "put_aside_at": TIMESTAMP,
        "trace_context": TEXT,
    },
    signal_names=TEXTS,
    count_max=INTEGER,
)
NOTE_RETURNED_LINES = _procedure(
    "note_returned_lines", **_LINES, is_open=BOOLS, sent_count=INTEGERS
)
END_RETURNED_LINES = _procedure(
    "end_returned_lines", {**_LINE, "sent_count": BIGINT}, signal_names=TEXTS, count_max=INTEGER
)

# The scans

TABLE_PAGES = _procedure("table_pages", table=TABLE)
NOTE_SCAN_PASS = _procedure(
    "note_scan_pass",
    scan=TEXT,
    seconds=FLOAT,
    done_count=BIGINT,
    pages_count=BIGINT,
    pass_seconds=FLOAT,
    late_seconds=FLOAT,
)
ADD_UP_ACCOUNTS = _procedure(
    "add_up_accounts",
    {
        **{f"{state}_count": BIGINT for state in ("normal", "deleted", "overflown")},
        "issued": NUMERIC,
        "locked": NUMERIC,
        "near_limit_count": BIGINT,
    },
    **_PAGES,
    **_REALM,
)
PURGE_ACCOUNTS = _procedure("purge_accounts", **_PAGES, deleted_for_min=INTERVAL, **_REALM)
_TOLD: Final = {**_PAGES, "told_until": TIMESTAMP, **_REALM}
COUNT_OUTRUN_ACCOUNTS = _procedure("count_outrun_accounts", **_TOLD)
MEND_OUTRUN_ACCOUNTS = _procedure("mend_outrun_accounts", **_TOLD)
SEND_DUE_ACCOUNT_UPDATES = _procedure(
    "send_due_account_updates", **_PAGES, heartbeat=INTERVAL, **_REALM
)
SEND_PROMPT_ACCOUNT_UPDATES = _procedure(
    "send_prompt_account_updates", quiet_min=INTERVAL, count_max=INTEGER, **_REALM
)
FIND_ACCOUNT_CHORES = _procedure(
    "find_account_chores",
    {
        "chore_type": TEXT,
        "debtor_id": BIGINT,
        "creditor_id": BIGINT,
        "interest_rate": FLOAT,
        "debtor_info_iri": TEXT,
        "debtor_info_content_type": TEXT,
        "debtor_info_sha256": BYTES,
        "ts": TIMESTAMP,
    },
    **_PAGES,
    deletion_attempts_interval=INTERVAL,
    capitalization_interval=INTERVAL,
    interest_to_principal_ratio_max=FLOAT,
    rate_change_interval=INTERVAL,
    root_config_age_max=INTERVAL,
    **_REALM,
)
REMIND_OF_PREPARED_TRANSFERS = _procedure(
    "remind_of_prepared_transfers", **_PAGES, reminder_interval=INTERVAL, **_REALM
)
FORGET_BALANCE_CHANGES = _procedure("forget_balance_changes", **_PAGES, threshold_ts=TIMESTAMP)

# Chores

CHANGE_INTEREST_RATE = _procedure(
    "change_interest_rate", **_ACCOUNT, interest_rate=FLOAT, ts=TIMESTAMP, interval_min=INTERVAL
)
UPDATE_DEBTOR_INFO = _procedure(
    "update_debtor_info", **_ACCOUNT, iri=TEXT, content_type=TEXT, sha256=BYTES, ts=TIMESTAMP
)
CAPITALIZE_INTEREST = _procedure("capitalize_interest", **_ACCOUNT, interval_min=INTERVAL, **_REALM)
TRY_TO_DELETE_ACCOUNT = _procedure("try_to_delete_account", **_ACCOUNT, **_REALM)

# Shards

CLAIM_REALM = _procedure("claim_realm", realm=TEXT, **_REALM, is_heir=BOOL)
LAST_ROW = _procedure("last_row", table=TABLE, after_id=BIGINT, count_max=BIGINT)
DROP_PARENT_ROWS = _procedure(
    "drop_parent_rows", table=TABLE, after_id=BIGINT, last_id=BIGINT, **_REALM
)
FIND_FOREIGN_ROW = _procedure(
    "find_foreign_row",
    {"debtor_id": BIGINT, "creditor_id": BIGINT},
    table=TABLE,
    after_id=BIGINT,
    last_id=BIGINT,
    **_REALM,
)
OWNER_COLUMNS = _procedure("owner_columns", table=TABLE)
DROP_PARENT_ACCOUNTS = _procedure("drop_parent_accounts", **_PAGES, **_REALM)
DROP_PARENT_PREPARED_TRANSFERS = _procedure("drop_parent_prepared_transfers", **_PAGES, **_REALM)

# Dead letters

_LETTERS: Final = {"queue": TEXT, "stream_offset": BIGINTS, "digest": BYTES_LIST}
LOCK_DEAD_LETTERS = _procedure("lock_dead_letters")
FIND_DEALT_WITH = _procedure(
    "find_dealt_with", {"stream_offset": BIGINT, "digest": BYTES, "state": TEXT}, **_LETTERS
)
MARK_DEALT_WITH = _procedure("mark_dealt_with", **_LETTERS, state=TEXT)
UNMARK_DEALT_WITH = _procedure("unmark_dealt_with", **_LETTERS)
FORGET_DEALT_WITH = _procedure("forget_dealt_with", queue=TEXT, first_offset=BIGINT)

# Moving

COPY_OLDER_BALANCE_CHANGES = _procedure(
    "copy_older_balance_changes", {"pages_copied": BIGINT, "pages_count": BIGINT}, pages_max=BIGINT
)

# The journal

RECORD_MESSAGES = replace(
    _procedure(
        "record_messages",
        message_type=TEXTS,
        **_ACCOUNTS,
        **_COORDINATORS,
        transfer_id=BIGINTS,
        body=BYTES_LIST,
        is_sent=BOOL,
    ),
    binary=frozenset({"body"}),
)
SWEEP_JOURNAL = _procedure("sweep_journal", days=INTEGER)

# The fetch API

GET_CONFIG_DATA = _procedure("get_config_data", **_ACCOUNT)

PROCEDURES: Final = tuple(value for value in globals().values() if isinstance(value, Procedure))
"""All of them."""
