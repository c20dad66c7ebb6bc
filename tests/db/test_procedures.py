"""The descriptions of the stored procedures agree with the catalog, and so do the calls."""

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from swpt_accounts.db import procedures
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import PROCEDURES, Procedure

PACKAGE = Path(procedures.__file__).parents[1]
SIGNATURE = """
SELECT
    coalesce(proargnames, '{}') AS names,
    coalesce(proargmodes::text[], array_fill('i'::text, ARRAY[pronargs::integer])) AS modes,
    ARRAY(
        SELECT format_type(t, NULL)
        FROM unnest(coalesce(proallargtypes, proargtypes::oid[])) WITH ORDINALITY AS a (t, n)
        ORDER BY n
    ) AS types
FROM pg_proc WHERE oid = %s::text::regproc
"""
FULL_NAMES = {
    "timestamptz": "timestamp with time zone",
    "timestamptz[]": "timestamp with time zone[]",
}


def full(types: dict[str, str]) -> dict[str, str]:
    return {name: FULL_NAMES.get(sql_type, sql_type) for name, sql_type in types.items()}


@pytest.mark.parametrize("procedure", PROCEDURES, ids=lambda procedure: str(procedure.name))
def test_description_is_that_of_the_catalog(
    procedure: Procedure, shared_connection: DatabaseConnection
) -> None:
    row = shared_connection.raw.execute(SIGNATURE, [procedure.name]).fetchone()
    assert row is not None
    arguments = list(zip(*row, strict=True))
    parameters = {name.removeprefix("p_"): t for name, mode, t in arguments if mode == "i"}
    columns = {name: t for name, mode, t in arguments if mode in "ot"}
    assert parameters == full(dict(procedure.parameters))
    assert columns == full(dict(procedure.columns))
    assert all(name.startswith("p_") for name, mode, _ in arguments if mode == "i")


def test_every_procedure_is_described_once() -> None:
    names = [procedure.name for procedure in PROCEDURES]
    assert len(set(names)) == len(names) > 30


def calls() -> Iterator[tuple[Path, str]]:
    """The descriptions that the program uses, and where."""
    described = {name for name, value in vars(procedures).items() if isinstance(value, Procedure)}
    for path in PACKAGE.rglob("*.py"):
        if path.name != "procedures.py":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Name) and node.id in described:
                    yield path, node.id


def test_every_described_procedure_is_called() -> None:
    called = {name for _, name in calls()}
    assert called == {n for n, v in vars(procedures).items() if isinstance(v, Procedure)}


@pytest.mark.parametrize(
    "parameters",
    [{}, {"first_page": 0}, {"first_page": 0, "end_page": 1, "threshold_ts": 1, "x": 2}],
)
def test_call_with_other_parameters_is_not_made(
    shared_connection: DatabaseConnection, parameters: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError, match="forget_balance_changes"):
        shared_connection.call(procedures.FORGET_BALANCE_CHANGES, **parameters)


def test_arrays_of_a_batch_go_by_the_names_of_the_fields() -> None:
    rows = [SimpleNamespace(signal_name=f"s{i}", destination="d", sent=[i]) for i in range(2)]
    arrays = procedures.NOTE_RETURNED_LINES.arrays(
        rows, is_open=lambda row: True, sent_count=lambda row: len(row.sent)
    )
    assert arrays == {
        "signal_name": ["s0", "s1"],
        "destination": ["d", "d"],
        "is_open": [True, True],
        "sent_count": [1, 1],
    }


def test_rows_have_the_names_of_the_columns(shared_connection: DatabaseConnection) -> None:
    found = shared_connection.call(
        procedures.PROCESS_BALANCE_CHANGES, after_id=2**63 - 1, count_max=2**31 - 1, left_ids=[]
    )
    assert (found.taken, found.seen, found.last_id, found.left_ids) == (0, 0, None, [])


def test_integers_of_every_size_are_one_type(shared_connection: DatabaseConnection) -> None:
    """Or each mixture of them in a batch would be prepared as another statement."""
    for values in ([1], [2**31], [-(2**63), 2**63 - 1]):
        row = shared_connection.raw.execute("SELECT pg_typeof(%s)::text", [values]).fetchone()
        assert row == ("bigint[]",)
