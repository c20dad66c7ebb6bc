"""In, and out again, any number of times: everything is as before, and goes on."""

from typing import Any, Final

from psycopg import sql

from swpt_accounts.db.schema_discovery import BOOKS, KEPT_BOOKS, Owner, discover
from swpt_accounts.takeover.schemas import OUR_TABLES
from tests.takeover.giving_back import give_back, reference_rows
from tests.takeover.reference import KEPT, Place, ReferenceDatabases, everywhere, move

# The reference's own functions that do the money, and whom they are called for.
_FUNCTIONS: Final = {
    "process_transfer_requests({}, {}, 7776000)": (
        "SELECT DISTINCT debtor_id, sender_creditor_id FROM transfer_request ORDER BY 1, 2"
    ),
    "process_finalization_requests({}, {}, false)": (
        "SELECT DISTINCT debtor_id, sender_creditor_id FROM finalization_request ORDER BY 1, 2"
    ),
    "process_pending_balance_changes({}, {})": (
        "SELECT DISTINCT debtor_id, creditor_id FROM pending_balance_change ORDER BY 1, 2"
    ),
}
# Moments of what the functions do, and what depends on them.
_OF_THE_MOMENT: Final = {
    *("inserted_at", "prepared_at", "finalized_at", "committed_at", "last_change_ts", "interest"),
    *("last_transfer_committed_at", "last_heartbeat_ts", "deadline", "last_config_ts"),
    *("last_interest_rate_change_ts", "last_interest_capitalization_ts"),
    *("signal_id", "transfer_request_id", "change_id"),
}


def books_rows(place: Place) -> dict[str, Any]:
    """All rows of our tables, but for those that tell of moves and versions; without since when a
    request waits, which the reference does not know.
    """
    tables = set(OUR_TABLES) - {"move", "move_proof", "procedures_version", "older_senders"}
    row = "(to_jsonb(t) - 'received_at')::text"
    return {
        table: place.books(f'SELECT {row} FROM {BOOKS}.{table} AS t ORDER BY {row} COLLATE "C"')
        for table in sorted(tables)
    }


def assert_given_back(place: Place) -> None:
    """Nothing of ours is in sight."""
    schemas = place.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'swpt_accounts_%'")
    assert schemas == [(KEPT_BOOKS,)]
    with place.session() as session:
        found = discover(session)
        assert (found.owner, found.schema, found.guarded) == (
            Owner.REFERENCE,
            place.schema,
            None,
        )
        views = session.execute("SELECT count(*) FROM pg_views WHERE viewname = 'account_update'")
        assert views.fetchone() == (0,)


@everywhere
def test_three_times(place: Place) -> None:
    before = reference_rows(place)
    assert move(place) is not None
    books = books_rows(place)
    for _ in range(2):
        moved = give_back(place)
        assert moved is not None
        assert (moved.reference_schema, moved.losses) == (place.schema, [])
        assert give_back(place) is None
        assert reference_rows(place) == before
        assert_given_back(place)
        move(place)
        assert books_rows(place) == books


def test_the_archive_need_not_be_copied(public: Place) -> None:
    before = reference_rows(public)
    move(public, copies_archive=False)
    give_back(public)
    assert reference_rows(public) == before


def test_sequences_are_above_all_that_there_is(place: Place) -> None:
    def last(name: str) -> int:
        statement = sql.SQL("SELECT last_value - (NOT is_called)::integer FROM {}").format(
            sql.Identifier(name)
        )
        return int(place.query(statement)[0][0])

    names = {
        f"{table}_{column}_seq": (table, column)
        for table, column in (
            ("transfer_request", "transfer_request_id"),
            ("account_update_signal", "signal_id"),
            ("prepared_transfer_signal", "signal_id"),
            ("rejected_transfer_signal", "signal_id"),
            ("rejected_config_signal", "signal_id"),
        )
    }
    before = {name: last(name) for name in names}
    move(place)
    (ours,) = place.books("SELECT floor(extract(epoch FROM now() - '2020-01-01'))::bigint << 32")
    give_back(place)
    for name, (table, column) in names.items():
        ids = sql.SQL("SELECT min({0}), max({0}) FROM {1}").format(
            sql.Identifier(column), sql.Identifier(table)
        )
        lowest, highest = place.query(ids)[0]
        assert before[name] < lowest <= highest <= last(name), name
    assert last("pending_balance_change_signal_change_id_seq") >= ours[0] > 10**17


def test_numbers_never_go_back(public: Place) -> None:
    """Also where the clock was far ahead once."""
    name = "pending_balance_change_signal_change_id_seq"
    public.query(f"SELECT setval('{name}', 5000000000000000000)")
    move(public)
    give_back(public)
    assert public.query(f"SELECT nextval('{name}')") == [(5000000000000000001,)]


def _process_everything(place: Place) -> None:
    for call, keys in _FUNCTIONS.items():
        for debtor_id, creditor_id in place.query(keys):
            place.query(
                sql.SQL(f"SELECT {call}").format(
                    sql.SQL(f"{debtor_id}::bigint"), sql.SQL(f"{creditor_id}::bigint")
                )
            )


def test_the_reference_goes_on_as_if_nothing_had_been(
    reference: ReferenceDatabases, place: Place
) -> None:
    stayed = reference.create("public" if place.schema == "public" else "role")
    move(place)
    give_back(place)
    for each in (place, stayed):
        _process_everything(each)
        assert each.query("SELECT count(*) FROM pending_balance_change") == [(0,)]
        assert each.query("SELECT count(*) FROM finalization_request") == [(0,)]
    there, stayed_there = (reference_rows(p, without=_OF_THE_MOMENT) for p in (place, stayed))
    for table, rows in stayed_there.items():
        assert there[table] == rows, table


def test_the_rest_of_the_archive_is_brought_up_to_date(public: Place) -> None:
    """What came meanwhile, what was applied meanwhile, and what was forgotten."""
    move(public)
    public.books(
        "INSERT INTO registered_balance_change"
        " SELECT 1, n, n, now(), true FROM generate_series(1, 3000) AS n"
    )
    ((applied,),) = public.books(
        "WITH a AS (DELETE FROM pending_balance_change RETURNING *) SELECT count(*) FROM a"
    )
    assert applied > 0
    public.books("UPDATE registered_balance_change SET is_applied = true WHERE NOT is_applied")
    wanted = _archive(public, BOOKS)
    ((forgotten,),) = public.books(
        "WITH d AS (DELETE FROM registered_balance_change WHERE debtor_id = 1 AND change_id < 10"
        " RETURNING 1) SELECT count(*) FROM d"
    )
    assert forgotten == 9
    give_back(public)
    missing = wanted - _archive(public, "public")
    assert len(missing) == forgotten
    assert public.query("SELECT count(*) FROM registered_balance_change WHERE NOT is_applied") == [
        (0,)
    ]
    assert public.query(f"SELECT to_regnamespace('{KEPT}')") == [(None,)]


def _archive(place: Place, schema: str) -> set[tuple[Any, ...]]:
    return set(
        place.query(
            "SELECT debtor_id, other_creditor_id, change_id, committed_at::text, is_applied"
            f" FROM {schema}.registered_balance_change"
        )
    )


def test_what_we_knew_is_known_again(public: Place) -> None:
    """Which dead letters were dealt with, and how far the ids of balance changes have come."""
    move(public)
    public.books(
        "INSERT INTO dead_letter_dealt_with"
        " VALUES ('swpt_accounts.XQ', 7, '\\x01', 'replayed', now())"
    )
    ((number,),) = public.books("SELECT setval('change_id_seq', 41)")
    give_back(public)
    move(public)
    assert public.books("SELECT stream_offset, state FROM dead_letter_dealt_with") == [
        (7, "replayed")
    ]
    ((later,),) = public.books("SELECT nextval('change_id_seq')")
    assert later > number
